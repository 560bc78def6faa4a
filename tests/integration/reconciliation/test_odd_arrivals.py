"""Histories and tables that a comparison could misread: too much said to be missing is sent twice."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from home import ExportHome, Home
from landing import Landing, landing_in
from rows import custom_event
from sent_home import GRACE, compared, fifteen_sent, last_attempt, points_at, sent_earlier
from shell import DAY

from statsig_export.reconciliation.landed import LandedTable
from statsig_export.reconciliation.reports import Arrivals
from statsig_export.testing.webhook.faults import Rule, answer


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return landing_in(tmp_path)


@pytest.fixture
def home(home: ExportHome, landing: Landing) -> ExportHome:
    return fifteen_sent(home, landing)


@pytest.mark.fault("F400")
@pytest.mark.parametrize("database", ["sqlite", "duckdb"])
def test_a_row_without_a_time_is_there_all_the_same(home: ExportHome, tmp_path: Path, database: str):
    landing = Landing(database, str(tmp_path / f"other.{database}"))
    points_at(home, landing)
    landing.land(home.receiver.events())
    landing.run("UPDATE statsig_events SET _fivetran_synced = NULL WHERE _index < 3")

    assert compared(home, after=GRACE).total == Arrivals(forwarded=15, arrived=15)


@pytest.mark.fault("F400")
@pytest.mark.parametrize("spelt", [str.upper, lambda one: one.replace("-", "")])
def test_a_uuid_is_the_same_in_every_spelling(home: ExportHome, landing: Landing, spelt):
    landing.land({**event, "timeUUID": spelt(event["timeUUID"])} for event in home.receiver.events())

    report = compared(home, after=GRACE)

    assert (report.total, report.alien) == (Arrivals(forwarded=15, arrived=15), 0)


@pytest.mark.fault("F400")
def test_an_id_that_is_no_uuid_is_compared_letter_by_letter(home: ExportHome, landing: Landing):
    home.add([custom_event(11, time_uuid="Ab-1"), custom_event(12, time_uuid="aB-1")])
    home.export()
    home.ship()
    landing.land(event for event in home.receiver.events() if event["timeUUID"] != "aB-1")

    assert compared(home, after=GRACE).total == Arrivals(forwarded=17, arrived=16, missing=1)


@pytest.mark.fault("F489")
def test_what_was_sent_while_the_clock_was_hours_ahead_is_not_sent_again(home: ExportHome, tmp_path: Path):
    landing = landing_in(tmp_path, "duckdb")
    points_at(home, landing)
    sent_earlier(home, timedelta(hours=15))
    landing.land(home.receiver.events()[1:], datetime.now(UTC) - timedelta(hours=19))
    home.write()
    assert compared(home).total.missing == 15, "by its time each row was written before it was sent"

    result = home.verb("replay", *DAY, "--missing", "--dry-run")

    assert "1 events in 1 requests" in result.stdout


@pytest.mark.fault("F493")
def test_what_was_sent_in_the_future_is_said_to_be(home: ExportHome):
    sent_earlier(home, timedelta(days=-300))

    report = compared(home)

    assert (report.total.not_yet, report.total.missing) == (15, 0)
    assert report.judged is not None
    assert "by the clock here, which is still to come" in report.judged.says[0]


@pytest.mark.fault("F488")
@pytest.mark.parametrize(
    ("spelt", "said"),
    [
        (
            lambda one: {**one, "timeUUID": f"{{{one['timeUUID']}}}"},
            "15 events are missing, and not one was found among the 15 rows",
        ),
        (
            lambda one: {**one, "timeUUID": one["timeUUID"] + " "},
            "15 events are missing, and not one was found among the 15 rows",
        ),
        (None, "and not one was found among the 0 rows of statsig_events"),
    ],
    ids=["in braces", "padded", "none"],
)
def test_where_not_one_event_is_there_it_is_said_before_anybody_replays(
    home: ExportHome, landing: Landing, spelt: Callable[[dict[str, str]], dict[str, str]] | None, said: str
):
    landing.land(map(spelt, home.receiver.events()) if spelt else [])
    sent_earlier(home, GRACE)
    home.write()

    results = home.verb("arrivals"), home.verb("replay", *DAY, "--missing", "--dry-run")

    assert [said in result.stderr for result in results] == [True, True]
    landing.land(home.receiver.events()[:1])
    assert "not one was found" not in home.verb("arrivals").stderr


@pytest.mark.fault("F401")
def test_what_was_first_sent_long_ago_and_is_sent_again_now_is_compared(home: ExportHome, landing: Landing):
    sent_earlier(home, timedelta(days=40))
    home.write()
    landing.land(home.receiver.events()[4:], datetime.now(UTC) - timedelta(days=40))
    home.verb("replay", *DAY, "--missing")
    landing.land(home.receiver.events()[15:])

    assert compared(home).total == Arrivals(forwarded=15, arrived=15)


@pytest.mark.fault("F401")
def test_parts_of_a_batch_whose_result_was_unknown_before_it_was_split_are_compared(tmp_path: Path, home: ExportHome):
    landing = Landing("sqlite", str(tmp_path / "other.sqlite"))
    points_at(home, landing)
    landing.land(home.receiver.events())
    compared(home, after=GRACE)  # all is settled but for what comes now
    home.add([custom_event(key) for key in range(11, 15)])
    home.export()
    request = len(home.receiver.requests)
    home.receiver.play([Rule(actions=[answer(500), answer(413), answer(200)], requests=set(range(request + 1, 99)))])
    before = last_attempt(home)
    home.write()
    home.ship()
    sent_earlier(home, timedelta(hours=3), since_attempt=before)
    home.verb("ship", "--now")
    home.verb("ship", "--now")
    landing.land(home.receiver.events()[15:])

    total = compared(home, after=GRACE).total

    assert (total.forwarded, total.arrived, total.missing, total.unchecked) == (19, 19, 0, 0)


@pytest.mark.fault("F402")
def test_what_was_sent_before_the_table_is_read_from_and_synced_after_is_ours(home: ExportHome, landing: Landing):
    sent_earlier(home, timedelta(hours=26))
    landing.land(home.receiver.events(), datetime.now(UTC) - timedelta(hours=18))
    assert compared(home).alien == 0
    settled = last_attempt(home)
    home.add([custom_event(11)])
    home.export()
    home.ship()
    sent_earlier(home, timedelta(hours=19), since_attempt=settled)

    report = compared(home)

    assert (report.landed, report.alien, report.total.missing) == (15, 0, 1)


@pytest.mark.fault("F403")
def test_where_no_temporary_folder_is_to_be_had_the_error_says_so(
    home: ExportHome, landing: Landing, monkeypatch: pytest.MonkeyPatch
):
    landing.land(home.receiver.events())
    home.write()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])

    result = home.verb("arrivals")

    assert result.exit_code == 5
    assert "the temporary folder of this process cannot be written (No usable temporary directory" in result.output


@pytest.mark.fault("F416")
@pytest.mark.parametrize("day", ["2026-11-20", "2026-11-20 00:00:00", "2026-11-20T00:00:00Z"])
@pytest.mark.parametrize("kind", ["TEXT", "TIMESTAMP", "VARCHAR(40)", "DATE"])
def test_in_sqlite_a_day_stands_for_all_of_it_whatever_type_its_column_has(tmp_path: Path, kind: str, day: str):
    home, landing = Home(tmp_path), landing_in(tmp_path)
    points_at(home, landing)
    landing.run("ALTER TABLE statsig_events RENAME COLUMN _fivetran_synced TO earlier")
    landing.run(f"ALTER TABLE statsig_events ADD COLUMN _fivetran_synced {kind}")
    landing.run(
        "INSERT INTO statsig_events (_fivetran_synced, data) "  # noqa: S608 - likewise
        f"""VALUES ('{day}', '{{"timeUUID": "a"}}'), ('2026-11-19', '{{"timeUUID": "b"}}')"""
    )

    with LandedTable(home.config) as table:
        read = list(table.read(datetime(2026, 11, 20, 13, tzinfo=UTC)))
        assert sum(map(len, read)) == 1
        assert table.reads_from == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.fault("F416")
@pytest.mark.parametrize(("database", "synced"), [("sqlite", None), ("duckdb", None), ("sqlite", "")])
def test_what_else_is_read_with_whole_days_or_a_whole_table_is_still_ours(
    home: ExportHome, tmp_path: Path, database: str, synced: str | None
):
    landing = landing_in(tmp_path, database)
    landing.run("ALTER TABLE statsig_events DROP COLUMN _fivetran_synced")
    landing.run("ALTER TABLE statsig_events ADD COLUMN _fivetran_synced DATE")
    points_at(home, landing)
    noon = datetime.now(UTC).replace(hour=12, minute=0)
    ahead = noon - datetime.now(UTC)  # at whatever hour this runs: what was sent at seven was written on the same day
    sent_earlier(home, timedelta(hours=5) - ahead)
    settled = last_attempt(home)
    home.set("arrivals", grace="1m", columns={} if synced is None else {"synced": synced})
    today = f"{noon:%Y-%m-%d}"
    rows = ", ".join(f"""('{today}', '{{"timeUUID": "{one["timeUUID"]}"}}')""" for one in home.receiver.events())
    landing.run(f"INSERT INTO statsig_events (_fivetran_synced, data) VALUES {rows}")  # noqa: S608 - ids of this test
    assert compared(home, ahead).total.arrived == 15
    home.add([custom_event(11, ingested_at=datetime(2026, 11, 21, 12))])
    home.export("2026-11-21")
    home.ship()
    sent_earlier(home, -ahead, since_attempt=settled)

    report = compared(home, ahead + timedelta(minutes=2))

    assert (report.landed, report.alien, report.total.missing) == (15, 0, 1)


@pytest.mark.fault("F420")
def test_a_text_that_is_no_json_ends_no_comparison_on_duckdb(home: ExportHome, tmp_path: Path):
    landing = landing_in(tmp_path, "duckdb")
    points_at(home, landing)
    landing.run("ALTER TABLE statsig_events ALTER data TYPE TEXT")
    landing.land(home.receiver.events())
    landing.run("UPDATE statsig_events SET data = 'no json' WHERE _index = 0")

    report = compared(home, after=GRACE)

    assert (report.total.arrived, report.total.missing, report.alien) == (14, 1, 1)
