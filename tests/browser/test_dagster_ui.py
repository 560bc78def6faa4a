"""Dagster's UI in a real browser: what its pages show of the exports, and a backfill launched by clicking.

The tests share one Dagster, and each works alone. What the backfill brings is awaited by the last of them, since it
takes some ticks of the daemon: the others look at their pages meanwhile.
"""

import re
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest
from browsed_home import BY_COMMAND_LINE, DAYS, MISSED, PAYLOAD, SECRET, SHIPPED, URL_SECRET, WITHOUT
from pictures import PLOTS, WIDE, take_picture
from playwright.sync_api import BrowserContext, Page, expect
from ui import DELIVERED, EVENTS, LOCATION, launch, tick, value_of
from ui_queries import without_failures

from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category
from statsig_export.windows import split_partition_key

pytestmark = pytest.mark.acceptance

GRAPH = f"{LOCATION}/asset-groups/statsig_export/lineage"
RESOURCE = f"{LOCATION}/resources/statsig_export"
WANTED = (Category.GATE_EXPOSURE, Category.EXPERIMENT_EXPOSURE)
"""The categories that are backfilled, over the days missed."""
BACKFILLS = """{
  partitionBackfillsOrError { ... on PartitionBackfills {
    results { id status numPartitions assetSelection { path } partitionNames }
  } }
}"""


def backfills(services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = services[0].ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
    return found


@pytest.fixture(scope="module")
def by_command_line(home, services) -> str:
    """A day that it exports and ships while Dagster is there."""
    assert services
    home.run_by_command_line()
    return BY_COMMAND_LINE


@pytest.fixture(scope="module")
def received_before(home, shipped, by_command_line) -> int:
    """How many events the webhook had taken in when the backfill was launched."""
    assert shipped
    assert by_command_line
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


@pytest.mark.fault("F312", "F326")
def test_the_page_of_what_was_delivered_counts_all_of_it_and_leads_to_what_fills_it(page: Page, home):
    page.goto(DELIVERED)
    expect(page.get_by_role("link", name="ledger_sensor")).to_be_visible()
    rows = page.get_by_text(re.compile(r"^\d+,\d{3}$")).first
    expect(rows).to_be_visible()
    assert int(rows.inner_text().replace(",", "")) > max(home.rows.values())
    page.get_by_role("link", name="ship_batches").click()
    page.wait_for_url(f"**{LOCATION}/jobs/ship_batches")
    expect(page.get_by_text("ship_sensor").first).to_be_visible()


def test_each_category_is_one_line_over_the_windows(page: Page):
    page.set_viewport_size(PLOTS)
    page.goto(DELIVERED)
    page.get_by_role("button", name="Plots").click()
    for category in Category:
        expect(page.get_by_text(f"events of {category}", exact=True)).to_be_visible()
    first = page.get_by_text(f"events of {Category.CONFIG_CHANGE}", exact=True)
    first.evaluate("title => { title.style.scrollMarginTop = '16px'; title.scrollIntoView() }")
    take_picture(page, "plots")


def test_metadata_of_a_partition_holds_no_statement_and_no_lineage(page: Page):
    """Dagster stores all metadata of every partition: what is the whole run's is with its last."""
    page.goto(f"{EVENTS}?view=partitions&partition={Category.GATE_EXPOSURE}|{SHIPPED[2]}")
    expect(value_of(page, "planned")).to_be_visible()
    assert page.get_by_text("queries", exact=True).count() == 0
    assert page.get_by_text("dagster/column_lineage", exact=True).count() == 0


@pytest.mark.fault("F326")
def test_no_query_of_any_page_fails(browser: BrowserContext, shipped):
    jobs = (
        "export_events",
        "check_deliveries",
        "ship_batches",
        "sync_with_ledger",
    )  # as the others, which are launched
    paths = {
        **{f"{asset}?view={view}": "Lineage" for asset in (EVENTS, DELIVERED) for view in ("events", "lineage")},
        f"{DELIVERED}?view=checks": "everything_due_is_sent",
        "/assets/source/exposures": "Lineage",
        **{f"{LOCATION}/jobs/{job}": job for job in jobs},
        f"{LOCATION}/schedules/export_schedule": "export_schedule",
        f"/runs/{shipped.export_runs[0]}": "RUN_SUCCESS",
        "/automation": "ledger_sensor",
        "/deployment/concurrency": "fivetran_webhook",
    }
    todo, at_once = list(paths.items()), 3
    for at in range(0, len(todo), at_once):
        with ExitStack() as stack:
            opened = []
            for path, seen in todo[at : at + at_once]:
                tab = browser.new_page()
                stack.callback(tab.close)
                opened.append((tab, seen, stack.enter_context(without_failures(tab))))
                tab.goto(path, wait_until="commit")
            for tab, seen, queries in opened:
                expect(tab.get_by_text(seen).first).to_be_visible()
                queries.settle()


@pytest.mark.fault("F325", "F332")
def test_what_the_command_line_shipped_shows_though_nobody_started_a_job(page: Page, home, services, by_command_line):
    _, until = services
    until(lambda: home.shows(DELIVERED, by_command_line))
    page.goto(f"{DELIVERED}?view=partitions&partition={Category.GATE_EXPOSURE}|{by_command_line}")
    delivered = str(home.rows[by_command_line, Category.GATE_EXPOSURE])
    expect(value_of(page, "delivered events")).to_have_text(delivered)
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    page.goto(f"{DELIVERED}?view=partitions&partition={WITHOUT}|{by_command_line}")
    expect(value_of(page, "nothing to send")).to_contain_text("the window has no event of this category")
    expect(page.get_by_text("Materialized", exact=True)).to_be_visible()
    page.goto(f"{EVENTS}?view=partitions&partition={Category.GATE_EXPOSURE}|{by_command_line}")
    expect(value_of(page, "events")).to_have_text(delivered)


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
    (ended,) = until(lambda: [done for done in backfills(services) if done["status"] != "REQUESTED"])
    assert ended["status"] == "COMPLETED_SUCCESS", home.failures()
    assert home.runs_of(backfill["id"]) == len(WANTED)  # one a category, of all the windows


@pytest.mark.fault("F314", "F315")
def test_a_halt_shows_on_the_page_of_the_sensor_and_is_lifted_by_a_job(page: Page, home):
    partition = f"{Category.CONFIG_CHANGE}|{SHIPPED[2]}"
    replay = f"ops: {{replay: {{config: {{partitions: ['{partition}']}}}}}}"
    launch(page, "replay_batches", replay.replace(SHIPPED[2], "2020-01-01"))
    expect(page.get_by_text("partitions that were never exported: 1").first).to_be_visible()
    home.receiver.play([Rule(actions=(answer(401),))])
    launch(page, "replay_batches", replay)
    expect(page.get_by_text("RUN_FAILURE").first).to_be_visible()
    expect(tick(page, "ship_sensor")).to_contain_text("the destination fivetran is halted: ")
    take_picture(page, "halted", page.get_by_role("dialog"))
    home.receiver.play([])
    launch(page, "resume_destination")
    expect(page.get_by_text("RUN_SUCCESS").first).to_be_visible()
    expect(tick(page, "ship_sensor")).not_to_contain_text("halted")
    launch(page, "send_test_event")
    expect(page.get_by_text("RUN_SUCCESS").first).to_be_visible()


@pytest.mark.fault("F302")
def test_what_ships_needs_no_variable_of_the_source(page: Page, home, services):
    """The last one: from here on nothing can be exported."""
    _, until = services
    until(lambda: "Skip reason" in tick(page, "ship_sensor").inner_text())  # the replay that was halted is sent, too
    home.config_path.write_text(home.config_path.read_text().replace("STATSIG_DATABASE_URL", "NOT_SET_HERE"))
    page.goto("/deployment/locations")
    with page.expect_response(re.compile("ReloadRepositoryLocationMutation")):
        page.get_by_role("button").filter(has_text=re.compile("^Reload$")).click()
    page.goto(RESOURCE)
    expect(page.get_by_text("NOT_SET_HERE").first).to_be_visible()
    for sensor in ("ship_sensor", "ledger_sensor"):
        expect(tick(page, sensor)).to_contain_text("Skip reason")
