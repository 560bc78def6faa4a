"""A disk that takes no more, or nothing at all: one line that says why and where, exit code 5, nothing left behind."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from home import ExportHome
from rows import custom_event

from statsig_export.errors import LedgerError, StorageError
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from statsig_export.storage.files import NamedFile
from statsig_export.storage.schemas import EVENTS
from statsig_export.storage.storage import Storage

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]
ROWS = 2_000


def filled(home: ExportHome, storage: str = "files") -> ExportHome:
    """More events than a small disk takes, in several categories' files."""
    home.set("storage", url=storage)
    home.write()
    home.add([custom_event(key, metadata={"n": os.urandom(400).hex()}) for key in range(1, ROWS + 1)])
    home.add([custom_event(key, None) for key in range(5_000, 5_010)])
    return home


def run(home: ExportHome, *words: str, limits: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    """A verb in a process of its own, which `limits` are set for."""
    command = [sys.executable, "-m", "statsig_export", "--config", str(home.folder / "export.toml"), *words]
    environ = {**os.environ, **home.environ}
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=120, preexec_fn=limits
    )


def left_over(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of 500 kB there, where this user may mount one; else False, and `ulimit -f` has to do."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=500k", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S607  as the mount


def files_of_300_kb() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@pytest.mark.fault("F103")
def test_a_full_disk_is_one_line_with_its_folder_and_nothing_half_written_stays_on_it(home: ExportHome):
    filled(home)
    with small_disk(home.folder / "files") as mounted:
        result = run(home, "run", *DAY, limits=None if mounted else files_of_300_kb)
        left = left_over(home.folder / "files")

    assert (result.returncode, result.stdout) == (5, "")
    assert len(result.stderr.splitlines()) == 1
    assert str(home.folder / "files") in result.stderr
    assert ("ENOSPC: No space left on device" if mounted else "EFBIG: File too large") in result.stderr
    assert left == []
    assert status(home.config) == []


@pytest.mark.fault("F103")
def test_a_limit_of_a_files_size_is_one_line_too_and_once_it_is_raised_all_is_sent(home: ExportHome):
    filled(home)
    result = run(home, "run", *DAY, limits=files_of_300_kb)

    assert result.returncode == 5
    assert "EFBIG: File too large" in result.stderr
    assert "ulimit -f" in result.stderr
    assert left_over(home.folder / "files") == []
    home.export()
    assert home.ship().sent == ROWS


@pytest.mark.fault("F103")
def test_a_ledger_on_the_full_disk_fails_the_run_and_the_next_one_sends_all(home: ExportHome):
    filled(home)
    (home.folder / "small").mkdir()
    home.environ["LEDGER"] = f"sqlite:///{home.folder}/small/ledger.db"

    def hundred_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    home.set("storage", url="memory://nowhere")
    result = run(home, "run", *DAY, limits=hundred_kb)

    assert result.returncode == 5
    assert len(result.stderr.splitlines()) == 1
    assert "ulimit -f" in result.stderr
    home.set("storage", url="files")
    home.export()
    assert home.ship().sent == ROWS


STEPS = {
    "opening": (pq, "ParquetWriter"),
    "writing": (pq.ParquetWriter, "write_table"),
    "closing": (pq.ParquetWriter, "close"),
    "syncing": (os, "fsync"),
    "renaming": (Path, "replace"),
}


@pytest.mark.fault("F103")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
def test_wherever_it_happens_nothing_is_planned_and_no_temporary_file_stays(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, step: str, number: int
):
    """Mocked, since a disk fails at no step of one's choice."""

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    home.add([custom_event(1), custom_event(2, None)])
    with monkeypatch.context() as broken:
        broken.setattr(*STEPS[step], fails)
        with pytest.raises(StorageError, match=f"{errno.errorcode[number]}: {os.strerror(number)}"):
            home.export()

    assert status(home.config) == []
    assert left_over(home.folder / "files") == []
    home.export()
    assert home.ship().sent == 1


STANDARD_STREAMS = 3
"""Open from the beginning to the end; what is open beyond a limit stays open."""


@contextmanager
def no_more_files() -> Iterator[None]:
    """Nothing may be opened here, whatever is open, and whatever its other threads close meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (STANDARD_STREAMS, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open(os.devnull, os.O_RDONLY)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.fault("F104")
def test_too_many_open_files_is_said_so_and_takes_no_file_for_gone(home: ExportHome):
    home.add([custom_event(1, None)])
    home.export()
    (file,) = (home.folder / "files" / "quarantine").rglob("*.parquet")
    with Storage(str(home.folder / "files")) as storage:
        path = str(file.relative_to(home.folder / "files"))
        with no_more_files():
            with pytest.raises(StorageError, match=r"EMFILE: Too many open files.*ulimit -n"):
                storage.require_unchanged(NamedFile(path))
            with pytest.raises(StorageError, match="EMFILE"):
                storage.new_file(EVENTS)
        storage.require_unchanged(NamedFile(path))  # once there is room


@pytest.mark.fault("F104")
def test_a_storage_that_is_a_file_or_has_too_long_a_name_is_one_line(home: ExportHome):
    home.add([custom_event(1)])
    (home.folder / "taken").write_text("")
    for url, said in (("taken", "EEXIST|ENOTDIR"), ("taken/below", "ENOTDIR"), ("x" * 300, "ENAMETOOLONG")):
        home.set("storage", url=url)
        with pytest.raises(StorageError, match=said) as failed:
            home.export()
        assert url in failed.value.message
    assert status(home.config) == []


@pytest.mark.fault("F104")
def test_a_folder_that_may_not_be_written_is_one_line(home: ExportHome):
    """/proc takes no file, whoever asks."""
    home.add([custom_event(1)])
    home.set("storage", url="/proc/self/nothing")
    with pytest.raises(StorageError, match=r"/proc/self/nothing \((ENOENT|EACCES|EPERM)"):
        home.export()


@pytest.mark.fault("F108")
@pytest.mark.parametrize(
    ("umask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)]
)
def test_files_and_folders_of_the_storage_have_the_mode_that_the_umask_gives(
    home: ExportHome, umask: int, file: int, folder: int
):
    home.add([custom_event(1), custom_event(2, None)])
    before = os.umask(umask)
    try:
        home.export()
    finally:
        os.umask(before)
    made = [home.folder / "files", *(home.folder / "files").rglob("*")]

    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {file}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {folder}
    assert len([path for path in made if path.is_file()]) == 2  # events, quarantine


@pytest.mark.fault("F109")
def test_what_a_killed_export_to_a_bucket_left_in_the_temporary_folder_goes_with_the_next_prune_after_a_day(
    home: ExportHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    home.set("storage", url="memory://scratch-bucket/files")
    home.add([custom_event(1)])
    home.export()
    assert left_over(tmp_path / "scratch") == []
    with Storage("memory://scratch-bucket/files") as storage:
        for _ in ("old", "young"):
            storage.new_file(EVENTS)
    old, young = sorted(left_over(tmp_path / "scratch"))
    now = datetime.now(UTC)
    aged = (now - timedelta(days=1.1)).timestamp()
    os.utime(old, (aged, aged))
    (tmp_path / "scratch" / "another.parquet").write_bytes(b"")
    report = prune(home.config, now - timedelta(days=30), now)

    assert report.temporary_files == 1
    assert (old.exists(), young.exists(), young.stat().st_mode & 0o777) == (False, True, 0o600)


@pytest.mark.fault("F103")
def test_a_full_temporary_folder_of_a_bucket_is_named(home: ExportHome, tmp_path: Path):
    filled(home, "memory://full-bucket/files")
    with small_disk(tmp_path / "scratch") as mounted:
        home.environ["TMPDIR"] = str(tmp_path / "scratch")
        result = run(home, "run", *DAY, limits=None if mounted else files_of_300_kb)
        left = left_over(tmp_path / "scratch")

    assert result.returncode == 5
    assert str(tmp_path / "scratch") in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert left == []


@pytest.mark.fault("F103")
def test_equal_rows_make_an_equal_file_however_the_chunks_were_cut(tmp_path: Path):
    """What writes a lost file again reads other chunks than those that made it."""
    import pyarrow as pa  # noqa: PLC0415

    rows = 12_345
    text = [os.urandom(150).hex() for _ in range(rows)]
    columns = {"time_uuid": text, "event_name": ["e"] * rows, "timestamp": list(range(rows))}
    table = pa.table({**columns, "user_id": text, "unit_id": pa.nulls(rows, pa.string()), "event": text})
    digests = set()
    with Storage(str(tmp_path)) as storage:
        for size in (rows, 10_000, 7, 4_999, 5_001):
            file = storage.new_file(EVENTS)
            for begin in range(0, rows, size):
                file.add(table.slice(begin, size))
            digests.add(file.finish()[0])
            file.discard()

    assert len(digests) == 1


def test_errors_of_the_ledger_are_not_taken_for_errors_of_the_storage(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    (home.folder / "ledger.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(LedgerError, match="ledger") as failed:
        verify(home.config)
    assert not isinstance(failed.value, StorageError)


@pytest.mark.fault("F151")
def test_a_ledger_on_a_full_disk_is_read_all_the_same_and_says_why_nothing_is_sent(home: ExportHome):
    home.write()
    home.add([custom_event(1)])
    home.export()
    with small_disk(home.folder / "small") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a file system")
        home.environ["LEDGER"] = f"sqlite:///{home.folder}/small/ledger.db"
        shutil.copy(home.folder / "ledger.db", home.folder / "small")
        with suppress(OSError), (home.folder / "small" / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4_096)
        read = [run(home, verb) for verb in ("status", "verify")]
        sent = run(home, "ship")

    assert read[1].stderr == "No difference in 6 partitions, 1 files, 1 batches.\n"
    assert "custom_event" in read[0].stdout
    assert sent.returncode == 5
    assert "free space on its disk" in sent.stderr
    assert len(sent.stderr.splitlines()) == 1
    assert home.receiver.events() == []
