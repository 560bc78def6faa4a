"""The verb trace: what it prints, its exit codes, and nothing of an event unless it is asked for."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from derived_ids import derived
from home import ExportHome
from old_windows import CUSTOM, QUICK, lived, pruned
from rows import custom_event

from statsig_export.lineage.frames import failed_rows
from statsig_export.lineage.trace import trace
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category


@pytest.fixture
def say(home: ExportHome) -> Callable[..., Result]:
    home.write()
    return home.verb


def test_the_verb_prints_the_whole_way_and_exits_with_0(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(1)])
    report = home.export()
    shipped = home.ship()
    result = say("trace", derived(home, 1))
    (batch,) = trace(home.config, derived(home, 1)).events[0].batches

    assert (result.exit_code, result.stderr) == (0, "")
    written = report.partitions[Category.CUSTOM_EVENT]
    for told in (
        "page_view, 2026-11-20 12:00:00.001 UTC",
        "Counted as  forwarded",
        "custom_events, id = 1",
        "ingested_at from 2026-11-20 00:00:00 UTC to 2026-11-21 00:00:00 UTC",
        report.run_id,
        "1 rows read",
        'FROM "custom_events"',
        f"filter {home.config.filter_fingerprint()}",
        f"{written.file}",
        f"sha256 {written.digest}",
        "row 0 of 1",
        f"webhook-id {batch.batch_id}",
        "attempt 1",
        "accepted",
        "HTTP 200",
        shipped.run_id,
    ):
        assert told in result.stdout


@pytest.mark.parametrize(("status", "word"), [(400, "failed"), (503, "pending")])
def test_the_verb_exits_with_1_for_what_was_not_forwarded(
    home: ExportHome, say: Callable[..., Result], status: int, word: str
):
    home.add([custom_event(1, "poison"), custom_event(2)])
    home.export()
    home.receiver.play([Rule(event_name="poison", actions=[answer(status, Retry_After="60")])])
    ship(home.config, policy=QUICK)
    result = say("trace", derived(home, 1))

    assert result.exit_code == 1
    assert f"Counted as  {word}" in result.stdout
    assert f"HTTP {status}" in result.stdout


def test_the_verb_prints_a_failed_rows_reason(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(7, None)])
    home.export()
    (uuid,) = failed_rows(home.config)["time_uuid"]
    result = say("trace", uuid)

    assert result.exit_code == 1
    for told in ("failed", "missing_event_name", "custom_events, id = 7", "quarantine/category=custom_event"):
        assert told in result.stdout
    assert json.loads(say("trace", uuid, "--json").stdout)["failed_rows"][0]["row_key"] == "7"


def test_the_verb_says_in_one_line_what_an_unknown_id_may_mean(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(1)])
    home.export()
    for words in (["nowhere\x1b[2J"], ["nowhere", "--json"]):
        result = say("trace", *words)
        told = {"errors": [result.stderr.strip().removeprefix("statsig-export: ")], "exit_code": 2}
        assert (result.exit_code, result.stdout) == (2, json.dumps(told) + "\n" if "--json" in words else "")
        assert result.stderr.count("\n") == 1
        assert "is not known to this ledger (1 files searched)" in result.stderr
        assert "`statsig-export plan --from ... --to ...`" in result.stderr
        assert "\x1b" not in result.stderr


def test_the_verb_names_pruned_windows(home: ExportHome, say: Callable[..., Result]):
    home.set("windows", lookback="1h")
    lived(home)
    pruned(home)
    result = say("trace", "poison")

    assert result.exit_code == 2
    assert f"the files of {CUSTOM} (pruned on 2027-01-05) and 1 more are gone" in result.stderr


def test_json_has_every_step_and_no_event_unless_asked(home: ExportHome, say: Callable[..., Result]):
    lived(home)
    found = json.loads(say("trace", "late", "--json").stdout)
    (told,) = found["events"]

    assert set(found) == {"time_uuid", "derived_from", "files_searched", "events", "failed_rows", "pruned"}
    assert (told["partition"], told["counted_as"], told["generation"]) == (CUSTOM, "forwarded", 2)
    assert told["source"]["id_column"] == "time_uuid"
    assert told["source"]["start"] == "2026-11-20T00:00:00+00:00"
    assert [(attempt["status"], attempt["outcome"]) for attempt in told["attempts"]] == [(200, "accepted")]
    assert told["batches"][0]["state"] == "delivered"
    assert told["event"] is None
    event = json.loads(json.loads(say("trace", "late", "--event", "--json").stdout)["events"][0]["event"])
    assert event["timeUUID"] == "late"


def test_nothing_of_an_event_or_a_secret_is_printed_unless_asked(home: ExportHome, say: Callable[..., Result]):
    lived(home)
    secrets = [home.receiver.url, "secret_endpoint", "example.org", "/home", "user-3"]
    for words in (["trace", "poison"], ["trace", "poison", "--json"], ["--debug", "trace", "nowhere"]):
        result = say(*words)
        assert [secret for secret in secrets if secret in result.output.replace(str(home.folder), "")] == []
    assert "user-3@example.org" in say("trace", "poison", "--event").stdout


def test_an_event_that_would_steer_the_terminal_is_printed_escaped(home: ExportHome, say: Callable[..., Result]):
    home.add([custom_event(1, "\x1b[31mred", time_uuid="steers")])
    home.export()

    result = say("trace", "steers", "--event")

    assert "Event       \\u001b[31mred" in result.stdout
    assert "\x1b" not in result.stdout
