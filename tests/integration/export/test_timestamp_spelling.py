"""`[webhook] timestamps`: an event's timestamp as a number or as text, frozen with the event."""

import json
import re

import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure

from statsig_export.export.repair import repair
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.replay import replay

RANGE = ["--from", DAY, "--to", "2026-11-21"]


def spelled(home: ExportHome, form: str) -> None:
    home.set("webhook", timestamps=form)
    home.write()


def received(home: ExportHome) -> list[tuple[str, object]]:
    return [(event["eventName"], event["timestamp"]) for event in home.receiver.events()]


@pytest.mark.fault("F240")
def test_timestamps_are_numbers_unless_text_is_asked_for_and_plan_shows_which(home: ExportHome):
    home.add([custom_event(1)], [exposure(2)])
    home.write()
    default = json.loads(home.verb("plan", *RANGE, "--json").stdout)["examples"]
    spelled(home, "text")
    as_text = json.loads(home.verb("plan", *RANGE, "--json").stdout)["examples"]

    assert {type(json.loads(event)["timestamp"]) for event in default.values()} == {int}
    assert {type(json.loads(event)["timestamp"]) for event in as_text.values()} == {str}
    numbers = {kind: re.sub(r'"timestamp":"(\d+)"', r'"timestamp":\1', event) for kind, event in as_text.items()}
    assert numbers == default


@pytest.mark.fault("F240")
def test_what_was_exported_keeps_its_spelling_and_is_not_sent_again_after_a_change(home: ExportHome):
    home.add([custom_event(1)])
    before = home.config.fingerprint()
    home.export()
    spelled(home, "text")
    again = home.export()
    home.add([custom_event(2, "late")])
    home.export()
    home.ship()

    assert home.config.fingerprint() != before
    assert again.account.pending == 0
    assert dict(received(home)) == {"page_view": 1795176000001, "late": "1795176000002"}
    bodies = sorted(request.sha256 for request in home.receiver.requests)
    replay(home.config, [f"custom_event|{DAY}"])
    assert sorted(request.sha256 for request in home.receiver.requests) == sorted([*bodies, *bodies])
    assert home.account().forwarded == 2


@pytest.mark.fault("F240")
@pytest.mark.parametrize("now", ["number", "text"])
def test_a_lost_file_is_written_again_as_it_was_whichever_spelling_is_configured_by_then(home: ExportHome, now: str):
    home.add([custom_event(1)])
    home.export()
    spelled(home, "text")
    home.add([custom_event(2, "late")])
    home.export()
    spelled(home, now)
    files = {file: file.read_bytes() for file in (home.folder / "files").rglob("*.parquet")}
    for file in files:
        file.unlink()
    report = repair(home.config)

    assert (len(report.repaired), report.left) == (2, {})
    assert {file: file.read_bytes() for file in (home.folder / "files").rglob("*.parquet")} == files
    assert not verify(home.config).differences


@pytest.mark.fault("F240")
def test_the_test_event_is_spelled_as_events_are(home: ExportHome):
    spelled(home, "text")

    assert home.verb("test-event").exit_code == 0
    (event,) = home.receiver.events()
    assert re.fullmatch("[0-9]{13}", event["timestamp"])


def test_another_spelling_is_an_error_of_the_configuration(home: ExportHome):
    spelled(home, "iso")
    result = home.verb("status")

    assert result.exit_code == 2
    assert "webhook.timestamps" in result.stderr
