"""The floor: what this design costs with nothing of ours in between.

The same rows are read (as Arrow, where there is a driver for that) and thrown away, while another thread writes the
events that an export made of them into Parquet files of the same columns, row groups and compression; each file is
synced, and its digest taken. Then the files are read back, cut into bodies of as many events, each body's digest is
taken, and requests posts it.

The events are those under BENCH_REFERENCE. Some row groups of each file are held in memory before the clock starts, and
written in turn: so the peak memory of this program says nothing.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests
import sqlite_cursor
from adbc_driver_postgresql import StatementOptions

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES

_HELD = 8
_BATCH_BYTES = str(8 * 2**20)
_DICTIONARIES = ["event_name", "user_id", "unit_id"]
_local = threading.local()


@dataclass(frozen=True)
class Reference:
    """A file that the export wrote: how many row groups it has, and the first of them."""

    row_groups: int
    first: list[pa.Table]
    rest: int
    """Rows of the last row group."""

    @classmethod
    def of(cls, path: Path) -> "Reference":
        with pq.ParquetFile(path) as file:
            count = file.num_row_groups
            first = [file.read_row_group(number) for number in range(min(_HELD, count))]
            return cls(count, first, file.metadata.row_group(count - 1).num_rows)

    def tables(self) -> Iterator[pa.Table]:
        """As many rows as the file has."""
        for number in range(self.row_groups - 1):
            yield self.first[number % len(self.first)]
        yield self.first[0].slice(0, self.rest)


REFERENCES = [Reference.of(path) for path in sorted(Path(os.environ["BENCH_REFERENCE"]).rglob("*.parquet"))]


def run() -> int:
    home = Path(os.environ["BENCH_FOLDER"])
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(_read)
        files = [_write(home / f"{number}.parquet", one) for number, one in enumerate(REFERENCES)]
        read.result()
    return _ship(files)


def _read() -> None:
    """The window, as Arrow where the database has a driver for that."""
    place = os.environ["BENCH_DATABASE"]
    if not place.startswith("postgresql:"):
        sqlite_cursor.run()
        return
    window = "ingested_at >= '{BENCH_START}' AND ingested_at < '{BENCH_END}'".format(**os.environ)
    with closing(adbc_driver_postgresql.dbapi.connect(place)) as connection, closing(connection.cursor()) as cursor:
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: _BATCH_BYTES})
        for table in (EXPOSURES, CUSTOM_EVENTS):
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "ingested_at")
            cursor.execute(f"SELECT {names} FROM {table.name} WHERE {window}")  # noqa: S608 - own names
            for _ in cursor.fetch_record_batch():
                pass


def _write(path: Path, reference: Reference) -> Path:
    schema = reference.first[0].schema
    statistics = [name for name in schema.names if name != "event"]
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=_DICTIONARIES,
        write_statistics=statistics,
    ) as writer:
        for table in reference.tables():
            writer.write_table(table)
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        hashlib.file_digest(file, "sha256")
    return path


def _ship(files: list[Path]) -> int:
    most = int(os.environ["BENCH_CONCURRENCY"])
    sent = 0
    with ThreadPoolExecutor(most) as senders:
        under_way: set[Future[int]] = set()
        for body in _bodies(files):
            under_way.add(senders.submit(_post, body))
            if len(under_way) == most:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                sent += sum(each.result() for each in done)
        return sent + sum(each.result() for each in under_way)


def _bodies(files: list[Path]) -> Iterator[pa.Array]:
    """The texts of each body."""
    batch = int(os.environ["BENCH_BATCH"])
    for path in files:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                texts = file.read_row_group(number, columns=["event"])["event"].combine_chunks()
                for begin in range(0, len(texts), batch):
                    yield texts.slice(begin, batch)


def _post(events: pa.Array) -> int:
    one_list = pa.LargeListArray.from_arrays(pa.array([0, len(events)], pa.int64()), events.cast(pa.large_binary()))
    joined = pc.binary_join(one_list, pa.scalar(b",", pa.large_binary()))[0]
    body = b"".join((b"[", joined.as_buffer(), b"]"))
    hashlib.sha256(body).hexdigest()
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = requests.Session()
        session.trust_env = False
    session.post(os.environ["BENCH_WEBHOOK_URL"], data=body, timeout=30).raise_for_status()
    return len(events)
