"""Looks at a source database before there is a configuration: which tables it has, and from when to when they reach."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
from sqlalchemy import URL, ColumnElement
from sqlalchemy.engine import Dialect

from statsig_export.arrow.columns import array, values_of
from statsig_export.arrow.timestamps import EARLIEST_MS, to_epoch_ms
from statsig_export.layouts.detection import FoundTable, Match
from statsig_export.layouts.model import ROW_KEY, ColumnRule, Kind, SourceTable
from statsig_export.source.backends.backend import Arguments
from statsig_export.source.backends.known import backend_of
from statsig_export.source.catalogs import CatalogTable
from statsig_export.source.epochs import EPOCH
from statsig_export.source.files import SourceFiles
from statsig_export.source.names import plain_name
from statsig_export.source.outside import Place
from statsig_export.source.readers.factory import open_files, open_reader
from statsig_export.source.schema import FoundColumn, can_hold, check_columns
from statsig_export.source.statement import PlacedTable
from statsig_export.source.window import rows_between, rows_outside

EARLIEST: Final = EPOCH + timedelta(milliseconds=EARLIEST_MS)
"""The first time that is believed."""
_DAY: Final = timedelta(days=1)
_SHIFTS: Final = 3
"""How many days the first text of a column can be off the first time: UTC offsets are up to 14 hours either way."""
_UUID_TYPE: Final = re.compile(r"uuid|uniqueidentifier", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_JSON: Final = re.compile(r"\s*(\{|null\s*$|\[\s*\]\s*$)")
"""How a text begins that is a JSON object, which may be cut; PHP writes an empty one as []."""
_ROWS_LOOKED_INTO: Final = 100


@dataclass(frozen=True, slots=True)
class Tables:
    """What a look at the catalog found."""

    found: tuple[FoundTable, ...]
    broken: tuple[str, ...]
    """Views that the database itself cannot describe."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The times of a table's rows."""

    first_day: datetime
    """The beginning of the first day in UTC that holds a row."""
    newest: datetime


class Discovery:
    """A connection to a database of which only the URL is known. Close it, or use it as a context manager."""

    def __init__(
        self, url: URL, arguments: Arguments | None = None, files: Mapping[str, SourceFiles] | None = None
    ) -> None:
        """`arguments` are those of the driver, beside the URL; `files`, by their table's name, stand for a database.

        Raises SourceError where no driver for the URL can be loaded, or a database's file is not there.
        """
        self._database = open_files(files, arguments) if files else open_reader(url, arguments)
        self._columns: dict[tuple[str | None, str], list[FoundColumn]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def tables(self, schema: str | None = None) -> Tables:
        """The tables and views of the schema; None: of all schemas, where the database can tell them at once.

        Where a schema is a database, those of the URL's, if it names one that has any. Raises SourceError.
        """
        with self._errors():
            catalog = self._database.catalog(schema)
        tables = catalog.tables
        if schema is None and backend_of(self._database.dialect.name).schemas_are_databases:
            tables = tuple(table for table in tables if table.visible) or tables
        found = (self._found(table, schema) for table in tables)
        return Tables(tuple(sorted(found, key=lambda table: (table.schema or "", table.name))), catalog.broken)

    def looked_into(self, match: Match) -> FoundTable:
        """The match's table, with what the values of its first rows say of its texts: UUIDs, JSON or neither.

        Raises SourceError.
        """
        found, names = match.found, _to_look_into(match)
        if not names:
            return found
        rules = tuple(ColumnRule(name, name, Kind.TEXT) for name in names)
        with self._errors(match.placed.qualified_name):
            placed = self._placed(replace(match.placed, key=None, columns=rules))
            rows = self._rows(placed.first_rows(names, _ROWS_LOOKED_INTO))
        values = {name: [_text(row[n]) for row in rows if row[n] is not None] for n, name in enumerate(names)}
        uuids = {name for name, texts in values.items() if texts and all(map(_UUID.fullmatch, texts))}
        no_json = {name for name, texts in values.items() if texts and not any(map(_JSON.match, texts))}
        kinds = {name: held - {Kind.JSON} if name in no_json else held for name, held in found.kinds.items()}
        return replace(found, uuids=found.uuids | uuids, kinds=kinds)

    def reach(self, table: SourceTable, until: datetime) -> Reach | None:
        """The least and the greatest time of the table's rows before `until` that is believed; None without such a row.

        Believed are times from 2000 on. Those that no window can hold (`infinity`, the year 20000, a text) count for
        nothing. Raises SourceError.
        """
        with self._errors(table.qualified_name):
            placed = self._placed(replace(table, key=None, columns=()))
            (row,) = self._rows(placed.window_reach(self._between(placed, EARLIEST, until)))
            moments = [moment for moment in map(_moment, row) if moment is not None]
            return Reach(self._first_day(placed, min(moments)), max(moments)) if moments else None

    def places_outside(self, table: SourceTable, start: datetime, now: datetime) -> frozenset[Place]:
        """Where the table has rows that no window from `start` to `now` holds. Raises SourceError."""
        with self._errors(table.qualified_name):
            placed = self._placed(replace(table, key=None, columns=()))
            now = now.replace(microsecond=0)
            places = rows_outside(placed.window_column, placed.window_family, start, now, placed.backend)
            counted = self._rows(placed.count_places(list(places.values())))
            return frozenset(list(places)[int(number)] for number, _ in counted)

    def _first_day(self, placed: PlacedTable, first: datetime) -> datetime:
        """The first day with rows, which `first` is near: the least text or number need not be the first time.

        Texts in SQLite have UTC offsets, and numbers may count in several units.
        """
        day = first.replace(hour=0, minute=0, second=0, microsecond=0)
        for _ in range(_SHIFTS):
            if not self._holds(placed, EARLIEST, day):
                return day
            day -= _DAY
        before, after = EARLIEST, day  # rows lie in [EARLIEST, after)
        while after - before > _DAY:
            middle = before + _DAY * ((after - before) // _DAY // 2)
            before, after = (before, middle) if self._holds(placed, EARLIEST, middle) else (middle, after)
        return before

    def _holds(self, placed: PlacedTable, start: datetime, end: datetime) -> bool:
        return start < end and bool(self._rows(placed.window_value(self._between(placed, start, end))))

    def _between(self, placed: PlacedTable, start: datetime, end: datetime) -> ColumnElement[Any]:
        def first_value(where: ColumnElement[Any], order: ColumnElement[Any] | None = None, /) -> Any:  # noqa: ANN401
            return next((row[0] for row in self._rows(placed.window_value(where, order))), None)

        end = end.replace(microsecond=0)
        return rows_between(placed.window_column, placed.window_family, start, end, placed.backend, first_value)

    def _placed(self, table: SourceTable) -> PlacedTable:
        place = (table.schema, table.table)
        if place not in self._columns:
            self._columns[place] = self._database.columns(table.table, table.schema)
        dialect = self._database.dialect
        return PlacedTable(table, check_columns(table, self._columns[place], dialect), dialect)

    def _rows(self, sql: str) -> list[Sequence[Any]]:
        with closing(self._database.chunks(sql, _ROWS_LOOKED_INTO)) as chunks:
            batches = list(chunks)
        return [row for batch in batches for row in _plain_rows(batch)]

    def _found(self, table: CatalogTable, schema: str | None) -> FoundTable:
        dialect = self._database.dialect
        named = plain_name(table.schema or schema or "", dialect)
        columns = {plain_name(column.name, dialect): column for column in table.columns}
        barred = frozenset(name for name, column in columns.items() if column.name in table.barred)
        return FoundTable(
            plain_name(table.name, dialect),
            tuple(columns),
            None if table.visible and schema is None else schema if schema and "." in schema else named,
            {name: frozenset() if name in barred else _kinds_of(column, dialect) for name, column in columns.items()},
            frozenset(name for name, column in columns.items() if _UUID_TYPE.match(column.declared)),
            table.readable,
            barred,
        )

    @contextmanager
    def _errors(self, table: str | None = None) -> Iterator[None]:
        try:
            yield
        except self._database.errors as error:
            raise self._database.told.unlisted(error, table) from None


def _to_look_into(match: Match) -> list[str]:
    """The columns of text that are taken for JSON, and a key of text that may be a UUID, each once."""
    kinds = {rule.canonical: rule.kind for rule in match.table.named_rules}
    names = [name for canonical, name in match.sources.items() if kinds.get(canonical) is Kind.JSON]
    if "time_uuid" in kinds and "time_uuid" not in match.sources and ROW_KEY in match.sources:
        names.append(match.sources[ROW_KEY])
    return [name for name in dict.fromkeys(names) if Kind.TEXT in match.found.kinds.get(name, ())]


def _kinds_of(column: FoundColumn, dialect: Dialect) -> frozenset[Kind]:
    return frozenset(kind for kind in Kind if can_hold(column, kind, dialect))


def _plain_rows(batch: Any) -> list[Sequence[Any]]:  # noqa: ANN401 - a chunk of either kind
    if not isinstance(batch, pa.RecordBatch):
        return list(batch)
    return list(zip(*(values_of(column) for column in batch.columns), strict=True))


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _moment(value: object) -> datetime | None:
    """A time as some database gives it, in UTC where it names no zone."""
    value = value.decode(errors="replace") if isinstance(value, bytes) else value  # SQLite's text
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    (ms,) = values_of(to_epoch_ms(array([value])))
    return None if ms is None else EPOCH + timedelta(milliseconds=ms)
