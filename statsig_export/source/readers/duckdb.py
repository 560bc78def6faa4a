"""A DuckDB file, read through DuckDB's own client as Arrow record batches.

No SQLAlchemy dialect is in between. Of the two that exist, duckdb-engine 0.17 cannot inspect a table under SQLAlchemy
2.1, and duckdb-sqlalchemy 1.5 cannot open a file of DuckDB 2, for it needs a client below 2. Nothing of a dialect is
wanted here but its SELECT, which is PostgreSQL's, and the rows come as Arrow, which costs an eighteenth.
"""

from collections.abc import Generator
from typing import Final

import duckdb
import pyarrow as pa
from sqlalchemy import URL
from sqlalchemy.engine import Dialect

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import Arguments
from statsig_export.source.backends.duckdb import CATALOG, DUCKDB, LOOK, DuckDbDialect
from statsig_export.source.catalogs import Catalog, catalog_of, columns_query, found_columns
from statsig_export.source.errors import SOURCE, Named, SourceErrors
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.bounds import joined_batches, require_columns
from statsig_export.source.schema import FoundColumn

SETTINGS: Final = {"memory_limit": "128MB", "threads": "1"}
"""Unless the URL says otherwise. DuckDB keeps of a file what it has read, up to 80 % of the machine's memory, and takes
every core; one thread reads two million rows a second, many times what can be made events. The limit must hold 2,048
rows, DuckDB's vector: where rows are larger than some 30 kB on average, the URL has to raise it."""

_VECTOR_ROWS: Final = 2_048
"""Rows that DuckDB reads and yields at once."""


class DuckDbDatabase:
    """One file (or `md:name` at MotherDuck), opened when it is first read and closed with `close`.

    Read-only: DuckDB lets many processes read a file, or one write it. While this is open no process can write the
    file, and while one writes it this cannot be opened.
    """

    reader: Final = "duckdb"
    errors: Final[tuple[type[Exception], ...]] = (duckdb.Error, pa.ArrowException, OSError)
    """The last is Arrow's, for an error of DuckDB's in the middle of a result."""
    dialect: Final[Dialect] = DuckDbDialect()  # type: ignore[no-untyped-call]

    def __init__(self, url: URL, arguments: Arguments, named: Named = SOURCE) -> None:
        """`duckdb:///relative/path`, `duckdb:////absolute/path`; what follows "?" and the arguments are settings."""
        self.told = SourceErrors(url, arguments, named)
        self._path = url.database or ""
        given = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
        self._settings: dict[str, str | bool | int | float | list[str]] = {**SETTINGS, **given, **arguments}
        self._opened: duckdb.DuckDBPyConnection | None = None

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        query = columns_query(CATALOG, self.dialect, table, schema)
        return found_columns(self._connection().execute(query).fetchall(), DUCKDB.families)

    def catalog(self, schema: str | None) -> Catalog:
        return catalog_of(self._connection().execute(LOOK(schema)).fetchall(), DUCKDB.families)

    def chunks(self, sql: str, rows: int, _: Stretch | None = None, /) -> Generator[pa.RecordBatch]:
        """A relation's reader streams, a vector at a time. Raises SourceError where memory_limit holds none."""
        with self._connection().cursor() as connection:
            try:
                relation = connection.sql(sql)
                require_columns(None if relation is None else relation.columns)  # as a truth, it would be run
                yield from joined_batches(relation.to_arrow_reader(min(rows, _VECTOR_ROWS)), rows)
            except self.errors as error:
                if "Out of Memory" not in str(error):
                    raise
                raise SourceError(
                    f"DuckDB needs more memory than its memory_limit of {self._settings['memory_limit']}: it holds "
                    f"{_VECTOR_ROWS} rows at once",
                    hint=self._more_memory(),
                ) from None

    def _more_memory(self) -> str:
        return f'raise it in source.url: "duckdb:///{self._path}?memory_limit=2GB"'

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if self._opened is None:
            try:
                self._opened = duckdb.connect(
                    self._path, read_only=not self._path.startswith(("md:", ":memory:")), config=self._settings
                )
            except duckdb.Error as error:
                raise self.told.unreachable(error) from None
        return self._opened
