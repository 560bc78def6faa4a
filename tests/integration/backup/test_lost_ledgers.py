"""A ledger that is lost without a backup, and a storage that outlived it."""

import json
import shutil

import pytest
from home import ExportHome
from old_windows import LATER, lived, next_day, sent
from rows import custom_event

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
