"""What a reader of a database has, and the error for a database that cannot be reached."""

import re
from collections.abc import Generator
from typing import Final, Protocol

from sqlalchemy.engine import Dialect

from statsig_export.errors import SourceError
from statsig_export.source.catalogs import Catalog
from statsig_export.source.chunks import Chunk
from statsig_export.source.schema import FoundColumn

_SQLSTATE: Final = re.compile(r"SQLSTATE:? ([0-9A-Z]{5})\b")
"""Where a driver says it in words only, as ADBC does of an error in the middle of a stream."""


UNREACHABLE: Final = "check what source.url names (host, port, database, user, password) and that the database is up"


class Database(Protocol):
    """What `source.Source` reads through. A reader of another kind is another class with these names."""

    @property
    def reader(self) -> str:
        """What reads it: the driver's name."""

    @property
    def dialect(self) -> Dialect:
        """What statements are compiled for."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's own errors."""

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        """The columns of a table or view; none where there is no such table."""

    def catalog(self, schema: str | None) -> Catalog:
        """All tables and views of a schema, None for all schemas, in one statement where the database allows it."""

    def chunks(self, sql: str, rows: int) -> Generator[Chunk]:
        """The result of a statement, streamed; no chunk is empty or has more rows than that, nor much more text than
        `bounds.CHUNK_BYTES` if it has more than one.
        """

    def close(self) -> None: ...


def class_of(error: Exception) -> str:
    """The driver's class and its SQLSTATE if it has one: nothing that can hold a secret or a payload."""
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state is None and (match := _SQLSTATE.search(str(original))):
        state = match[1]
    return type(original).__name__ + (f" (SQLSTATE {state})" if state else "")


def unreachable(backend: str, error: Exception) -> SourceError:
    return SourceError(f"the source database ({backend}) cannot be reached: {class_of(error)}", hint=UNREACHABLE)
