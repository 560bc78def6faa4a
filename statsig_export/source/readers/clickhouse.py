"""ClickHouse over HTTP, as Arrow record batches, a block at a time.

Rows that a setting of the server or the user would leave out without a word are not left out. A statement that fails in
its middle has no answer that looks whole: the server keeps a result until it is complete (`wait_end_of_query`).
"""

import logging
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from io import RawIOBase
from typing import Any, Final

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from sqlalchemy import URL
from sqlalchemy.engine import Dialect
from urllib3.exceptions import HTTPError

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import Arguments
from statsig_export.source.backends.clickhouse import CLICKHOUSE, ClickHouseDialect, columns_statement, plain_type
from statsig_export.source.catalogs import Catalog, catalog_of, found_columns
from statsig_export.source.errors import NOT_TAKEN, SOURCE, Named, SourceErrors
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.bounds import joined_batches, require_columns
from statsig_export.source.schema import FoundColumn

_LIMITED: Final = ("result", "read", "timeout", "transfer", "group_by", "sort", "distinct", "set", "join")
"""What a server can cut short at a limit, instead of an error: a statement, or a view that it reads."""
SETTINGS: Final[Mapping[str, object]] = {
    "session_timezone": "UTC",
    "final": 1,
    "limit": 0,
    "offset": 0,
    "max_result_rows": 0,
    "max_result_bytes": 0,
    "skip_unavailable_shards": 0,
    **dict.fromkeys((f"{limited}_overflow_mode" for limited in _LIMITED), "throw"),
    "cast_keep_nullable": 1,
    "prefer_column_name_to_alias": 1,
    "output_format_arrow_string_as_string": 0,
    "wait_end_of_query": 1,
}
"""Of each statement, unless [source.connect] settings says otherwise. `final`: of the versions of a row, which a
ReplacingMergeTree keeps until it merges them, the last. A shard that does not answer is no empty one. Texts come as
bytes, since they need not be UTF-8."""
_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""How a stream of Arrow ends."""
logging.getLogger("clickhouse_connect").addHandler(
    logging.NullHandler()
)  # what it says on stderr is told here as errors
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


class ClickHouseDatabase:
    """One client, which connects when it is first used."""

    reader: Final = CLICKHOUSE.name
    errors: Final[tuple[type[Exception], ...]] = (ClickHouseError, pa.ArrowException, HTTPError, OSError)
    dialect: Final[Dialect] = ClickHouseDialect()

    def __init__(self, url: URL, arguments: Arguments, named: Named = SOURCE) -> None:
        """`clickhouse://user:password@host:port/database?secure=true`; what follows "?" are arguments of the client."""
        self.told = SourceErrors(url, arguments, named)
        self._url = url
        query = {name: _FLAGS.get(str(value), value) for name, value in url.query.items()}
        self._arguments = {**query, **arguments}
        self._settings = {**SETTINGS, **self._arguments.pop("settings", {})}
        self._opened: Any = None

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        rows = self._rows(columns_statement(table, schema))
        return found_columns(((name, plain_type(kind)) for name, kind in rows), CLICKHOUSE.families)

    def catalog(self, schema: str | None) -> Catalog:
        look = CLICKHOUSE.look
        rows = self._rows(look(schema)) if look is not None else []
        return catalog_of(((*row[:3], plain_type(row[3]), *row[4:]) for row in rows), CLICKHOUSE.families)

    def chunks(self, sql: str, rows: int, _: Stretch | None = None, /) -> Generator[pa.RecordBatch]:
        """Raises SourceError for an answer that ends before its end: Arrow takes it for whole between two batches."""
        client = self._client()
        with closing(client.raw_stream(sql, settings=self._settings, fmt="ArrowStream")) as answer:
            stream = _Stream(answer)
            with pa.ipc.open_stream(stream) as batches:
                require_columns(batches.schema)
                yield from joined_batches(batches, rows)
            stream.read()
        if stream.last != _END:
            raise SourceError(
                "the source database's answer ended before its end",
                hint="nothing of the window was planned: run it again, and look at the server's log and at what stands"
                " between here and there",
            )

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        for batch in self.chunks(sql, 1_000):
            yield from zip(*(map(_plain, column.to_pylist()) for column in batch.columns), strict=True)

    def _client(self) -> Any:  # noqa: ANN401 - the client of HTTP or of another interface
        if self._opened is None:
            with self._connecting():
                self._opened = clickhouse_connect.get_client(
                    **{
                        "host": self._url.host or "localhost",
                        "port": self._url.port or 0,
                        "username": self._url.username,
                        "password": self._url.password or "",
                        "database": self._url.database or "__default__",
                        "autogenerate_session_id": False,
                        **self._arguments,
                    }
                )
        return self._opened

    @contextmanager
    def _connecting(self) -> Iterator[None]:
        errors: tuple[type[Exception], ...] = (*self.errors, *NOT_TAKEN, RuntimeError)
        try:
            yield
        except errors as error:
            raise self.told.unreachable(error) from None


class _Stream(RawIOBase):
    """What is read from an answer, with its last bytes."""

    def __init__(self, answer: Any) -> None:  # noqa: ANN401 - the client's, of whatever interface
        super().__init__()
        self._answer = answer
        self.last = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        some: bytes = self._answer.read() if size is None or size < 0 else self._answer.read(size)
        self.last = (self.last + some)[-len(_END) :]
        return some


def _plain(value: object) -> object:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
