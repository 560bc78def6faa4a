"""Looks at a source database before there is a configuration: which tables it has, and from when to when they reach."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import URL, Engine, create_engine, func, select
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import ArgumentError, SAWarning, SQLAlchemyError

from statsig_export.arrow_columns import array, values_of
from statsig_export.errors import SourceError
from statsig_export.layout_rules import SourceTable
from statsig_export.proposing import FoundTable
from statsig_export.source_statement import named_table
from statsig_export.timestamps import to_epoch_ms

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Discovery:
    """A connection to a database that nothing is known of but its URL. Close it, or use it as a context manager."""

    def __init__(self, url: URL) -> None:
        """Raises SourceError where no driver for the URL can be loaded."""
        try:
            self._engine: Engine = create_engine(url, hide_parameters=True)
        except (ImportError, ArgumentError) as error:
            raise SourceError(
                f"no driver for {url.drivername} can be loaded: {type(error).__name__}",
                hint="docs/databases.md says what to install",
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def tables(self, schema: str | None = None) -> list[FoundTable]:
        """The tables and views of the schema (None: the connection's own). Raises SourceError."""
        with self._errors(), warnings.catch_warnings():
            # Of a type that SQLAlchemy does not know, the column's name is all that is asked for here.
            warnings.simplefilter("ignore", SAWarning)
            found = inspect_database(self._engine).get_multi_columns(schema=schema, kind=ObjectKind.ANY)
        return [
            FoundTable(name, tuple(column["name"] for column in columns), schema)
            for (_, name), columns in sorted(found.items(), key=lambda item: item[0][1])
        ]

    def reach(self, table: SourceTable) -> tuple[datetime, datetime] | None:
        """The least and the greatest time in the table's window column; None where it holds none that is believed.

        Raises SourceError.
        """
        column = named_table(table).c[table.window_column]
        with self._errors(), self._engine.connect() as connection:
            extremes = connection.execute(select(func.min(column), func.max(column))).one()
        moments = [_moment(value) for value in extremes]
        return None if None in moments else (min(filter(None, moments)), max(filter(None, moments)))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise SourceError(
                f"the source database ({self._engine.dialect.name}) cannot be looked at: {type(error).__name__}",
                hint="check its URL and that this user may read its tables, or name a --layout: then nobody looks",
            ) from None


def _moment(value: object) -> datetime | None:
    """A time as some database gives it, in UTC where it names no zone."""
    (ms,) = values_of(to_epoch_ms(array([value])))
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)
