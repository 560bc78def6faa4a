"""Dagster's UI in a real browser: what its pages show of the exports, and a backfill launched by clicking.

The tests share one Dagster, and each works alone. What the backfill brings is awaited by the last of them, since it
takes some ticks of the daemon: the others look at their pages meanwhile.
"""

import re
from collections import Counter
from typing import Any

import pytest
from browsed_home import DAYS, MISSED, PAYLOAD, SECRET, SHIPPED, URL_SECRET
from pictures import WIDE, take_picture
from playwright.sync_api import Locator, Page, expect

from statsig_export.vocabulary import Category
from statsig_export.windows import split_partition_key

GRAPH = "/locations/dagster_project.definitions/asset-groups/statsig_export/lineage"
RESOURCE = "/locations/dagster_project.definitions/resources/statsig_export"
EVENTS = "/assets/statsig/events"
DELIVERED = "/assets/fivetran/statsig_events"
WANTED = (Category.GATE_EXPOSURE, Category.EXPERIMENT_EXPOSURE)
"""The categories that are backfilled, over the days missed."""
BACKFILLS = """{
  partitionBackfillsOrError { ... on PartitionBackfills {
    results { id status numPartitions assetSelection { path } partitionNames }
  } }
}"""


def value_of(within: Page | Locator, label: str) -> Locator:
    """The value of a metadata entry."""
    return within.locator(f"tr:has(:text-is('{label}')) td").nth(1)


def backfills(services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = services[0].ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
    return found


@pytest.fixture(scope="module")
def received_before(home, shipped) -> int:
    """How many events the webhook had taken in when the backfill was launched."""
    assert shipped
    return len(home.receiver.events())


@pytest.fixture(scope="module")
def backfill(browser, services, received_before) -> dict[str, Any]:
    """Launched by clicking; as GraphQL tells of it."""
    assert received_before > 0
    page = browser.new_page()
    page.goto(f"{EVENTS}?view=partitions")
    page.get_by_role("button", name="Materialize…").click()
    dialog = page.get_by_role("dialog").first
    window = dialog.get_by_placeholder("ex: ")
    expect(window).to_be_visible()  # until Dagster knows that it is a time, it offers a second list of categories
    dialog.get_by_text("Select a partition").click()
    for category in WANTED:
        page.get_by_role("menuitem", name=category).click()
    page.keyboard.press("Escape")
    window.fill(f"[{MISSED[0]}...{MISSED[-1]}]")
    window.press("Enter")
    expect(dialog.get_by_text(f"{len(WANTED) * len(MISSED)} partitions", exact=True)).to_be_visible()
    take_picture(page, "backfill", dialog)
    assert backfills(services) == []
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_text("Created backfill")).to_be_visible()
    page.close()
    (launched,) = backfills(services)
    return launched


def test_the_asset_graph_leads_from_the_source_tables_to_what_the_webhook_received(page: Page):
    page.set_viewport_size(WIDE)
    page.goto(GRAPH)
    nodes = page.locator("foreignObject")
    kinds = {"source/exposures": "SQL", "source/custom_events": "SQL", EVENTS: "Parquet", DELIVERED: "Fivetran"}
    for key, kind in kinds.items():
        node = nodes.filter(has=page.locator(f"a[href*='{key}?']"))
        expect(node).to_contain_text(kind)
        expect(node).to_contain_text("Passed")
    expect(page.get_by_text(re.compile("% filled$"))).to_have_count(2)
    expect(page.locator("path[marker-end]")).to_have_count(3)
    take_picture(page, "asset-graph")


def test_a_partition_picked_by_category_and_window_shows_what_was_delivered_of_it(page: Page, home):
    category, day = Category.GATE_EXPOSURE, SHIPPED[2]
    page.goto(f"{DELIVERED}?view=partitions")
    for listed in (*Category, *DAYS):
        expect(page.get_by_text(listed, exact=True).first).to_be_visible()
    page.get_by_text(category, exact=True).first.click()
    page.get_by_text(day, exact=True).first.click()
    expect(page.get_by_text(f"{category}|{day}", exact=True).first).to_be_visible()
    expect(value_of(page, "delivered events")).to_have_text(str(home.rows[day, category]))
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    take_picture(page, "partitions")


def test_the_checks_tab_says_what_a_check_holds_and_what_it_found(page: Page):
    page.goto(f"{EVENTS}?view=checks")
    page.get_by_text("account_balances", exact=True).first.click()
    expect(page.get_by_text("This is a blocking asset check.")).to_be_visible()
    expect(page.get_by_text("Passed", exact=True)).to_be_visible()
    expect(value_of(page, "events")).to_have_text(re.compile(r"^[1-9]\d*$"))


def test_a_backfill_is_launched_by_clicking_its_categories_and_windows(backfill):
    assert backfill["assetSelection"] == [{"path": ["statsig", "events"]}]
    assert set(backfill["partitionNames"]) == {f"{category}|{day}" for category in WANTED for day in MISSED}


def test_the_page_of_a_ship_run_tells_of_each_shipment_and_leads_to_the_export_run(page: Page, home, shipped):
    page.goto(f"/runs/{shipped.ship_runs[0]}")
    page.get_by_placeholder("Filter…").fill("type:ASSET_MATERIALIZATION")
    entries = page.locator("[data-index]").filter(has_text=re.compile(r"_exposure\|"))  # of which no row is filtered
    entries.last.get_by_role("button", name="View full message").click()
    shipment = page.get_by_role("dialog")
    category, day = split_partition_key(value_of(shipment, "partition").inner_text())
    requests = -(-home.rows[day, category] // 100)
    told = {"delivered events": home.rows[day, category], "status 200": requests, "pending": 0, "failed": 0}
    for label, value in told.items():
        expect(value_of(shipment, label)).to_have_text(str(value))
    expect(value_of(shipment, "ship run").get_by_role("link")).to_have_text(shipped.ship_runs[0])
    take_picture(page, "shipment", shipment)
    value_of(shipment, "export run").get_by_role("link").click()
    page.wait_for_url(f"**/runs/{shipped.export_runs[0]}*")
    expect(page.get_by_text("export_events", exact=True).first).to_be_visible()


def test_no_page_shows_a_secret_or_what_an_event_says(page: Page, shipped):
    for path, seen in {
        RESOURCE: "FIVETRAN_WEBHOOK_SECRET",
        EVENTS: "byte for byte as it is sent",
        f"{EVENTS}?view=partitions&partition={Category.CUSTOM_EVENT}|{SHIPPED[2]}": "planned",
        f"/runs/{shipped.export_runs[0]}": "RUN_SUCCESS",
        f"/runs/{shipped.ship_runs[0]}": "RUN_SUCCESS",
    }.items():
        page.goto(path)
        expect(page.get_by_text(seen).last).to_be_visible()
        content = page.content()
        assert [word for word in (URL_SECRET, SECRET, *PAYLOAD) if word in content] == []


def test_what_was_backfilled_by_clicking_arrives_once(page: Page, home, services, backfill, received_before):
    _, until = services
    wanted = sum(home.rows[day, category] for day in MISSED for category in WANTED)
    until(lambda: len(home.receiver.events()) >= received_before + wanted)
    assert set(Counter(event["timeUUID"] for event in home.receiver.events()).values()) == {1}
    page.goto(f"/runs/b/{backfill['id']}")
    expect(page.get_by_text("Succeeded", exact=True).first).to_be_visible()
    until(lambda: [done["status"] for done in backfills(services)] == ["COMPLETED_SUCCESS"])
