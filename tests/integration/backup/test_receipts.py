"""An older ledger on the storage of a newer one: it is known as that, sends nothing, and is brought up to date."""

import gzip
import json
import resource
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from home import ExportHome
from old_windows import CUSTOM, LATER, lived, next_day, pruned, sent
from rows import custom_event
from sqlalchemy import make_url

from statsig_export.backup import catching_up
from statsig_export.backup.backup import backup
from statsig_export.backup.catching_up import catch_up
from statsig_export.backup.restore import restore
from statsig_export.errors import LedgerError, StorageError
from statsig_export.forgetting.forget import forget, undo
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.dump import dumped
from statsig_export.maintenance.verify import verify
from statsig_export.receipts import receipts
from statsig_export.shipping.receipt_book import ReceiptBook
from statsig_export.shipping.replay import replay
from statsig_export.shipping.status import status
from statsig_export.storage.place import Place

ON_POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.acceptance)  # a whole day there takes seconds
OLDER = "the ledger is older than the storage"


def old(home: ExportHome) -> Callable[[], None]:
    """Remember the ledger as it is; the function puts it back, as a backup of the ledger alone would."""
    target = str(home.folder / "backup")
    backup(home.config, target)

    def back() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("statsig_export.backup.restore.catch_up", lambda _: catching_up.CaughtUp())
            restore(home.config, target, force=True)

    return back


def partitions(home: ExportHome) -> list[tuple[object, ...]]:
    return [(line.partition, line.account, line.pruned) for line in status(home.config)]


def rows(home: ExportHome, name: str) -> list[tuple[object, ...]]:
    database = open_to_write(make_url(home.ledger_url))
    try:
        with dumped(database) as dump:
            return [row for table in dump.tables for chunk in table.chunks for row in chunk if table.name == name]
    finally:
        database.close()


def users(home: ExportHome) -> Iterable[str]:
    return [event["userID"] for event in home.receiver.events()]


@pytest.mark.fault("F547")
@pytest.mark.parametrize("databases", ["sqlite", ON_POSTGRESQL], indirect=True)
def test_what_an_older_ledger_does_not_know_as_sent_is_taken_from_the_storage(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(501, 521)])
    any_home.export()
    back = old(any_home)
    any_home.ship()
    lived(any_home)
    next_day(any_home)
    any_home.ship()
    replay(any_home.config, [CUSTOM])
    expected, requests = partitions(any_home), len(any_home.receiver.requests)
    attempts = sorted((row[2:] for row in rows(any_home, "attempts")), key=repr)
    back()
    for verb in (
        any_home.ship,
        any_home.export,
        lambda: any_home.export(LATER),
        lambda: replay(any_home.config, [CUSTOM]),
    ):
        with pytest.raises(LedgerError, match=OLDER):
            verb()
    caught_up = catch_up(any_home.config)

    assert CUSTOM in caught_up.partitions
    assert sorted((row[2:] for row in rows(any_home, "attempts")), key=repr) == attempts
    assert verify(any_home.config).differences == ()
    assert catch_up(any_home.config).partitions == ()
    any_home.export()
    any_home.export(LATER)  # of partitions without an event there is no receipt
    assert partitions(any_home) == expected
    assert any_home.ship().sent == 0
    assert len(any_home.receiver.requests) == requests
    any_home.add([custom_event(400)])
    any_home.export()
    assert any_home.ship().sent == 1
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F547")
def test_a_restore_onto_a_storage_that_outlived_its_ledger_catches_up_by_itself(home: ExportHome):
    sent(home)
    backup(home.config, str(home.folder / "backup"))
    next_day(home)
    home.ship()
    expected, requests = partitions(home), len(home.receiver.requests)
    for file in home.folder.glob("ledger.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    home.write()
    said = json.loads(home.verb("restore", str(home.folder / "backup"), "--json").stdout)
    home.export(LATER)

    assert said["caught_up"]["partitions"] == [f"custom_event|{LATER}"]
    assert partitions(home) == expected
    assert (home.ship().sent, len(home.receiver.requests)) == (0, requests)


@pytest.mark.fault("F547")
def test_partitions_that_were_pruned_since_are_pruned_again(home: ExportHome):
    lived(home)
    next_day(home)
    home.ship()
    back = old(home)
    pruned(home)
    expected = partitions(home)
    back()
    with pytest.raises(LedgerError, match=OLDER):
        home.export()
    catch_up(home.config)

    assert partitions(home) == expected
    assert verify(home.config).differences == ()


@pytest.mark.fault("F548")
@pytest.mark.parametrize("forgotten_before", [True, False], ids=["the key is known", "nobody was forgotten before"])
def test_who_was_forgotten_since_is_not_brought_back_by_an_older_ledger(home: ExportHome, *, forgotten_before: bool):
    sent(home)
    if forgotten_before:
        forget(home.config, [("userID", "user-9")])
    back = old(home)
    forget(home.config, [("userID", "user-7"), ("userID", "user-5")])
    back()
    home.write()
    for key in ("2026-11-20", LATER):
        with pytest.raises(LedgerError, match=OLDER):
            home.export(key)
    result = home.verb("restore")
    before = len(home.receiver.requests)

    if forgotten_before:
        assert (result.exit_code, "2 ids are forgotten again" in result.stderr) == (0, True)
    else:
        assert (result.exit_code, "2 ids are forgotten of which this ledger" in result.stderr) == (1, True)
        with pytest.raises(LedgerError, match=OLDER):
            home.export(LATER)
        forget(home.config, [("userID", "user-7"), ("userID", "user-5")])
    assert forget(home.config).complete
    home.add([custom_event(207, user_id="user-7")])
    home.export()
    home.ship()
    assert not {"user-7", "user-5"} & {
        event["userID"] for request in home.receiver.requests[before:] for event in request.events
    }
    assert home.account().balances
    assert verify(home.config).differences == ()


def test_somebody_who_was_taken_off_the_record_is_not_put_on_it_again(home: ExportHome):
    lived(home)
    forget(home.config, [("userID", "user-7"), ("userID", "user-9")])
    undo(home.config, [("userID", "user-9")])

    assert catch_up(home.config).forgotten == 0
    home.export()
    assert home.ship().sent == 1


def test_a_receipt_names_nobody_who_is_forgotten_and_is_not_for_others_on_the_machine(home: ExportHome):
    sent(home)
    forget(home.config, [("userID", "user-7")])
    files = [file for file in (home.folder / "files" / "receipts").rglob("*") if file.is_file()]

    key = dict(rows(home, "meta"))["forget_key"]
    for file in files:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        assert b"user-7" not in content
        assert key.encode() not in content
        assert b"secret_endpoint" not in content
        assert not file.stat().st_mode & stat.S_IRWXO
    assert len(files) >= 3


@pytest.mark.fault("F549")
def test_a_damaged_receipt_is_an_error_that_names_it(home: ExportHome):
    sent(home)
    home.add([custom_event(300)])
    home.export()
    (file,) = (home.folder / "files" / "receipts").rglob("category=custom_event/*.gz")

    for damage in (b"", b"x", gzip.compress(b"{}"), gzip.compress(b"[1")):
        file.write_bytes(damage)
        with pytest.raises(LedgerError, match=r"the receipt .*custom_event.* is damaged"):
            home.ship()
    file.unlink()
    assert home.ship().sent == 1


def shipped_since(home: ExportHome) -> tuple[Path, list[tuple[object, ...]]]:
    """The folder of the receipts of what the ledger, which is an older one again, does not know; and what it knew."""
    sent(home)
    back = old(home)
    next_day(home)
    home.ship()
    expected = partitions(home)
    back()
    home.write()
    (file,) = (home.folder / "files" / "receipts").rglob(f"category=custom_event/window={LATER}.json.gz")
    return file.parent, expected


@pytest.mark.fault("F651")
def test_files_of_others_among_the_receipts_are_named_and_passed_over(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    folder, expected = shipped_since(home)
    whole = f"window={LATER}.json.gz"
    names = (
        ".DS_Store",
        f"._{whole}",
        f"{whole}.part",
        f"window={LATER} (1).json.gz",
        "../notes.txt",
        "window=.json.gz",
    )
    for name in names:
        (folder / name).write_bytes(b"of another program")
    result = home.verb("restore")

    assert result.exit_code == 0
    (line,) = [record.getMessage() for record in caplog.records if "are passed over" in record.getMessage()]
    assert "files that are no receipts" in line
    assert "/category=custom_event/.DS_Store, " in line
    assert line.endswith("and 3 more")
    home.export(LATER)
    assert partitions(home) == expected
    assert home.ship().sent == 0
    assert all((folder / name).exists() for name in names)


@pytest.mark.fault("F651")
@pytest.mark.parametrize("accept_loss", [False, True], ids=["restore", "accept loss"])
@pytest.mark.parametrize("category", ["custom_event", "of_a_newer_version"])
def test_what_has_a_receipts_name_and_is_none_stops_a_restore(home: ExportHome, category: str, *, accept_loss: bool):
    folder, _ = shipped_since(home)
    file = folder.with_name(f"category={category}") / f"window={LATER}.json.gz"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"of another program")
    result = home.verb("restore", *(["--accept-loss"] if accept_loss else []))

    assert result.exit_code == 5
    assert f"/category={category}/window={LATER}.json.gz is damaged" in result.stderr


@pytest.mark.fault("F651")
def test_a_whole_receipt_in_the_place_of_another_stops_a_restore_and_an_export(home: ExportHome):
    folder, _ = shipped_since(home)
    (other,) = (file for file in folder.iterdir() if LATER not in file.name)
    other.replace(folder / f"window={LATER}.json.gz")

    with pytest.raises(LedgerError, match=f"{LATER}.json.gz is that of another partition"):
        catch_up(home.config)
    with pytest.raises(LedgerError, match="is that of another partition"):
        home.export(LATER)


@pytest.mark.fault("F632")
def test_any_byte_of_a_receipt_that_is_another_and_any_other_document_is_told_as_damage(home: ExportHome):
    home.add([custom_event(300)])
    home.export()
    home.ship()
    (file,) = (home.folder / "files" / "receipts").rglob("category=custom_event/*.gz")
    whole = file.read_bytes()
    flipped = [bytearray(whole) for _ in whole[10:]]  # after the header, whose flags and times count for nothing
    for place, content in enumerate(flipped, 10):
        content[place] ^= 1

    for content in (*flipped, *map(gzip.compress, (b"[]", b"null", b"1", b'{"format": "x"}'))):
        with suppress(LedgerError):  # a bit may count for nothing: then it says what it did
            assert receipts._decoded(bytes(content), "it") == receipts._decoded(whole, "it")
    for content in (whole[:-1], flipped[-1], *map(gzip.compress, (b"[]", b"null", b"1", b'{"format": "x"}'))):
        with pytest.raises(LedgerError, match="is damaged"):
            receipts._decoded(bytes(content), "it")
    newer = gzip.compress(b'{"format": 2, "schema_version": 6}')
    with pytest.raises(LedgerError, match="newer version"):
        receipts._decoded(newer, "it")


@pytest.mark.fault("F632")
def test_a_list_of_forgotten_people_that_is_lost_or_damaged_is_told_and_nobody_is_given_up(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    forget(home.config, [("userID", "user-9")])
    back = old(home)
    forget(home.config, [("userID", "user-7")])
    back()
    (note,) = (home.folder / "files" / "receipts").rglob("forgotten.json")
    (people,) = (home.folder / "files" / "receipts").rglob("forgotten/*.gz")

    for file, damage in (
        (people, None),
        (people, b"x"),
        (people, gzip.compress(b"[[1]]")),
        (note, b"{"),
        (note, b"[]"),
    ):
        whole = file.read_bytes()
        file.unlink() if damage is None else file.write_bytes(damage)
        with pytest.raises(LedgerError, match=r"the receipt .*forgotten.* is damaged"):
            catch_up(home.config)
        with pytest.raises(LedgerError, match="forgotten|" + OLDER):
            home.export()
        file.write_bytes(whole)
    assert catch_up(home.config).forgotten == 1


@pytest.mark.fault("F549")
def test_a_receipt_that_cannot_be_written_keeps_nothing_from_being_sent(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fails(*_: object) -> None:
        raise StorageError("full", hint="")

    monkeypatch.setattr(Place, "write_all", fails)
    home.add([custom_event(1)])
    home.export()

    assert home.ship().sent == 1
    assert "could not be written: full" in caplog.text


@pytest.mark.fault("F643")
def test_a_receipt_that_fits_on_the_disk_in_part_alone_is_not_there_at_all(tmp_path: Path):
    place, path = Place(str(tmp_path)), "receipts/one.json.gz"
    place.write(path, b"before")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with pytest.raises(StorageError):
            place.write(path, b"longer than that")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert place.read(path) == b"before"
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["one.json.gz"]


def test_another_ledger_on_the_same_storage_is_left_alone(home: ExportHome, tmp_path: Path):
    sent(home)
    home.environ["LEDGER"] = home.ledger_url = f"sqlite:///{tmp_path}/other.db"
    home.export()

    assert home.ship().sent > 0


def test_a_long_shipment_leaves_receipts_on_its_way(monkeypatch: pytest.MonkeyPatch):
    written: list[list[int]] = []
    monkeypatch.setattr(
        "statsig_export.shipping.receipt_book.keep_receipts", lambda _, __, ids: written.append(list(ids))
    )
    now = [0.0]
    book = ReceiptBook(database=None, place=None, clock=lambda: now[0])  # type: ignore[arg-type]
    for moment, partition in ((1, 1), (20, 2), (31, 1), (40, 3), (62, 3)):
        now[0] = moment
        book.note(partition)
    book.write()
    book.write()

    assert written == [[1, 2], [3]]
    assert receipts.FORMAT == 1


@pytest.mark.fault("F633")
def test_of_two_shippers_of_one_partition_in_shards_the_later_receipt_knows_what_both_have_sent(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    home.set("windows", shards=4)
    home.add([custom_event(key) for key in range(1, 41)])
    home.export()
    back = old(home)
    write_all, others = Place.write_all, [home.ship]

    def late(place: Place, *contents: Any) -> None:  # noqa: ANN401
        if others:
            others.pop()()
        write_all(place, *contents)

    monkeypatch.setattr(Place, "write_all", late)
    home.ship()
    monkeypatch.undo()
    assert len(home.receiver.events()) == 40
    back()
    catch_up(home.config)

    assert home.ship().sent == 0
    assert verify(home.config).differences == ()
