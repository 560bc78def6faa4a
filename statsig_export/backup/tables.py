"""A table of the ledger as one Parquet file of a backup, written and read chunk by chunk."""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from statsig_export.arrow.parquet import open_parquet
from statsig_export.backup.manifest import TABLES, TableCopy
from statsig_export.errors import LedgerError
from statsig_export.file_modes import OF_THE_GROUP
from statsig_export.ledger.dump import AT_ONCE, DumpedTable, Kind, Row
from statsig_export.ledger.load import LoadedTable
from statsig_export.storage.new_file import writing
from statsig_export.storage.place import Place

_TYPES: Final = {
    Kind.INTEGER: pa.int64(),
    Kind.TEXT: pa.large_string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.NUMBER: pa.float64(),
}


_WHAT: Final = "a table of the ledger"
_NAMED: Final = 10
"""Maximum files named in a message."""


def write_table(table: DumpedTable, target: Place) -> TableCopy:
    """Put a table into a backup. Raises StorageError, LedgerError."""
    schema = pa.schema([pa.field(name, _TYPES[kind]) for name, kind in table.columns])
    temporary = target.scratch(OF_THE_GROUP)
    rows = 0
    try:
        with (
            writing(target.place, _WHAT),
            pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
        ):
            for chunk in table.chunks:
                writer.write_table(_arrow(chunk, schema))
                rows += len(chunk)
        with writing(target.place, _WHAT), temporary.open("rb+") as file:
            os.fsync(file.fileno())
            digest, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
        path = f"{TABLES}/{digest}.parquet"
        target.install(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return TableCopy(name=table.name, path=path, digest=digest, bytes=size, rows=rows)


def check_table(copy: TableCopy, source: Place) -> None:
    """Raises LedgerError unless the file is, byte for byte, what was written."""
    with source.answering():
        found = source.digest(copy.path)
    if found != (copy.digest, copy.bytes):
        raise broken({copy.path: f"(the ledger's table {copy.name}) is not what was written"})


def broken(files: Mapping[str, str]) -> LedgerError:
    """The error about files of a backup: file -> what is wrong with it."""
    named = "; ".join(f"{path} {fault}" for path, fault in list(files.items())[:_NAMED])
    more = f"; and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return LedgerError(
        f"the backup is broken: {named}{more}. Nothing was restored",
        hint="restore an earlier one by --name, or another copy of it",
    )


def read_table(copy: TableCopy, source: Place) -> LoadedTable:
    """A table of a backup that was checked."""
    with source.answering(), source.opened(copy.path) as file:
        names = pq.read_schema(file).names
    return LoadedTable(copy.name, names, _chunks(copy, source))


def _chunks(copy: TableCopy, source: Place) -> Iterator[Sequence[Row]]:
    with source.opened(copy.path) as file, open_parquet(file) as parquet:
        for batch in parquet.iter_batches(AT_ONCE, use_threads=False):
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _arrow(chunk: Sequence[Row], schema: pa.Schema) -> pa.Table:
    columns = zip(*chunk, strict=True) if chunk else [() for _ in schema]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
