"""PostgreSQL read through ADBC: Arrow record batches out of a binary COPY, in a third of what rows of a cursor cost.

Only windows are read so. Catalogs are inspected through SQLAlchemy, which is the reference that every layout is tested
against: the same rows give the same bytes either way.
"""

from collections.abc import Generator
from contextlib import closing, suppress
from typing import Any, Final

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL
from sqlalchemy.engine import Dialect

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import LOCK_WAIT_MS
from statsig_export.source.backends.postgresql import NO_ENCODING, PSYCOPG_OPTIONS
from statsig_export.source.catalogs import Catalog
from statsig_export.source.chunks import Chunk
from statsig_export.source.readers.bounds import bounded_batches
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.source.readers.reader import UNREACHABLE, class_of
from statsig_export.source.schema import FoundColumn

_SESSION: Final = f"-c default_transaction_read_only=on -c lock_timeout={LOCK_WAIT_MS}"
_PSYCOPG_ONLY: Final = frozenset({"context"})
"""What SQLAlchemy passes to psycopg beside libpq's own keywords."""
_BATCH: Final = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(8 * 2**20)}
"""Some 10,000 rows of a kilobyte. The driver's own 16 MB would be cut into chunks, of which the last is small."""


class AdbcDatabase:
    """One connection for all windows that a run reads, since a new one costs as much as thousands of rows."""

    reader: Final = "adbc"

    def __init__(self, url: URL, plain: SqlDatabase) -> None:
        """`plain` is the same database through SQLAlchemy."""
        self._url = url
        self._plain = plain
        self._opened: Any = None
        self._encoding = ""

    @property
    def dialect(self) -> Dialect:
        return self._plain.dialect

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (*self._plain.errors, adbc_driver_manager.Error, pa.ArrowException)

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        return self._plain.columns(table, schema)

    def catalog(self, schema: str | None) -> Catalog:
        return self._plain.catalog(schema)

    def chunks(self, sql: str, rows: int) -> Generator[Chunk]:
        """The driver cuts batches by about 8 MB; here they are cut by rows as well.

        A database of the encoding SQL_ASCII may hold text that is not UTF-8, which Arrow refuses: it is read as rows.
        """
        connection = self._connection()
        if self._encoding == NO_ENCODING:
            yield from self._plain.chunks(sql, rows)
            return
        with closing(connection.cursor()) as cursor:
            try:
                cursor.adbc_statement.set_options(**_BATCH)
                cursor.execute(sql)
                yield from bounded_batches(cursor.fetch_record_batch(), rows)
            except BaseException:  # an error, or a reader that was left early: the rest of the COPY is in the way
                self._throw_away()
                raise
        connection.rollback()

    def close(self) -> None:
        self._throw_away()
        self._plain.close()

    def _throw_away(self) -> None:
        if self._opened is not None:
            with suppress(adbc_driver_manager.Error):
                self._opened.close()
            self._opened = None

    def _connection(self) -> Any:  # noqa: ANN401 - the driver's, untyped
        """The connection, opened anew where there is none or the server has ended it since it was last used."""
        if self._opened is not None:
            try:
                self._encoding = _encoding(self._opened)
            except adbc_driver_manager.Error:
                self._throw_away()
        if self._opened is None:
            try:
                self._opened = adbc_driver_postgresql.dbapi.connect(_connection_string(self._url, self.dialect))
                self._encoding = _encoding(self._opened)
            except adbc_driver_manager.Error as error:
                raise SourceError(
                    f"the source database (postgresql) cannot be reached: {class_of(error)}", hint=UNREACHABLE
                ) from None
        return self._opened


def _encoding(connection: Any) -> str:  # noqa: ANN401 - the driver's, untyped
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT current_setting('server_encoding')")
        return str(cursor.fetchone()[0])


def _connection_string(url: URL, dialect: Dialect) -> str:
    """What psycopg would be given, as libpq reads it, for a session that cannot write and has a bound on waiting."""
    _, arguments = dialect.create_connect_args(url)
    given = {name: value for name, value in arguments.items() if name not in _PSYCOPG_ONLY}
    options = f"{_SESSION} {given.get('options', '')}"
    return make_conninfo(**{**PSYCOPG_OPTIONS, **given, "options": options})
