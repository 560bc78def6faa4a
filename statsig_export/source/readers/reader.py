"""What a reader of a database has."""

from collections.abc import Generator
from typing import Protocol

from sqlalchemy.engine import Dialect

from statsig_export.source.catalogs import Catalog
from statsig_export.source.chunks import Chunk
from statsig_export.source.errors import SourceErrors
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.schema import FoundColumn


class Database(Protocol):
    """What `source.Source` reads through. A reader of another kind is another class with these names."""

    @property
    def reader(self) -> str:
        """What reads it: the driver's name."""

    @property
    def dialect(self) -> Dialect:
        """What statements are compiled for."""

    @property
    def told(self) -> SourceErrors:
        """What is raised for an error of the driver's."""

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """The driver's own errors."""

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        """The columns of a table or view; none where there is no such table."""

    def catalog(self, schema: str | None) -> Catalog:
        """All tables and views of a schema, None for all schemas, in one statement where the database allows it."""

    def chunks(self, sql: str, rows: int, stretch: Stretch | None = None, /) -> Generator[Chunk]:
        """The result of a statement, streamed; no chunk is empty or has more rows than that, nor much more text than
        `bounds.CHUNK_BYTES` if it has more than one. The statement needs rows of `stretch` alone, for a reader that
        has to find them by itself.
        """

    def close(self) -> None: ...
