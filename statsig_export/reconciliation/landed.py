"""Reads the table that Fivetran wrote: the ids of its rows and when each was written, in chunks."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import column, select
from sqlalchemy import table as table_clause
from sqlalchemy.sql import quoted_name

from statsig_export.arrow.columns import TEXT, Column, array, pc
from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.config import Config
from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.families import TIMESTAMPS, Family
from statsig_export.reconciliation.buckets import Records
from statsig_export.reconciliation.comparison import LANDED, NO_TIME
from statsig_export.reconciliation.documents import ids_in
from statsig_export.reconciliation.id_hashes import id_hashes
from statsig_export.reconciliation.landed_columns import EVENT_ID, LandedColumns, landed_columns
from statsig_export.source.backends.backend import SqlColumn
from statsig_export.source.backends.known import backend_of
from statsig_export.source.chunks import Chunk
from statsig_export.source.compiling import compiled
from statsig_export.source.errors import Named
from statsig_export.source.expressions import as_text, as_utc
from statsig_export.source.names import written
from statsig_export.source.readers.factory import open_reader
from statsig_export.source.readers.reader import Database
from statsig_export.source.window import rows_since

ARRIVALS: Final = Named("arrivals", "the database that Fivetran writes to", "Nothing was recorded: compare once more")
_ROWS: Final = 50_000
"""Rows a chunk; a row is an id and a time."""


class IdsUnreadError(Exception):
    """The database cannot take the id out of the JSON of some row. It is raised `from None`: its text may quote one."""


class LandedTable:
    """The table that `[arrivals]` names. Close it, or use it as a context manager."""

    def __init__(self, config: Config) -> None:
        """Raises ConfigError for what export.toml says, SourceError for a missing file or driver."""
        self._settings = config.arrivals_settings()
        self._database: Database = open_reader(config.arrivals_url(), config.arrivals_arguments(), named=ARRIVALS)
        self.reads_from: datetime | None = None
        """The first moment of the rows that `read` asked for: earlier than it was told where the table knows days
        alone, the first of all where it knows no time.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, since: datetime, *, whole: bool = False) -> Iterator[Records]:
        """The rows that were written at `since` or later, or nobody knows when, as LANDED; all rows where the table has
        no such time. A row without an id has a hash that no event has.

        Raises IdsUnreadError, also in the middle, where the database takes the ids out of JSON and one row is none:
        `whole` then reads the documents and takes them out here. Raises ConfigError, SourceError.
        """
        name = self._settings.table
        errors: tuple[type[Exception], ...] = (*self._database.errors, UnicodeError)
        packed = False
        try:
            found = self._database.columns(name, self._settings.schema_)
            if not found:
                raise SourceError(
                    f"arrivals.table: there is no table {self._qualified}",
                    hint="name the table of the Webhooks connection; Fivetran makes it at its first sync",
                )
            columns = landed_columns(found, self._settings, self._database.dialect)
            packed = columns.packed
            documents = packed and whole
            with closing(self._database.chunks(self._statement(columns, since, whole=documents), _ROWS)) as chunks:
                for chunk in chunks:
                    yield _records(chunk, documents=documents)
        except errors as error:
            if packed and not whole and self._database.told.of_a_value(error):
                raise IdsUnreadError from None
            raise self._database.told.unread(self._qualified, error) from None

    @property
    def _qualified(self) -> str:
        schema = self._settings.schema_
        return self._settings.table if schema is None else f"{schema}.{self._settings.table}"

    def _statement(self, columns: LandedColumns, since: datetime, *, whole: bool) -> str:
        dialect = self._database.dialect
        backend = backend_of(dialect.name)
        names = {one.name for one in (columns.holds, columns.synced) if one is not None}
        schema = None if self._settings.schema_ is None else written(self._settings.schema_, dialect)
        clause = table_clause(
            written(self._settings.table, dialect),
            *(column(quoted_name(name, quote=True)) for name in sorted(names)),
            schema=schema,
        )
        holding: SqlColumn = clause.c[columns.holds.name]
        if whole or not columns.packed:
            event_id = as_text(holding, columns.holds.family, backend)
        elif backend.json_member is None:
            raise ConfigError(
                f"arrivals.mode: how {dialect.name} reads JSON is not known here",
                hint='name a view that has the id as a column, and mode = "unpacked"',
            )
        else:
            event_id = as_text(backend.json_member(holding, columns.holds.family, EVENT_ID), Family.TEXT, backend)
        synced = columns.synced
        if synced is None:
            self.reads_from = datetime.min.replace(tzinfo=UTC)
            return compiled(select(event_id.label("id")).select_from(clause), dialect)
        time: SqlColumn = clause.c[synced.name]
        moment = time
        if synced.family in TIMESTAMPS | {Family.DATE}:
            moment = as_utc(time, synced.family, backend)
        elif synced.family is Family.NUMERIC:  # which readers give back in types of their own
            moment = as_text(time, synced.family, backend)
        first = since.astimezone(UTC).replace(microsecond=0)
        if synced.family is Family.DATE or backend.values_have_types:  # a day stands for its first moment
            first = first.replace(hour=0, minute=0, second=0)
        self.reads_from = first
        # A row whose time nobody wrote is there all the same.
        recent = time.is_(None) | rows_since(time, synced.family, first, backend)
        return compiled(select(event_id.label("id"), moment.label("synced")).select_from(clause).where(recent), dialect)


def _records(chunk: Chunk, *, documents: bool) -> Records:
    columns: Sequence[Any] = chunk.columns if isinstance(chunk, pa.RecordBatch) else list(zip(*chunk, strict=True))
    ids = ids_in(_texts(columns[0])) if documents else _texts(columns[0])
    records = np.zeros(len(ids), LANDED)
    known = np.asarray(pc.is_valid(ids))
    records["first"][known], records["second"][known] = id_hashes(ids.drop_null())
    records["synced"] = _moments(columns[1]) if len(columns) > 1 else NO_TIME
    return records


def _texts(values: Any) -> Column:  # noqa: ANN401 - an Arrow array, or the driver's values
    if isinstance(values, pa.Array):
        return values.cast(TEXT)
    return array([None if value is None else _text(value) for value in values], TEXT)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _moments(values: Any) -> npt.NDArray[np.int64]:  # noqa: ANN401 - likewise
    """Milliseconds since the epoch; NO_TIME for what is no time of this century. A time without a zone is UTC."""
    if not isinstance(values, pa.Array):
        values = _times(values) if any(isinstance(value, datetime) for value in values) else _texts(values)
    ms: npt.NDArray[np.int64] = to_epoch_ms(values).fill_null(NO_TIME).to_numpy(zero_copy_only=False)
    return ms


def _times(values: Sequence[Any]) -> Column:
    return array([value if isinstance(value, datetime) else None for value in values], pa.timestamp("us", "UTC"))
