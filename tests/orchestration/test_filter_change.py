"""What the UI shows of a changed filter, partition by partition."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster_folder import DAYS, Project

from statsig_export.dagster.keys import EVENTS
from statsig_export.export.gaps import missing_windows
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.vocabulary import Category

EXPORTED = f"custom_event|{DAYS[0]}"
WIDER = ("debug_ping = false", "debug_ping = true")
NARROWER = ("debug_ping = false", "debug_ping = false, purchase = false")


def stale_status(project: Project, partition: str) -> tuple[str, list[str]]:
    """As the partition's page asks for it: the status, and its causes."""
    graph = project.definitions().resolve_asset_graph()
    shown = CachingStaleStatusResolver(project.instance, graph, LoadingContextForTest(project.instance))
    causes = [cause.reason for cause in shown.get_stale_causes(EVENTS, partition)]
    return shown.get_status(EVENTS, partition).value, causes


def data_version(project: Project, partition: str) -> str:
    wanted = dg.AssetRecordsFilter(asset_key=EVENTS, asset_partitions=[partition])
    event = project.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
    assert event is not None
    return (event.tags or {})["dagster/data_version"]


def names_received(project: Project) -> list[str]:
    return sorted(event["eventName"] for event in project.receiver.events())


@pytest.mark.parametrize("change", [WIDER, NARROWER])
def test_an_exported_partition_is_unsynced_from_the_change_of_the_filter_to_its_next_export(
    project: Project, change: tuple[str, str]
):
    project.fill([DAYS[0]])
    project.export(EXPORTED)
    assert stale_status(project, EXPORTED) == ("FRESH", [])
    before = data_version(project, EXPORTED)

    project.configure(*change)
    assert stale_status(project, EXPORTED) == ("STALE", ["has a new code version"])
    assert stale_status(project, f"custom_event|{DAYS[1]}") == ("MISSING", [])

    project.export(EXPORTED)
    assert stale_status(project, EXPORTED) == ("FRESH", [])
    assert data_version(project, EXPORTED) != before


@pytest.mark.fault("F431")
def test_turning_privacy_on_is_shown_as_a_change_of_the_filter_is_and_sends_nothing_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    key = "the key of the digests, 32 bytes long"
    monkeypatch.setenv("HASH_KEY", key)
    project.fill([DAYS[0]])
    project.export(EXPORTED)
    ship(project.config)
    before, sent = data_version(project, EXPORTED), len(names_received(project))

    project.configure("[webhook]", '[privacy]\nhash = ["userID"]\nhash_key = "env:HASH_KEY"\n[webhook]')
    assert stale_status(project, EXPORTED) == ("STALE", ["has a new code version"])
    project.export(EXPORTED)
    ship(project.config)

    fingerprint = project.config.privacy_fingerprint()
    assert stale_status(project, EXPORTED) == ("FRESH", [])
    assert data_version(project, EXPORTED) == f"{before}-privacy-{fingerprint}"
    assert project.metadata("statsig", "events", partition=EXPORTED)["privacy"] == fingerprint
    assert len(names_received(project)) == sent
    kept = b"".join(file.read_bytes() for file in (project.folder / "dagster_home").rglob("*") if file.is_file())
    assert key.encode() not in kept


def test_a_change_that_has_nothing_to_do_with_the_filter_leaves_partitions_as_they_are(project: Project):
    project.fill([DAYS[0]])
    project.export(EXPORTED)

    project.configure("max_events = 2", "max_events = 3")

    assert stale_status(project, EXPORTED) == ("FRESH", [])


def test_a_wider_filter_and_a_backfill_send_what_was_left_out_and_a_second_backfill_nothing(project: Project):
    project.fill(DAYS[:2])
    project.export_days(DAYS[0], DAYS[1])
    ship(project.config)
    assert names_received(project).count("debug_ping") == 0
    project.configure(*WIDER)

    for left_out in (2, 0):
        project.export_days(DAYS[0], DAYS[1])
        report = ship(project.config)
        assert report.sent == left_out

    assert names_received(project).count("debug_ping") == 2
    assert len(names_received(project)) == len({event["timeUUID"] for event in project.receiver.events()}) == 12


def test_what_a_narrower_filter_leaves_out_is_still_sent_where_it_was_planned_before(project: Project):
    project.fill(DAYS[:2])
    project.export(f"custom_event|{DAYS[0]}")
    project.configure(*NARROWER)

    project.export(f"custom_event|{DAYS[0]}", f"custom_event|{DAYS[1]}")
    ship(project.config)

    assert names_received(project) == ["purchase", "purchase"]
    filtered = {line.partition: line.account.filtered_by for line in status(project.config)}
    assert filtered[f"custom_event|{DAYS[0]}"] == {"custom_events.events.debug_ping": 1}
    assert filtered[f"custom_event|{DAYS[1]}"] == {
        "custom_events.events.debug_ping": 1,
        "custom_events.events.purchase": 2,
    }


def test_a_category_that_is_on_again_is_missing_in_the_windows_since_its_first_export(project: Project):
    """The ledger cannot tell a window in which it was off from one that was skipped: nothing is left out unseen."""
    project.fill()
    project.configure('lookback = "10d"', 'lookback = "1d"')
    project.export_days(DAYS[0], DAYS[0])
    off = ("[filter.custom_events]", "[filter]\nexposures = false\n[filter.custom_events]")
    project.configure(*off)
    project.export(f"config_change|{DAYS[1]}", f"custom_event|{DAYS[3]}")
    assert not missing_windows(project.config, datetime.now(UTC))

    project.configure(off[1], off[0])

    missing = missing_windows(project.config, datetime.now(UTC))
    assert [window.key for window in missing] == DAYS[1:]
    assert all(Category.GATE_EXPOSURE in categories for categories in missing.values())
