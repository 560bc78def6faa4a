"""The quarantine as a user meets it: in a notebook, in `status --failed` and `plan --failed`."""

import json

import pytest
from click.testing import Result
from home import DAY, ExportHome
from rows import NOON, custom_event, exposure, utc
from sqlalchemy import Engine, text

import statsig_export
from statsig_export.export.outside import count_outside
from statsig_export.source.outside import Place
from statsig_export.testing.webhook.faults import Rule, answer

RANGE = ["--from", "2026-11-20", "--to", "2026-11-21"]
CANARY = "canary@example.org"


def cli_on(home: ExportHome, *words: str) -> Result:
    home.write()
    return home.verb(*words)


def json_of(result: Result) -> dict:
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return json.loads(result.stdout)


def test_a_failed_row_is_told_by_its_key_its_reason_and_the_place_but_not_what_it_holds(any_home: ExportHome):
    any_home.add(
        [custom_event(1), custom_event(2, None, time_uuid="two"), custom_event(3, user=[CANARY])],
        [exposure(4, "hologram")],
    )
    any_home.export()
    frame = statsig_export.failed_rows(any_home.config)

    assert list(frame.columns) == ["category", "window", "row_key", "time_uuid", "reason", "detail"]
    assert list(zip(frame["category"], frame["row_key"], frame["reason"], strict=True)) == [
        ("custom_event", "2", "missing_event_name"),
        ("custom_event", "3", "wrong_type"),
        ("gate_exposure", "4", "unknown_exposure_type"),
    ]
    assert set(frame["window"]) == {DAY}
    assert frame["time_uuid"][0] == "two"
    assert frame["detail"][1] == "user is no JSON object"
    assert CANARY not in frame.to_csv()


def test_events_that_the_webhook_rejects_are_failed_rows_too(any_home: ExportHome):
    any_home.receiver.play([Rule(time_uuid="poison", actions=[answer(400, "no such unit")])])
    any_home.add([custom_event(1), custom_event(2, time_uuid="poison"), custom_event(3, None)])
    any_home.export()
    any_home.ship()
    frame = statsig_export.failed_rows(any_home.config)

    assert len(frame) == any_home.account().failed == 2
    rejected = frame[frame["reason"] == "rejected"].to_dict("records")[0]
    assert (rejected["time_uuid"], rejected["detail"]) == ("poison", "HTTP 400: no such unit")
    assert frame["row_key"].isna().sum() == 1


def test_exporting_again_clears_the_rows_that_were_mended(home: ExportHome):
    home.add([custom_event(1, None), custom_event(2, user=["no object"])])
    home.export()
    home.change(1, event_name="mended")
    home.export()
    half = statsig_export.failed_rows(home.config)
    home.change(2, user={"userID": "u"})
    home.export()

    assert list(half["row_key"]) == ["2"]
    assert statsig_export.failed_rows(home.config).empty


def test_failed_rows_are_chosen_by_their_window(home: ExportHome):
    home.add([custom_event(1, None)])
    home.export()

    assert len(statsig_export.failed_rows(home.config, start=utc(0))) == 1
    assert statsig_export.failed_rows(home.config, start=utc(1)).empty
    assert statsig_export.failed_rows(home.config, end=utc(0)).empty


def test_before_the_first_export_no_row_failed_and_no_ledger_is_made(home: ExportHome):
    frame = statsig_export.failed_rows(home.config)

    assert list(frame.columns) == ["category", "window", "row_key", "time_uuid", "reason", "detail"]
    assert frame.empty
    assert not (home.folder / "ledger.db").exists()


def test_status_lists_failed_rows_when_asked_to(home: ExportHome):
    home.add([custom_event(1), custom_event(7, user=[CANARY])])
    home.export()
    text = cli_on(home, "status", "--failed").stdout
    listed = json_of(cli_on(home, "status", "--failed", "--json"))["failed_rows"]

    assert "wrong_type" in text
    assert "user is no JSON object" in text
    assert [(row["row_key"], row["reason"]) for row in listed] == [("7", "wrong_type")]
    assert set(listed[0]) == {"category", "window", "row_key", "time_uuid", "reason", "detail"}
    assert CANARY not in text
    assert "failed_rows" not in json_of(cli_on(home, "status", "--json"))
    assert "Failed rows" not in cli_on(home, "status").stdout


def test_plan_lists_the_rows_that_would_fail_and_writes_nothing(home: ExportHome):
    home.add([custom_event(1, None), custom_event(2)], [exposure(3, None)])
    text = cli_on(home, "plan", *RANGE, "--failed").stdout
    listed = json_of(cli_on(home, "plan", *RANGE, "--failed", "--json"))["failed_rows"]

    assert "missing_event_name" in text
    assert "unknown_exposure_type" in text
    assert sorted(row["row_key"] for row in listed) == ["1", "3"]
    assert not (home.folder / "ledger.db").exists()


def test_a_long_list_of_failed_rows_is_cut_for_people_and_whole_as_json(home: ExportHome):
    home.add([custom_event(key, None) for key in range(1, 131)])
    home.export()

    for verb in (["status"], ["plan", *RANGE]):
        text = cli_on(home, *verb, "--failed").stdout
        assert text.count("missing_event_name") == 50 + 1  # and once in the breakdown
        assert "... and 80 more: --json lists them all." in text
        assert len(json_of(cli_on(home, *verb, "--failed", "--json"))["failed_rows"]) == 130


def test_without_failed_rows_the_list_says_so(home: ExportHome):
    home.add([custom_event(1)])
    home.export()

    assert "No row failed." in cli_on(home, "status", "--failed").stdout
    assert json_of(cli_on(home, "status", "--failed", "--json"))["failed_rows"] == []


@pytest.mark.fault("F73")
@pytest.mark.parametrize("text", ["[/oops] [red]x", "\x1b[2J\r\n2026-01-01 ERROR forged", "\u202egnp.exe", "x" * 5_000])
def test_text_of_others_can_neither_steer_a_terminal_nor_flood_it(home: ExportHome, text: str):
    home.receiver.play([Rule(event_name="poison", actions=[answer(400, text)])])
    home.set("filter", custom_events={"events": {text: False}})
    home.add([custom_event(1, text), custom_event(2, "poison"), custom_event(3, None, time_uuid=text), custom_event(4)])
    home.export()
    home.ship()
    printed = [cli_on(home, *verb, "--failed") for verb in (["status"], ["plan", *RANGE])]

    for result in printed:
        assert result.exit_code == 1  # more rows fail than [checks] allows, and nothing else is wrong
        assert all(character.isprintable() or character == "\n" for character in result.output)
        assert "\n2026-01-01 ERROR" not in result.output
        assert "x" * 1_000 not in result.output.split("for example:")[0].replace("\n", "")


def test_rows_that_no_window_can_hold_are_told_by_plan_and_run(any_home: ExportHome):
    any_home.add([custom_event(1), custom_event(2, ingested_at=None)], [exposure(3, ingested_at=None)])
    planned = cli_on(any_home, "plan", *RANGE)
    ran = cli_on(any_home, "run", *RANGE)

    assert count_outside(any_home.config).rows(Place.UNPLACED) == {"exposures": 1, "custom_events": 1}
    for result in (planned, ran):
        assert "custom_events: 1 row belongs to no window" in result.stderr
        assert "exposures: 1 row belongs to no window" in result.stderr
    for verb in ("plan", "run"):
        report = json_of(cli_on(any_home, verb, *RANGE, "--json"))
        assert report["unplaced"] == 2
        assert report["unplaced_by"] == {"exposures": 1, "custom_events": 1}
    only = json_of(cli_on(any_home, "plan", *RANGE, "--category", "layer_exposure", "--json"))
    assert only["unplaced_by"] == {"exposures": 1}


def test_nothing_is_said_of_unplaced_rows_where_there_are_none(home: ExportHome):
    home.add([custom_event(1)])

    assert "no window" not in cli_on(home, "plan", *RANGE).stderr
    assert json_of(cli_on(home, "run", *RANGE, "--json"))["unplaced"] == 0


@pytest.mark.fault("F245")
def test_rows_before_the_start_and_in_the_future_are_told_beside_those_without_a_time(any_home: ExportHome):
    before, future = NOON.replace(year=2026, month=10), NOON.replace(year=2999)
    any_home.add([custom_event(1), custom_event(2, ingested_at=before), custom_event(3, ingested_at=future)])
    for verb in ("plan", "run"):
        result = cli_on(any_home, verb, *RANGE)
        assert result.exit_code == 0
        assert "custom_events: 1 row lies before the start of the windows" in result.stderr
        assert "custom_events: 1 row lies in the future" in result.stderr
        assert "looks like a year after 2099" in result.stderr
        report = json_of(cli_on(any_home, verb, *RANGE, "--json"))
        assert (report["unplaced"], report["before_start"], report["in_future"]) == (0, 1, 1)
        assert report["in_future_by"] == {"custom_events": 1, "exposures": 0}
        assert report["misplaced"] is None


@pytest.mark.fault("F246")
@pytest.mark.parametrize(
    ("value", "kind"),
    [(20260901, "YYYYMMDD"), (0, "zero"), ("0000-00-00 00:00:00", "a zero date"), ("2999-01-01", "a year after 2099")],
)
def test_a_run_whose_rows_are_all_nowhere_is_no_success_and_says_what_they_look_like(
    home: ExportHome, value: object, kind: str
):
    home.add([custom_event(1), custom_event(2)])
    home.on_source(lambda engine: set_window_column(engine, value))
    for verb in ("plan", "run"):
        result = cli_on(home, verb, *RANGE)
        assert result.exit_code == 1
        assert f"custom_events: ingested_at looks like {kind}; expected a timestamp or an epoch time" in result.stderr
        assert kind in json_of(cli_on(home, verb, *RANGE, "--json"))["misplaced"]


@pytest.mark.fault("F246")
def test_one_table_that_is_nowhere_is_no_success_beside_one_that_is_sent(home: ExportHome):
    home.add([custom_event(1)], [exposure(2)])
    home.on_source(lambda engine: set_window_column(engine, 20260901))
    result = cli_on(home, "run", *RANGE)

    assert result.exit_code == 1
    assert "custom_events: ingested_at looks like YYYYMMDD" in result.stderr
    assert home.account().forwarded == 1


def test_a_table_that_ended_before_the_start_is_a_success_beside_one_that_goes_on(home: ExportHome):
    old = NOON.replace(month=10)
    home.add([custom_event(1)], [exposure(2, ingested_at=old)])
    assert cli_on(home, "run", *RANGE).exit_code == 0
    home.remove(1)
    alone = cli_on(home, "plan", *RANGE)
    assert alone.exit_code == 0
    assert "1 row lies before the start of the windows" in alone.stderr


def set_window_column(engine: Engine, value: object) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE custom_events SET ingested_at = :value"), {"value": value})
