"""Where things are in Dagster's UI, and what a person does there."""

from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

LOCATION = "/locations/dagster_project.definitions"
EVENTS = "/assets/statsig/events"
DELIVERED = "/assets/fivetran/statsig_events"


def value_of(within: Page | Locator, label: str) -> Locator:
    """The value of a metadata entry."""
    return within.locator(f"tr:has(:text-is('{label}')) td").nth(1)


def tick(page: Page, sensor: str) -> Locator:
    """Evaluate a sensor on its page; the dialog with what it says."""
    page.goto(f"{LOCATION}/sensors/{sensor}")
    page.get_by_role("button", name="Preview tick result").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_text("Computed cursor value")).to_be_visible()
    return dialog


def launch(page: Page, job: str, config: str = "{}") -> None:
    """Start a run from the Launchpad; its page opens."""
    page.goto(f"{LOCATION}/jobs/{job}/playground/setup?{urlencode({'config': config})}")
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url("**/runs/*")
