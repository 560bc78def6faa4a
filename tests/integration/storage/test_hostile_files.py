"""What whoever may write to the storage can put in the place of a partition file: bombs, and files that are none."""

import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure

import statsig_export
from statsig_export.errors import LedgerError
from statsig_export.maintenance.verify import verify
from statsig_export.storage.files import StoredFile
from statsig_export.storage.storage import Storage

DAYS = ["--from", DAY, "--to", "2026-11-21"]
BOMB = 24 << 20
"""Bytes that each column of a bomb unpacks to."""
ALLOWED = 8 << 20
NAME = "x" * (1 << 20)


def one_text(_: int) -> pa.Array:
    return pa.array(["x" * BOMB], pa.large_string())


def one_text_in_a_dictionary(rows: int) -> pa.Array:
    """Unpacked it is a megabyte; in rows it is one for each of them."""
    return pa.array([NAME] * (BOMB // len(NAME) + rows), pa.large_string())


def write_bomb(file: Path, make: Callable[[int], pa.Array], *, whole: bool) -> None:
    """Replace a file by a bomb with the same columns; `whole`: of the same size."""
    written = pq.ParquetFile(file)
    size, schema, texts = file.stat().st_size, written.schema_arrow, make(written.metadata.num_rows)
    columns = [
        texts if pa.types.is_large_string(field.type) else pa.array(range(len(texts)), field.type) for field in schema
    ]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), file, compression="zstd")
    bomb = file.read_bytes()
    assert len(bomb) < BOMB // 100
    if whole:  # what lies between the pages and the footer is never looked at
        footer = 8 + int.from_bytes(bomb[-8:-4], "little")
        assert len(bomb) <= size
        file.write_bytes(bomb[:-footer] + bytes(size - len(bomb)) + bomb[-footer:])


@pytest.fixture
def lived(home: ExportHome) -> ExportHome:
    """Events whose file is large enough for a bomb of its size, and a failed row."""
    home.set("webhook", max_bytes=1_000_000)
    home.begin("noise", lambda: export_noise(home))
    home.write()
    return home


def export_noise(home: ExportHome) -> None:
    home.add([custom_event(key, metadata={"noise": os.urandom(3_000).hex()}) for key in range(1, 81)])
    home.add([custom_event(90, None)])
    home.export()


def file_of(home: ExportHome, kind: str = "events") -> Path:
    (file,) = (home.folder / "files" / kind).rglob("*.parquet")
    return file


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails a test whose Arrow takes more than is allowed."""
    usual, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        yield
    finally:
        pa.set_memory_pool(usual)
    assert pool.max_memory() < ALLOWED


def _verb(home: ExportHome, *words: str, allowed: frozenset[int] | set[int] = frozenset({5}), **said: str) -> None:
    result = home.verb(*words)
    assert result.exit_code in allowed, result.output
    assert said.get("words", "0001-") in result.output
    assert "Traceback" not in result.output


def _differs(home: ExportHome) -> None:
    assert "0001-" in " ".join(difference.detail for difference in verify(home.config).differences)


def _raises(read: Callable[[], object]) -> None:
    with pytest.raises(LedgerError, match="0001-"):
        read()


READERS: dict[str, Callable[[ExportHome], object]] = {
    "ship": lambda home: _verb(home, "ship"),
    "replay": lambda home: _verb(home, "replay", *DAYS),
    "run": lambda home: _verb(home, "run", *DAYS, allowed={0, 1, 5}, words=""),
    "trace": lambda home: _verb(home, "trace", "12345678-1234-5678-1234-567812345678"),
    "repair": lambda home: _verb(home, "verify", "--repair", allowed={0, 1, 5}, words=""),
    "verify": _differs,
    "read_events": lambda home: _raises(lambda: statsig_export.read_events(home.config)),
    "event_chunks": lambda home: _raises(lambda: list(statsig_export.event_chunks(home.config))),
}


@pytest.mark.fault("F255")
@pytest.mark.parametrize("whole", [False, True], ids=["another size", "its size"])
@pytest.mark.parametrize(("make", "writes_it_again"), [(one_text, "run"), (one_text_in_a_dictionary, "repair")])
def test_a_partition_file_that_unpacks_to_more_than_was_written_is_named_before_it_is_unpacked(
    lived: ExportHome,
    make: Callable[[int], pa.Array],
    whole: bool,  # noqa: FBT001  a parameter of the test
    writes_it_again: str,
):
    lived.ship()
    lived.verb("replay", *DAYS)
    write_bomb(file_of(lived), make, whole=whole)

    for name in ("replay", "trace", "verify", "read_events", "event_chunks", writes_it_again):
        with little_memory():
            READERS[name](lived)


@pytest.mark.fault("F255")
def test_a_shipment_sends_nothing_of_a_partition_file_that_is_a_bomb(lived: ExportHome):
    write_bomb(file_of(lived), one_text, whole=True)

    with little_memory():
        READERS["ship"](lived)
    assert lived.receiver.requests == []
    assert lived.account().pending == 80


@pytest.mark.fault("F255")
def test_a_quarantine_that_is_a_bomb_is_named_before_it_is_unpacked(lived: ExportHome):
    file = file_of(lived, "quarantine")
    write_bomb(file, one_text_in_a_dictionary, whole=False)

    with little_memory(), pytest.raises(LedgerError, match=file.name):
        statsig_export.failed_rows(lived.config)
    with little_memory():
        assert lived.verb("trace", "x" * 36).exit_code != 6
        assert file.name in lived.verb("status", "--failed").output


@pytest.mark.fault("F255")
def test_a_file_that_grew_beyond_all_disks_is_told_by_its_size(lived: ExportHome):
    os.truncate(file_of(lived), 1 << 40)

    assert f"has {1 << 40} bytes" in lived.verb("ship").output


def a_fifo(file: Path) -> None:
    os.mkfifo(file)


def a_socket(file: Path) -> None:
    short = file.parent.parent.parent.parent
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(file.parent, os.O_RDONLY)
        os.chdir(short)
        listener.bind(f"/proc/self/fd/{folder}/{file.name}")
        os.close(folder)


def a_link_to_a_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def a_link_to_itself(file: Path) -> None:
    file.symlink_to(file.name)


def a_link_to_a_fifo(file: Path) -> None:
    os.mkfifo(file.with_suffix(".pipe"))
    file.symlink_to(file.with_suffix(".pipe").name)


@contextmanager
def at_once() -> Iterator[None]:
    """Fails what waits for ten seconds."""

    def fail(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(10)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.fault("F256")
@pytest.mark.parametrize("put", [a_fifo, a_socket, a_link_to_a_device, a_link_to_itself, a_link_to_a_fifo, Path.mkdir])
def test_what_is_no_file_in_the_place_of_one_is_named_and_keeps_nobody_waiting(
    lived: ExportHome, put: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(lived.folder)
    file = file_of(lived)
    file.unlink()
    put(file)

    for name in ("ship", "trace", "verify", "read_events", "event_chunks"):
        with at_once():
            READERS[name](lived)
    with at_once():
        pruned = lived.verb("prune", "--before", "2026-11-21", "--dry-run")
        assert pruned.exit_code in {0, 1, 5}, pruned.output
        READERS["repair"](lived)
        READERS["run"](lived)


@pytest.mark.fault("F256")
def test_a_fifo_in_the_place_of_a_quarantine_is_named_and_keeps_nobody_waiting(lived: ExportHome):
    file = file_of(lived, "quarantine")
    file.unlink()
    os.mkfifo(file)

    with at_once(), pytest.raises(LedgerError, match=f"{file.name} cannot be read: it is a FIFO"):
        statsig_export.failed_rows(lived.config)


@pytest.mark.fault("F256")
def test_a_fifo_or_a_link_that_nothing_names_does_not_keep_prune_waiting(lived: ExportHome):
    os.mkfifo(file_of(lived).with_name("0009-0123456789abcdef.parquet"))

    with at_once():
        result = lived.verb("prune", "--before", "2026-11-01")
    assert result.exit_code in {0, 1, 5}, result.output


@pytest.mark.fault("F256")
def test_a_link_to_the_file_that_was_written_is_read(lived: ExportHome):
    file = file_of(lived)
    elsewhere = lived.folder / "elsewhere.parquet"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)

    assert lived.ship().sent == 80


def write_other_ids(file: Path) -> None:
    """Replace a file by one of its size whose statistics leave out every id that it had."""
    written, size = pq.read_table(file), file.stat().st_size
    fields = [pa.field(field.name, field.type) for field in written.schema]
    ids = pa.array(["zzz"] * len(written), pa.large_string())
    columns = [ids if field.name == "time_uuid" else pa.nulls(len(ids), field.type) for field in fields]
    pq.write_table(pa.Table.from_arrays(columns, schema=pa.schema(fields)), file, compression="zstd")
    other = file.read_bytes()
    footer = 8 + int.from_bytes(other[-8:-4], "little")
    file.write_bytes(other[:-footer] + bytes(max(0, size - len(other))) + other[-footer:])


UNKNOWN = "12345678-1234-5678-1234-567812345678"


@pytest.mark.fault("F353")
@pytest.mark.parametrize("kind", ["events", "quarantine"])
def test_a_file_whose_statistics_deny_an_id_is_not_believed_before_it_is_known_to_be_the_one_that_was_written(
    lived: ExportHome, kind: str
):
    known = lived.verb("trace", UNKNOWN)
    write_other_ids(file_of(lived, kind))
    replaced = lived.verb("trace", UNKNOWN)

    assert (known.exit_code, replaced.exit_code) == (2, 5), replaced.output
    assert file_of(lived, kind).name in replaced.stderr


@pytest.mark.fault("F353")
def test_an_id_that_is_in_another_file_is_found_beside_a_replaced_one(lived: ExportHome):
    lived.add(exposures=[exposure(1)])
    lived.export()
    (gates,) = (lived.folder / "files" / "events" / "category=gate_exposure").rglob("*.parquet")
    write_other_ids(gates)
    found = statsig_export.read_events(lived.config, categories=["custom_event"])["time_uuid"][0]

    assert lived.verb("trace", found).exit_code == 1
    assert gates.name in lived.verb("trace", UNKNOWN).stderr


@pytest.mark.fault("F352")
def test_a_quarantine_that_grew_beyond_all_disks_is_told_by_its_size_which_its_name_holds(lived: ExportHome):
    file = file_of(lived, "quarantine")
    written = file.stat().st_size
    os.truncate(file, 1 << 43)

    with at_once(), pytest.raises(LedgerError, match=f"has {1 << 43} bytes, {written} were written"):
        statsig_export.failed_rows(lived.config)
    with at_once():
        assert lived.verb("status", "--failed").exit_code == 5
        assert lived.verb("trace", UNKNOWN).exit_code == 5


@pytest.mark.fault("F352")
def test_a_quarantine_of_an_earlier_version_has_the_digits_of_its_digest_alone_in_its_name(lived: ExportHome):
    file = file_of(lived, "quarantine")
    bare = file.rename(file.with_name(file.name.partition("-")[2]))
    with closing(sqlite3.connect(lived.folder / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE partitions SET quarantine = replace(quarantine, ?, ?)", (file.name, bare.name))

    assert len(statsig_export.failed_rows(lived.config)) == 1
    bare.write_bytes(bare.read_bytes()[:-1] + b"0")
    with pytest.raises(LedgerError, match="its digest differs"):
        statsig_export.failed_rows(lived.config)


@pytest.mark.fault("F352")
def test_a_long_footer_is_not_parsed_before_the_file_is_known_to_be_the_one_that_was_written(lived: ExportHome):
    file = file_of(lived)
    os.truncate(file, 0)
    groups = pa.table({"time_uuid": ["z"] * 3_000})
    pq.write_table(groups, file, row_group_size=1, column_encoding="PLAIN", use_dictionary=False)
    size = file.stat().st_size
    with file.open("r+b") as bomb:  # as if it were longer than all that a footer of ours can be
        bomb.seek(-8, os.SEEK_END)
        bomb.write((2 << 20).to_bytes(4, "little"))
    stored = StoredFile(str(file.relative_to(lived.folder / "files")), "0" * 64, size, 3_000)

    with Storage(lived.config.storage_url()) as storage, pytest.raises(LedgerError, match="its digest differs"):
        storage.find(stored, "time_uuid", [UNKNOWN])
