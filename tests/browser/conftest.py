"""One home, one Dagster and one browser for the file of tests: it takes 20 s until they are up."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from browsed_home import SECRET, URL_SECRET, BrowsedHome
from dagster_processes import DagsterDev, dagster_dev, environment, wait_for
from pictures import VIEWPORT
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright
from ui_queries import without_failures

from statsig_export.demo.dagster_stage import DemoRun
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver

REQUIRED = "STATSIG_EXPORT_BROWSER"
"""Set to `required`, a missing browser fails the tests instead of skipping them."""
NO_CHROMIUM = "no chromium here; install it (Debian, Ubuntu: apt-get install chromium) to test the UI in a browser"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 120_000
"""For each thing looked for on a page; on two free cores nothing takes 5 s but the backfill."""


@pytest.fixture(scope="module", autouse=True)
def chromium() -> str:
    """Looked for first: without it nothing else is made."""
    found = shutil.which("chromium")
    if found is not None:
        return found
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(NO_CHROMIUM)
    pytest.skip(NO_CHROMIUM)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowsedHome]:
    """Not filled yet; the environment has what its configuration names."""
    authentication = Authentication("hmac", secret=SECRET)
    receiver = Receiver(path=f"/webhooks/{URL_SECRET}", auth=authentication, strict_delivery=True)
    with receiver, pytest.MonkeyPatch.context() as patch:
        made = BrowsedHome(tmp_path_factory.mktemp("browsed"), receiver)
        for name, value in {**made.environ, "STATSIG_EXPORT_CONFIG": str(made.config_path)}.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="module")
def shipped(home) -> DemoRun:
    """The runs that brought the days since the set-up."""
    done = home.fill()
    assert not done.failures
    return done


@pytest.fixture(scope="module")
def services(home, shipped) -> Iterator[tuple[DagsterDev, Callable[..., object]]]:
    """`dagster dev`, and how to wait for something as long as it runs."""
    log = home.folder / "dagster-dev.log"
    with dagster_dev(environment(shipped.dagster_home, home.config_path), log) as (dev, process):
        until = partial(wait_for, process=process, log=log)
        until(dev.ready)
        yield dev, until


@pytest.fixture(scope="module")
def browser(chromium, services) -> Iterator[BrowserContext]:
    """Waits by itself for whatever a test clicks or expects. Ends with the file: it leaves no loop for other tests."""
    dev, _ = services
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE_MS)
        context = started.new_context(
            base_url=dev.url, viewport=VIEWPORT, timezone_id="UTC", locale="en-US", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MS)
        yield context
        started.close()


@pytest.fixture
def page(browser, tmp_path: Path) -> Iterator[Page]:
    """A new tab, of which no query may fail. Its last look stays in `tmp_path`."""
    tab = browser.new_page()
    try:
        with without_failures(tab):
            yield tab
    finally:
        tab.screenshot(path=tmp_path / "last.png")
        tab.close()
