"""Looks at a source database before there is a configuration: which tables it has, and from when to when they reach."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import pyarrow as pa
from sqlalchemy import URL

from statsig_export.arrow.columns import array, values_of
from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.layouts.detection import FoundTable
from statsig_export.layouts.model import SourceTable
from statsig_export.source.names import plain_name
from statsig_export.source.readers.factory import open_reader
from statsig_export.source.schema import check_columns
from statsig_export.source.statement import PlacedTable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Discovery:
    """A connection to a database of which only the URL is known. Close it, or use it as a context manager."""

    def __init__(self, url: URL) -> None:
        """Raises SourceError where no driver for the URL can be loaded, or a database's file is not there."""
        self._database = open_reader(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def tables(self, schema: str | None = None) -> list[FoundTable]:
        """The tables and views of the schema (None: the connection's own). Raises SourceError."""
        dialect = self._database.dialect
        with self._errors():
            return [
                FoundTable(
                    name,
                    tuple(plain_name(column.name, dialect) for column in self._database.columns(name, schema)),
                    schema,
                )
                for name in sorted(self._database.tables(schema))
            ]

    def reach(self, table: SourceTable) -> tuple[datetime, datetime] | None:
        """The least and the greatest time in the table's window column; None where it holds none that is believed.

        Raises SourceError.
        """
        with self._errors():
            columns = self._database.columns(table.table, table.schema)
            dialect = self._database.dialect
            timed = replace(table, key=None, columns=())
            placed = PlacedTable(timed, check_columns(timed, columns, dialect), dialect)
            with closing(self._database.chunks(placed.window_reach(), 1)) as chunks:
                chunk = next(chunks)
        row = [column[0].as_py() for column in chunk.columns] if isinstance(chunk, pa.RecordBatch) else chunk[0]
        moments = [_moment(value) for value in row]
        return None if None in moments else (min(filter(None, moments)), max(filter(None, moments)))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._database.errors as error:
            raise self._database.told.unlisted(error) from None


def _moment(value: object) -> datetime | None:
    """A time as some database gives it, in UTC where it names no zone."""
    value = value.decode(errors="replace") if isinstance(value, bytes) else value  # SQLite's text
    (ms,) = values_of(to_epoch_ms(array([value])))
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
