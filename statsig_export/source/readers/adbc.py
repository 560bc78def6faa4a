"""PostgreSQL read through ADBC: Arrow record batches out of a binary COPY, in a third of what rows of a cursor cost.

Only windows are read so. Catalogs are inspected through SQLAlchemy, which is the reference that every layout is tested
against: the same rows give the same bytes either way.
"""

import logging
from collections.abc import Generator
from contextlib import closing, suppress
from typing import Any, Final

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa
from adbc_driver_postgresql import StatementOptions
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from sqlalchemy import URL
from sqlalchemy.engine import Dialect

from statsig_export.databases.causes import cause_of
from statsig_export.databases.sessions import NOT_PREPARED
from statsig_export.source.backends.backend import Arguments
from statsig_export.source.backends.postgresql import CONNECTION, NO_ENCODING, transaction_settings
from statsig_export.source.catalogs import Catalog
from statsig_export.source.chunks import Chunk
from statsig_export.source.errors import SourceErrors
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.bounds import bounded_batches, require_columns
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.source.schema import FoundColumn

_PSYCOPG_ONLY: Final = frozenset({"context", *NOT_PREPARED})
"""What SQLAlchemy and we pass to psycopg beside libpq's own keywords."""
_LIBPQ: Final = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
"""The keywords of a connection string."""
log = logging.getLogger(__name__)

_BATCH: Final = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(4 * 2**20)}
"""Some 5,000 rows of a kilobyte. Several chunks are in memory at a time: 8 MB each take 30 MB more, no less CPU."""


class AdbcDatabase:
    """One connection for all windows that a run reads, since a new one costs as much as thousands of rows.

    What ADBC cannot do, the plain driver does: a connection that a pooler or an argument of the driver keeps from it.
    """

    def __init__(self, url: URL, plain: SqlDatabase, arguments: Arguments) -> None:
        """`plain` is the same database through SQLAlchemy."""
        self._url = url
        self._plain = plain
        self._arguments = arguments
        self._opened: Any = None
        self._encoding = ""
        self._unable = bool(arguments.keys() - _LIBPQ - _PSYCOPG_ONLY)

    @property
    def reader(self) -> str:
        return self._plain.reader if self._unable else "adbc"

    @property
    def dialect(self) -> Dialect:
        return self._plain.dialect

    @property
    def told(self) -> SourceErrors:
        return self._plain.told

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (*self._plain.errors, adbc_driver_manager.Error, pa.ArrowException)

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        return self._plain.columns(table, schema)

    def catalog(self, schema: str | None) -> Catalog:
        return self._plain.catalog(schema)

    def chunks(self, sql: str, rows: int, _: Stretch | None = None, /) -> Generator[Chunk]:
        """The driver cuts batches by about 8 MB; here they are cut by rows as well.

        A database of the encoding SQL_ASCII may hold text that is not UTF-8, which Arrow refuses: it is read as rows.
        """
        connection = None if self._unable else self._connection()
        if connection is None or self._encoding == NO_ENCODING:
            yield from self._plain.chunks(sql, rows)
            return
        with closing(connection.cursor()) as cursor:
            try:
                cursor.adbc_statement.set_options(**_BATCH)
                cursor.execute(sql)
                # Its errors have an SQLSTATE; fetch_record_batch's do not.
                batches = cursor._results.reader  # noqa: SLF001
                require_columns(batches.schema)
                yield from bounded_batches(batches, rows)
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
        """The connection in a transaction that cannot write; None where ADBC cannot connect.

        It is opened anew where there is none or the server has ended it since it was last used.
        """
        if self._opened is not None:
            try:
                self._begin()
            except adbc_driver_manager.Error:
                self._throw_away()
        if self._opened is None:
            try:
                self._opened = adbc_driver_postgresql.dbapi.connect(self._connection_string())
                self._begin()
            except adbc_driver_manager.Error as error:
                self._throw_away()
                self._unable = True
                log.warning("ADBC cannot connect (%s): the rows are read with %s", cause_of(error), self._plain.reader)
        return self._opened

    def _begin(self) -> None:
        """The first statement begins the transaction, as PEP 249 has it."""
        settings = transaction_settings({*self._url.query, *self._arguments}, transaction_read_only="on")
        with closing(self._opened.cursor()) as cursor:
            cursor.execute(f"{settings}, current_setting('server_encoding')")
            self._encoding = str(cursor.fetchone()[-1])

    def _connection_string(self) -> str:
        """What psycopg would be given, as libpq reads it."""
        _, arguments = self.dialect.create_connect_args(self._url)
        given = {**CONNECTION, **arguments, **self._arguments}
        return make_conninfo(**{name: value for name, value in given.items() if name not in _PSYCOPG_ONLY})
