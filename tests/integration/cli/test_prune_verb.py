"""The verb prune: one JSON object or a few lines, and the exit code."""

import json

import pytest
from click.testing import Result
from home import ExportHome
from old_windows import CUSTOM, GATE, LATER, files
from rows import custom_event, exposure

from statsig_export.testing.webhook.faults import Rule, answer

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]


@pytest.fixture
def home_with_a_day(home: ExportHome) -> ExportHome:
    """One event is forwarded, one row failed."""
    home.set("windows", lookback="1h")
    home.write()
    home.add([custom_event(1), custom_event(2, None)], [exposure(1)])
    say(home, "run", *DAY)
    return home


def say(home: ExportHome, *words: str) -> Result:
    return home.verb(*words)


def test_json_is_one_object_with_the_account(home_with_a_day: ExportHome):
    status = json.loads(say(home_with_a_day, "status", "--json").stdout)
    sizes = sum(path.stat().st_size for path in files(home_with_a_day))
    dry = say(home_with_a_day, "prune", "--before", LATER, "--dry-run", "--json")
    result = say(home_with_a_day, "prune", "--before", LATER, "--json")
    report = json.loads(result.stdout)

    assert (dry.exit_code, result.exit_code, result.stderr) == (0, 0, "")
    assert json.loads(dry.stdout) == {**report, "dry_run": True}
    assert report == {
        "account": status["account"],
        "before": "2026-11-21T00:00:00+00:00",
        "dry_run": False,
        "pruned": [CUSTOM, GATE],
        "pending": [],
        "busy": [],
        "batches": 2,
        "attempts": 2,
        "files": 3,
        "temporary_files": 0,
        "orphans": 0,
        "bytes": sizes,
        "shared_files": 0,
        "postponed_files": 0,
    }
    assert json.loads(say(home_with_a_day, "prune", "--before", LATER, "--json").stdout)["pruned"] == []


def test_status_and_verify_say_what_was_pruned(home_with_a_day: ExportHome):
    before = json.loads(say(home_with_a_day, "status", "--json").stdout)
    say(home_with_a_day, "prune", "--before", LATER)
    after = json.loads(say(home_with_a_day, "status", "--json").stdout)
    days = {line["partition"]: line.pop("pruned") for line in after["partitions"]}
    for line in before["partitions"]:
        assert line.pop("pruned") is None

    assert after == before
    assert {key for key, day in days.items() if day} == {CUSTOM, GATE}
    shown = say(home_with_a_day, "status", "--failed")
    assert "No row failed" in shown.stdout
    assert "2 of these partitions were pruned: their figures stay, their rows are gone.\n" in shown.stderr
    verified = say(home_with_a_day, "verify")
    assert verified.exit_code == 0
    assert "2 of these partitions were pruned: only their account can be verified." in verified.stderr
    assert json.loads(say(home_with_a_day, "verify", "--json").stdout)["pruned"] == 2


def test_what_is_pruned_is_said_in_a_few_lines(home_with_a_day: ExportHome):
    dry = say(home_with_a_day, "prune", "--before", LATER, "--dry-run")
    result = say(home_with_a_day, "prune", "--before", LATER)

    assert "Would prune 2 partitions" in dry.stdout
    assert "Would remove 3 of their files" in dry.stdout
    assert "Pruned 2 partitions of windows that ended by 2026-11-21 00:00 UTC: 2 batches, 2 attempts." in result.stdout
    assert "Removed 3 of their files, 0 temporary files, 0 orphans:" in result.stdout
    assert "Their account stays: 3 events, 2 forwarded." in result.stdout


def test_what_is_pending_exits_with_1(home_with_a_day: ExportHome):
    home_with_a_day.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    home_with_a_day.add(exposures=[exposure(2)])
    say(home_with_a_day, "run", *DAY)
    result = say(home_with_a_day, "prune", "--before", LATER)

    assert result.exit_code == 1
    assert result.stderr == "1 partitions were left as they are: events of them are still to be sent.\n"
    assert json.loads(say(home_with_a_day, "prune", "--before", LATER, "--json").stdout)["pending"] == [GATE]


@pytest.mark.parametrize("before", ["2999-01-01", "yesterday"])
def test_a_time_that_cannot_be_exits_with_2(home_with_a_day: ExportHome, before: str):
    held = files(home_with_a_day)

    assert say(home_with_a_day, "prune", "--before", before).exit_code == 2
    assert say(home_with_a_day, "prune").exit_code == 2
    assert files(home_with_a_day) == held


@pytest.mark.parametrize("verb", ["run", "plan", "replay"])
def test_a_pruned_window_is_refused_with_one_line_and_2(home_with_a_day: ExportHome, verb: str):
    say(home_with_a_day, "prune", "--before", LATER)
    requests = len(home_with_a_day.receiver.requests)
    result = say(home_with_a_day, verb, *DAY)

    assert result.exit_code == 2
    assert "custom_event|2026-11-20 was pruned on " in result.stderr
    assert "docs/retention.md" in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(home_with_a_day.receiver.requests) == requests
