"""Databricks through its dialect, its rows as Arrow record batches, which is how it sends them.

Rows of the driver's cursor go through pandas, which takes a NaN for a null, and cost three times as much.
"""

import logging
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import databricks.sql
import pyarrow as pa
from databricks.sql.exc import RequestError
from sqlalchemy import URL

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import AT_ONCE, Arguments, Backend
from statsig_export.source.errors import SOURCE, Named
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.bounds import CHUNK_BYTES, FIRST_ROWS, joined_batches, require_columns
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.source.service_principal import require_sign_in

_BROKEN: Final = (pa.ArrowException, AssertionError, RuntimeError)
"""What it raises of a file that is not whole, or is none."""
_OF_STORAGE: Final = re.compile(r"HTTP request (?:error|failed): (?:HTTP (\d{3})\b)?|CloudFetch link has expired")
"""What the driver says of a file of a result; the rest of it is the answer of the storage, or the file's whole URL."""
logging.getLogger(databricks.sql.__name__).addHandler(
    logging.NullHandler()
)  # what it says on stderr is told here as errors
# They say the same, and which files are slow by their URLs, which whoever has them reads the rows with.
for _name in ("cloudfetch", "common.unified_http_client"):
    logging.getLogger(f"{databricks.sql.__name__}.{_name}").setLevel(logging.CRITICAL)


class DatabricksDatabase(SqlDatabase):
    """A SQL warehouse or a cluster."""

    def __init__(self, url: URL, backend: Backend, arguments: Arguments, named: Named = SOURCE) -> None:
        """Raises ConfigError where the driver would wait for a person in a browser."""
        require_sign_in(url, arguments, named.table)
        super().__init__(url, backend, arguments, named)

    def chunks(self, sql: str, rows: int, _: Stretch | None = None, /) -> Generator[pa.RecordBatch]:
        """The driver fetches parts of a result as they are asked for. Raises SourceError for one that is lost."""
        with self._connect() as connection, self._cursor(connection) as cursor:
            with _fetching():
                cursor.execute(sql)  # the first part comes with it
            require_columns(cursor.description)
            yield from joined_batches(_batches(cursor), rows)


def _batches(cursor: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - the driver's
    """Few rows at once: the driver gathers as many as it is asked for, whatever they weigh."""
    asked = FIRST_ROWS
    while True:
        with _fetching():
            table: pa.Table = cursor.fetchmany_arrow(asked)
        if not table.num_rows:
            return
        yield from table.to_batches()
        asked = max(1, min(AT_ONCE, CHUNK_BYTES // (table.nbytes // table.num_rows + 1)))


@contextmanager
def _fetching() -> Iterator[None]:
    """A file of the result that cannot be had, as an error of its own: the driver's is that of any request."""
    try:
        yield
    except RequestError as error:
        lost = _OF_STORAGE.match(str(error))
        if lost is None:
            raise
        raise _no_part(f"HTTP {lost[1]}" if lost[1] else "no answer") from None
    except _BROKEN as error:
        raise _no_part(type(error).__name__) from None


def _no_part(why: str) -> SourceError:
    return SourceError(
        f"a part of the result, which Databricks lays into its cloud storage, could not be fetched: {why}",
        hint="let this machine reach that storage, or set [source.connect] use_cloud_fetch = false. Nothing of the"
        " window was planned: run it again",
    )
