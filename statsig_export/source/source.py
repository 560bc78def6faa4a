"""Reads the source database: windows of its tables as canonical frames, a bounded chunk at a time.

statement.py says what a statement selects, window.py which rows a window holds, chunks.py how rows become frames. What
differs between databases is in `backends`, how rows come in through a driver in `readers`.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import chain
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
import pyarrow as pa
from sqlalchemy import ColumnElement, and_, not_

from statsig_export.config import Config
from statsig_export.errors import SchemaError, SourceError
from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.layouts.placement import source_tables
from statsig_export.source.catalogs import CatalogTable
from statsig_export.source.chunks import Chunk, rows_of, to_frame
from statsig_export.source.files import files_of
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.location import located
from statsig_export.source.outside import Outside, Place
from statsig_export.source.readers.bounds import CHUNK_BYTES
from statsig_export.source.readers.factory import open_files, open_reader
from statsig_export.source.readers.reader import Database
from statsig_export.source.schema import check_columns
from statsig_export.source.shards import Hashes, answers, knows_ids, probe, rows_that_may_be_in
from statsig_export.source.statement import PlacedTable, SelectedColumn, all_of
from statsig_export.source.value_kinds import looks_like
from statsig_export.source.window import part_of, rows_between, rows_outside
from statsig_export.vocabulary import Category

CHUNK_ROWS: Final = 12_000
"""Maximum rows per frame. Ten to twenty thousand measured best: more only costs memory."""


class WindowRead:
    """The rows of a window as canonical frames (`chunks.to_frame`), and the statement that yields them.

    An iterator to go through once; close it where it is left early.
    """

    def __init__(self, statement: str, frames: Generator[pd.DataFrame]) -> None:
        self.statement = statement
        """What runs, word for word; "" where there is nothing to read."""
        self._frames = frames

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pd.DataFrame:
        return next(self._frames)

    def close(self) -> None:
        self._frames.close()


class Source:
    """The source database of one configuration. Close it, or use it as a context manager."""

    def __init__(self, database: Database, tables: tuple[SourceTable, ...]) -> None:
        self.tables = tables
        """The tables of the layout, as export.toml places them."""
        self.hashes_ids = True
        """Whether the database may leave out the rows of other shards: not where it was seen to hash in a way of its
        own."""
        self._database = database
        self._hashes: bool | None = None
        self._placed: dict[SourceTable, PlacedTable] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    @property
    def reader(self) -> str:
        """What reads the database: the driver's name."""
        return self._database.reader

    def check_schema(self, table: SourceTable) -> None:
        """Raises SourceError unless the table is there and its columns can be read as the layout says.

        The error names the table, each column that is missing or of the wrong type, what was expected and what was
        found. Extra columns are ignored. Every read checks first, once per Source and table.
        """
        self._checked(table)

    def check_schemas(self, tables: Iterable[SourceTable]) -> None:
        """`check_schema` of several tables: one error says what is wrong with all of them."""
        errors: list[SchemaError] = []
        for table in tables:
            try:
                self._checked(table)
            except SchemaError as error:
                errors.append(error)
        if len(errors) > 1:
            raise SchemaError("\n".join(e.message for e in errors), hint="\n".join(e.hint for e in errors))
        if errors:
            raise errors[0]

    def families(self, table: SourceTable) -> dict[str, Family]:
        """Column, as the layout or export.toml names it, -> its type: of all that are read. Raises SourceError."""
        placed = self._checked(table)
        return {rule.column: placed.family(rule.column) for rule in (*table.selected_rules, table.window_rule)}

    def placed(self, table: SourceTable) -> PlacedTable:
        """The table as it was found. Raises SourceError."""
        return self._checked(table)

    def tells_shards(self, table: SourceTable) -> bool:
        """Whether the database itself can leave out the rows of other shards. Asks it once for the hash of known texts.
        Raises SourceError.
        """
        if not self.hashes_ids or not knows_ids(self._checked(table)):
            return False
        if self._hashes is None:
            try:
                chunks = list(self._database.chunks(probe(self._checked(table)), 1))
            except self._database.errors:  # MD5 is not allowed there, as in FIPS mode
                chunks = []
            self._hashes = [answers(row) for chunk in chunks for row in rows_of(chunk)] == [True]
        return self._hashes

    def read_window(
        self,
        table: SourceTable,
        start: datetime,
        end: datetime,
        categories: Sequence[Category] | None = None,
        chunk_rows: int = CHUNK_ROWS,
        *,
        hashes: Hashes | None = None,
    ) -> WindowRead:
        """Canonical frames of at most `chunk_rows` rows and about `bounds.CHUNK_BYTES`, in no promised order.

        The rows are those whose window column lies in [start, end), whole seconds with a zone (else ValueError),
        and that belong to one of `categories` (None: all). A row belongs to exactly one category of its table, see
        `SourceTable.home`; a table without predicates yields all its rows for any of its categories. One
        server-side cursor, one snapshot; memory is that of a chunk. Raises SourceError.

        With `hashes` (of a table that `tells_shards`) at least those of the rows that have one of them; the statement
        of the read is that for all.
        """
        present = _present(table, categories)
        if not present:
            return WindowRead("", _no_frames())
        placed, rows = self._checked(table), self._rows(table, start, end, present)
        sql, selected = placed.select_rows(rows)
        read = sql
        if hashes is not None:
            read, _ = placed.select_rows(all_of(rows, rows_that_may_be_in(placed, hashes)))
        chunks = self._chunks(table, read, chunk_rows, self._stretch(table, start, end))
        return WindowRead(sql, self._frames(table, chunks, selected))

    def count_rows(
        self, table: SourceTable, start: datetime, end: datetime, categories: Sequence[Category] | None = None
    ) -> int:
        """The rows that `read_window` would yield for these arguments. Raises SourceError."""
        present = _present(table, categories)
        if not present:
            return 0
        counted = self._checked(table).count_rows(self._rows(table, start, end, present))
        return int(self._first(table, counted, self._stretch(table, start, end)) or 0)

    def count_windows(
        self, table: SourceTable, bounds: Sequence[datetime], categories: Sequence[Category] | None = None
    ) -> list[int]:
        """What `count_rows` says of each window between two neighbours of `bounds`, which ascend, in one statement: so
        a table without an index is read once, whatever the number of windows. Raises SourceError.
        """
        present = _present(table, categories)
        counts = [0] * (len(bounds) - 1)
        if not present or not counts:
            return counts
        placed, stored = self._checked(table), list[Any]()
        rows = self._rows(table, bounds[0], bounds[-1], present, stored)
        part = part_of(placed.window_column, placed.window_family, bounds, placed.backend, stored)
        stretch = self._stretch(table, bounds[0], bounds[-1])
        with closing(self._chunks(table, placed.count_rows_by(part, rows), len(counts), stretch)) as chunks:
            for place, count in chain.from_iterable(map(rows_of, chunks)):
                counts[int(place)] = int(count)
        return counts

    def count_outside(self, table: SourceTable, start: datetime, now: datetime) -> Outside:
        """The rows that are in no window from `start` to `now` (whole seconds with a zone), in one grouped count.

        Only where there are some it is looked at what their values are like, and whether any row is within.
        """
        placed = self._checked(table)
        places = rows_outside(placed.window_column, placed.window_family, start, now, placed.backend)
        stretch = Stretch(placed.window_name, start.astimezone(UTC), now.astimezone(UTC), outside=True)
        counted = self._all(table, placed.count_places(list(places.values())), stretch)
        counts = {list(places)[int(number)]: int(rows) for number, rows in counted}
        looks = {}
        for place in counts:
            mine = places[place] if place is Place.UNPLACED else and_(not_(places[Place.UNPLACED]), places[place])
            looks[place] = looks_like(self._first(table, placed.window_text(mine), stretch))
        return Outside(table.window_column, counts, looks, whole=bool(counts) and not self.has_rows(table, start, now))

    def has_rows(self, table: SourceTable, start: datetime, end: datetime) -> bool:
        """Whether any row of the table is in [start, end). Raises SourceError."""
        where = self._rows(table, start, end, table.categories)
        wanted = self._checked(table).window_value(where)
        return self._first(table, wanted, self._stretch(table, start, end)) is not None

    def _frames(
        self, table: SourceTable, chunks: Generator[Chunk], selected: Sequence[SelectedColumn]
    ) -> Generator[pd.DataFrame]:
        with closing(chunks):
            for chunk in chunks:
                yield to_frame(chunk, selected, table)

    def _stretch(self, table: SourceTable, start: datetime, end: datetime) -> Stretch:
        """What a reader of files may skip by; times that are numbers or text it has no statistics of."""
        return Stretch(self._checked(table).window_name, start.astimezone(UTC), end.astimezone(UTC))

    def _rows(
        self,
        table: SourceTable,
        start: datetime,
        end: datetime,
        categories: Sequence[Category],
        stored: list[Any] | None = None,
    ) -> ColumnElement[Any]:
        """The predicate of a window's rows that may be of `categories`. What had to be known of the values that are
        stored is added to `stored`.
        """
        if any(bound.tzinfo is None or bound.microsecond for bound in (start, end)):
            raise ValueError("the bounds of a window have a zone and are whole seconds")
        placed = self._checked(table)

        def first_value(where: ColumnElement[Any], order: ColumnElement[Any] | None = None, /) -> Any:  # noqa: ANN401
            value = self._first(table, placed.window_value(where, order))
            if stored is not None:
                stored.append(value)
            return value

        window = rows_between(placed.window_column, placed.window_family, start, end, placed.backend, first_value)
        return all_of(window, placed.rows_of(categories))

    def _all(self, table: SourceTable, sql: str, stretch: Stretch | None) -> list[tuple[Any, ...]]:
        """The rows of a small result."""
        rows: list[tuple[Any, ...]] = []
        with closing(self._chunks(table, sql, CHUNK_ROWS, stretch)) as chunks:
            for chunk in chunks:
                if isinstance(chunk, pa.RecordBatch):
                    rows += zip(*(column.to_pylist() for column in chunk.columns), strict=True)
                else:
                    rows += map(tuple, chunk)
        return rows

    def _first(self, table: SourceTable, sql: str, stretch: Stretch | None = None) -> Any:  # noqa: ANN401 - as stored
        """The first value of the first row; None where there is no row."""
        with closing(self._chunks(table, sql, 1, stretch)) as chunks:
            chunk = next(chunks, None)
        if chunk is None:
            return None
        return chunk.column(0)[0].as_py() if isinstance(chunk, pa.RecordBatch) else chunk[0][0]

    def _checked(self, table: SourceTable) -> PlacedTable:
        if table not in self._placed:
            there = table
            with self._errors_of(table):
                columns = self._database.columns(table.table, table.schema)
            dialect = self._database.dialect
            if not columns:
                there = located(table, self._all_tables(), dialect)
                with self._errors_of(table):
                    columns = self._database.columns(there.table, there.schema)
            self._placed[table] = PlacedTable(there, check_columns(table, columns, dialect), dialect)
        return self._placed[table]

    def _all_tables(self) -> tuple[CatalogTable, ...]:
        """Of the whole database; only to say what is wrong, so an error says no more than that nothing is known."""
        try:
            return self._database.catalog(None).tables
        except self._database.errors:
            return ()

    def _chunks(self, table: SourceTable, sql: str, rows: int, stretch: Stretch | None = None) -> Generator[Chunk]:
        with self._errors_of(table):
            yield from self._database.chunks(sql, rows, stretch)

    @contextmanager
    def _errors_of(self, table: SourceTable) -> Iterator[None]:
        """Errors while `table` is read, by their cause alone: the driver's text may quote rows or the URL."""
        errors: tuple[type[Exception], ...] = (*self._database.errors, UnicodeError)
        try:
            yield
        except MemoryError:
            raise out_of_memory(table) from None
        except errors as error:
            raise self._database.told.unread(table.qualified_name, error) from None


def open_source(config: Config) -> Source:
    """The source that `config` names. Connects only when it is used, but a SQLite or DuckDB file must exist now.

    Raises ConfigError for what export.toml says, SourceError for a missing file or a driver that is not installed.
    """
    tables = source_tables(config.source)
    if files := config.source_files():
        options = config.source_arguments()
        return Source(open_files(files_of(tables, files, options), options), tables)
    return Source(
        open_reader(config.source_url(), config.source_arguments(), plain=config.source.reader == "plain"), tables
    )


def out_of_memory(table: SourceTable) -> SourceError:
    return SourceError(
        f"there is not enough memory for a chunk of table {table.qualified_name}",
        hint=f"nothing of the window was planned: give the process more memory. A chunk has {CHUNK_BYTES >> 20} MB of "
        "text at most, or one row: look for rows that are far larger",
    )


def _no_frames() -> Generator[pd.DataFrame]:
    yield from ()


def _present(table: SourceTable, categories: Sequence[Category] | None) -> tuple[Category, ...]:
    return table.categories if categories is None else tuple(c for c in table.categories if c in categories)
