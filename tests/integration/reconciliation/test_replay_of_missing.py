"""`replay --missing` sends what did not arrive, and nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from home import ExportHome
from landing import EVENTS, Landing, landing_in
from rows import custom_event, exposure
from shell import DAY, Shell

from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.testing.webhook.faults import Rule, answer


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return landing_in(tmp_path)


@pytest.fixture
def shell(home: ExportHome, landing: Landing) -> Shell:
    """Thirty events were sent in batches of ten, and landed but for four of them."""
    home.environ["LANDED"] = landing.url
    home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
    home.add([custom_event(key) for key in range(1, 31)], [exposure(1)])
    shell = Shell(home)
    home.export()
    home.ship()
    events = home.receiver.events()
    landing.land(event for event in events if event["timeUUID"] not in gone(home))
    return shell


def gone(home: ExportHome) -> list[str]:
    """Two that follow one another, one alone, and one of another batch."""
    ids = [event["timeUUID"] for event in home.receiver.events() if event["eventName"] != "statsig::gate_exposure"]
    ids = sorted(ids)
    return [ids[2], ids[3], ids[7], ids[25]]


def test_arrivals_says_what_is_missing_and_status_remembers_it(shell: Shell):
    result = shell("arrivals")

    assert result.exit_code == 1
    assert "4 events are missing" in result.stderr
    assert shell.json("arrivals")["missing"] == 4
    assert shell.json("status")["arrivals"]["missing"] == 4
    assert "27 arrived, 4 missing" in shell("status").stdout


def test_a_dry_run_says_what_it_would_be_and_sends_nothing(shell: Shell):
    before = len(shell.home.receiver.requests)

    plan = shell.json("replay", *DAY, "--missing", "--dry-run")
    whole = shell.json("replay", *DAY, "--dry-run")

    assert plan == {"dry_run": True, "events": 4, "requests": 3, "withheld": 0}
    assert whole == {"dry_run": True, "events": 31, "requests": 4, "withheld": 0}
    assert len(shell.home.receiver.requests) == before


@pytest.mark.fault("F397")
def test_just_those_are_sent_again_with_their_ids_and_then_the_account_says_so(shell: Shell, landing: Landing):
    missing = gone(shell.home)
    before = len(shell.home.receiver.events())

    result = shell("replay", *DAY, "--missing")
    again = shell.home.receiver.events()[before:]

    assert result.exit_code == 0, result.output
    assert sorted(event["timeUUID"] for event in again) == sorted(missing)
    landing.land(again)
    assert shell("arrivals").exit_code == 0
    report = shell.json("arrivals", *DAY)
    assert (report["arrived"], report["missing"], report["repeated"]) == (31, 0, 0)
    assert shell.json("status")["account"]["forwarded"] == 31, "a replay is no part of the account"
    assert verify(shell.home.config).differences == ()


@pytest.mark.fault("F397")
def test_what_is_being_sent_again_already_is_not_sent_twice(shell: Shell):
    before = len(shell.home.receiver.events())
    shell.home.set("arrivals", grace="1h")
    shell.home.write()
    shell.home.set("arrivals", grace="0s")

    assert shell.json("replay", *DAY, "--missing", "--dry-run")["events"] == 0, "within the grace nothing is missing"
    shell.home.write()
    shell("replay", *DAY, "--missing")
    shell.home.set("arrivals", grace="1h")
    shell.home.write()
    shell("replay", *DAY, "--missing")

    assert len(shell.home.receiver.events()) == before + 4


@pytest.mark.fault("F394")
@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_lost_file_is_said_and_what_is_missing_elsewhere_is_sent(
    shell: Shell, landing: Landing, dry: tuple[str, ...]
):
    exposures = [event for event in shell.home.receiver.events() if event["eventName"] == "statsig::gate_exposure"]
    landing.remove(event["timeUUID"] for event in exposures)
    before = len(shell.home.receiver.events())
    for file in (shell.home.folder / "files").rglob("*.parquet"):
        if "custom_event" in str(file):
            file.unlink()

    result = shell("replay", *DAY, "--missing", *dry, "--json")

    assert result.exit_code == 5
    assert "custom_event" in json.loads(result.stdout)["errors"][0]
    assert len(shell.home.receiver.events()) == before + (0 if dry else 1)


@pytest.mark.fault("F397")
def test_an_event_that_two_windows_sent_is_sent_again_once(shell: Shell, landing: Landing):
    missing, home = gone(shell.home), shell.home
    later = datetime(2026, 11, 21, 12, tzinfo=UTC)
    home.add([custom_event(40, time_uuid=missing[0], ingested_at=later)])
    home.export("2026-11-21")
    home.ship()
    before = len(home.receiver.events())

    shell("replay", "--from", "2026-11-20", "--to", "2026-11-22", "--missing")
    again = home.receiver.events()[before:]

    assert shell.json("arrivals")["missing"] == 5, "in each of the windows that sent it"
    assert sorted(event["timeUUID"] for event in again) == sorted(missing)
    landing.land(again)
    assert shell.json("arrivals")["missing"] == 0


@pytest.mark.fault("F397")
def test_where_an_earlier_replay_ended_no_other_request_begins(shell: Shell, landing: Landing):
    shell("replay", *DAY, "--missing")
    ids = sorted(e["timeUUID"] for e in shell.home.receiver.events() if e["eventName"] != "statsig::gate_exposure")
    landing.remove(ids)

    plan = shell.json("replay", *DAY, "--missing", "--dry-run")

    assert (plan["events"], plan["requests"]) == (30, 3), "three batches of ten, of which some rows were sent again"


@pytest.mark.fault("F398")
def test_a_dry_run_leaves_out_what_is_being_sent_again(shell: Shell):
    shell.home.receiver.play([Rule(actions=[answer(500)], cycle=True)])
    shell("replay", *DAY, "--missing")

    assert shell.json("replay", *DAY, "--missing", "--dry-run") == {
        "dry_run": True,
        "events": 0,
        "requests": 0,
        "withheld": 0,
    }


@pytest.mark.fault("F394")
@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_what_was_pruned_is_refused_as_by_any_replay(shell: Shell, dry: list[str]):
    prune(shell.home.config, datetime(2026, 11, 21, tzinfo=UTC), datetime.now(UTC))

    result = shell("replay", *DAY, "--missing", *dry)

    assert result.exit_code == 2
    assert "was pruned" in result.stderr


def test_a_category_and_a_window_that_were_not_asked_for_stay_as_they_are(shell: Shell):
    assert shell.json("replay", *DAY, "--missing", "--dry-run", "--category", "gate_exposure")["events"] == 0


def test_without_a_table_in_export_toml_it_says_where_that_is_described(shell: Shell):
    del shell.home.settings["arrivals"]
    shell.home.write()

    for words in (("arrivals",), ("replay", *DAY, "--missing")):
        result = shell(*words, "--json")
        assert result.exit_code == 2
        assert "export.toml has no [arrivals]" in json.loads(result.stdout)["errors"][0]


def test_failed_and_missing_are_not_asked_for_together(shell: Shell):
    assert shell("replay", *DAY, "--missing", "--failed").exit_code == 2
