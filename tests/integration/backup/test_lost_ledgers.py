"""A ledger that is lost without a backup, and a storage that outlived it."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from alert_receiver import http_receiver
from home import ExportHome
from old_windows import LATER, lived, next_day, sent
from rows import custom_event
from scrapes import scraped

from statsig_export.alerts.memory import TextMemory
from statsig_export.alerts.telling import tell
from statsig_export.backup.catching_up import catch_up, take_over
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.forgetting.forget import forget, undo
from statsig_export.maintenance.verify import verify
from statsig_export.receipts import lost_ledgers
from statsig_export.shipping.status import ledger_id, status


def lose(home: ExportHome) -> str:
    """Remove the ledger; returns the id that it had."""
    lost = ledger_id(home.config)
    for file in home.folder.glob("ledger.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return lost


def known(home: ExportHome) -> list[tuple[object, ...]]:
    return [(line.partition, line.account, line.last_error) for line in status(home.config)]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == lost_ledgers.__name__]


@pytest.mark.fault("F639")
def test_a_lost_ledger_is_begun_anew_by_its_receipts_and_nothing_is_sent_again(home: ExportHome):
    lived(home)
    next_day(home)
    home.ship()
    expected, requests = known(home), len(home.receiver.requests)
    lost = lose(home)
    home.write()

    report = json.loads(home.verb("restore", "--lost", lost, "--json").stdout)["caught_up"]
    home.export()
    home.export(LATER)

    assert set(report["partitions"]) <= {line[0] for line in expected}
    assert ledger_id(home.config) == lost
    assert known(home) == expected
    assert verify(home.config).differences == ()
    assert (home.ship().sent, len(home.receiver.requests)) == (0, requests)
    home.add([custom_event(400)])
    home.export()
    assert home.ship().sent == 1


@pytest.mark.fault("F651")
def test_a_folder_among_the_receipts_that_is_no_ledgers_is_none_that_was_lost(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    for name in ("lost+found", "copy of 8c1e0f5b2a7d4c6e9b3f1a2d4c5e6f70"):
        (home.folder / "files" / "receipts" / name / "fivetran").mkdir(parents=True)
    home.add([custom_event(1)])
    home.export()

    assert warnings(caplog) == []
    with pytest.raises(ConfigError, match="has no receipts of the ledger 'lost\\+found': it has none"):
        take_over(home.config, "lost+found")


@pytest.mark.fault("F639")
def test_the_first_export_of_a_new_ledger_says_whose_receipts_the_storage_has(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    sent(home)
    assert warnings(caplog) == []  # the first of all, where there is no storage yet
    lost = lose(home)

    home.export()
    (first,) = warnings(caplog)
    home.export()

    assert lost in first
    assert "restore --lost" in first
    assert warnings(caplog) == [first]


@pytest.mark.fault("F639")
def test_what_another_destination_was_sent_is_no_word_about_this_one(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    sent(home)
    lose(home)
    home.set("webhook", name="another")
    home.export()

    assert warnings(caplog) == []


@dataclass
class Watched:
    """What `check`, the metrics and the alerts say at one time."""

    check: dict
    metric: list[float]
    alerts: list[str]


def watched(home: ExportHome) -> Watched:
    home.write()
    said = json.loads(home.verb("check", "--json").stdout)
    told = tell(home.config, TextMemory(""))
    return Watched(said, scraped(home).of("other_ledgers"), [one.seen.key for one in told.incidents])


@pytest.fixture
def on_duty(home: ExportHome) -> Iterator[ExportHome]:
    with http_receiver() as receiver:
        home.environ["ALERTS"] = receiver.url
        home.set("checks", overdue_after="36500d")
        home.set("alerts", webhook={"url": "env:ALERTS"})
        yield home


@pytest.mark.fault("F659")
def test_that_a_ledger_is_lost_is_seen_before_and_after_all_is_sent_again_and_ends_with_its_restoration(
    on_duty: ExportHome,
):
    sent(on_duty)
    well = watched(on_duty)
    lost = lose(on_duty)
    before = watched(on_duty)
    sent_again = on_duty.export() and on_duty.ship().sent
    new = ledger_id(on_duty.config)
    after = watched(on_duty)
    lose(on_duty)
    take_over(on_duty.config, lost)
    restored = watched(on_duty)
    shutil.rmtree(on_duty.folder / "files" / "receipts" / new)

    assert (well.check["state"], well.metric, well.alerts) == ("OK", [0], [])
    assert (before.check["state"], before.metric, before.alerts) == ("CRITICAL", [], ["other_ledger"])
    assert f"from this storage ({lost}), and there is no ledger at" in before.check["text"]
    assert "restore --lost ID" in before.check["findings"][0]["do"]
    assert sent_again == 1
    assert (after.check["state"], after.metric, after.alerts) == ("WARNING", [1], ["other_ledger"])
    assert lost in after.check["text"]
    assert new in restored.check["text"]  # what the new one sent meanwhile
    assert watched(on_duty) == well


@pytest.mark.fault("F659")
def test_receipts_of_another_destination_or_of_no_ledger_are_no_lost_ledger(on_duty: ExportHome):
    sent(on_duty)
    lose(on_duty)
    (on_duty.folder / "files" / "receipts" / "lost+found" / "another").mkdir(parents=True)
    on_duty.set("webhook", name="another")
    sent_again = on_duty.export() and on_duty.ship().sent

    assert sent_again == 1
    assert watched(on_duty).alerts == []


@pytest.mark.fault("F659")
@pytest.mark.parametrize("url", ["s3://bucket/and-no-endpoint", "env:NOT_SET", "no-such-scheme://events"])
def test_a_storage_that_cannot_be_read_is_no_finding_and_no_error(
    on_duty: ExportHome, url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    sent(on_duty)
    on_duty.set("storage", url=url)
    began = time.monotonic()
    unknown = watched(on_duty)

    assert (unknown.check["state"], unknown.metric, unknown.alerts) == ("OK", [], [])
    assert time.monotonic() - began < 30


@pytest.mark.fault("F659")
def test_a_storage_that_is_away_for_a_while_does_not_end_that_another_ledger_is_known(
    on_duty: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    sent(on_duty)
    lose(on_duty)
    on_duty.export()
    now, told = datetime.now(UTC), []
    for minute in range(60):
        if minute == 10:
            monkeypatch.setattr("statsig_export.monitoring.reading.other_ledgers", lambda *_: None)
        told.append(tell(on_duty.config, TextMemory(""), now=lambda: now + timedelta(minutes=minute)).told)  # noqa: B023

    assert [minute for minute, news in enumerate(told) if news] == [2]


def test_only_a_ledger_that_holds_nothing_becomes_another_one(home: ExportHome):
    sent(home)
    mine = ledger_id(home.config)
    with pytest.raises(ConfigError, match="is not empty"):
        take_over(home.config, mine)
    lose(home)
    for other in ("nobody", "", "../events"):
        with pytest.raises(ConfigError, match=f"no receipts of the ledger '{other}': it has those of {mine}"):
            take_over(home.config, other)
        assert not (home.folder / "ledger.db").exists()
    take_over(home.config, mine)

    assert home.ship().sent == 0
    assert catch_up(home.config).partitions == ()


def test_without_a_ledger_restore_says_how_to_begin_a_lost_one_anew(home: ExportHome):
    sent(home)
    lose(home)

    with pytest.raises(LedgerError, match="no ledger to bring up to date") as raised:
        catch_up(home.config)
    assert "restore --lost ID" in str(raised.value.hint)


@pytest.mark.fault("F639")
def test_who_was_forgotten_has_to_be_named_again_before_a_ledger_that_was_lost_exports(home: ExportHome):
    sent(home)
    forget(home.config, [("userID", "user-7")])
    caught_up = take_over(home.config, lose(home))
    with pytest.raises(LedgerError, match="everybody who is forgotten, and 1 ids have to be named again") as raised:
        home.export()
    forget(home.config, [("userID", "user-7")])
    home.export()

    assert "forget --file" in str(raised.value.hint)
    assert caught_up.unknown_forgotten == 1
    assert home.ship().sent == 0


@pytest.mark.fault("F640")
def test_nothing_is_exported_before_as_many_are_named_again_as_were_forgotten(home: ExportHome):
    home.add([custom_event(key) for key in (5, 7, 9)])
    home.export()
    home.ship()
    forget(home.config, [("userID", "user-5"), ("userID", "user-7")])
    take_over(home.config, lose(home))
    forget(home.config, [("userID", "user-5")])
    undo(home.config, [("userID", "user-5")])
    forget(home.config, [("userID", "user-7")])
    for word in (home.export, lambda: home.export(LATER)):
        with pytest.raises(LedgerError, match="1 ids have to be named again"):
            word()
    assert catch_up(home.config).unknown_forgotten == 1
    forget(home.config, [("userID", "user-5")])
    home.export()

    assert home.ship().sent == 0
    assert catch_up(home.config).unknown_forgotten == 0


def test_who_gives_the_forgotten_of_a_lost_ledger_up_says_so(home: ExportHome):
    sent(home)
    forget(home.config, [("userID", "user-7")])
    take_over(home.config, lose(home))
    catch_up(home.config, accept_loss=True)
    home.export()

    assert home.ship().sent == 1


@pytest.mark.parametrize(
    "options", [("backup", "--lost", "id"), ("--lost", "id", "--accept-loss"), ("--lost", ""), ("backup", "--lost", "")]
)
def test_what_goes_with_a_lost_ledger_is_said_before_anything_is_done(home: ExportHome, options: tuple[str, ...]):
    sent(home)
    home.write()

    assert home.verb("restore", *options).exit_code == 2
