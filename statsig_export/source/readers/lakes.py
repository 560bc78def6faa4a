"""Tables with a log as views of DuckDB: of the files that count, less the rows that are deleted.

DuckDB reads them, as it reads Parquet files without a log: a few rows at a time, whatever a file holds.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from statsig_export.errors import SourceError
from statsig_export.source.lakes.lake import Lake, Place, UnreadableTableError
from statsig_export.source.lakes.snapshot import Field, LakeFile, Shape, Snapshot, Stretch, may_hold, quoted, shape_of
from statsig_export.source.lakes.view import groups_of, nameless, rows_of
from statsig_export.source.readers.case_twins import with_twins
from statsig_export.storage.errors import cause_of

SCHEMA: Final = "statsig_export"
"""Of DuckDB's, for the tables of deleted rows: what the user's tables are called is not in it."""
PLANS: Final = "SET GLOBAL disabled_optimizers = 'build_side_probe_side,join_order'"
"""Else, where more rows are deleted than read, DuckDB holds those that are read to look up the others."""
_FORMATS: Final = {"Delta": ("delta", "DeltaLake"), "Iceberg": ("iceberg", "IcebergLake")}
_AT_ONCE: Final = 8
_AGAIN: Final = (
    "nothing of the window was planned: run it again, it reads the newest version then. Who cleans the table (VACUUM,"
    " expire_snapshots) should keep what was replaced for longer than an export reads"
)
_NOT_ALLOWED: Final = (
    "nothing of the window was planned: let these credentials read all that is below the table's folder, and run it"
    " again"
)
_ANOTHER_WAY: Final = (
    "let the engine that writes the table be the source, or let it write the rows as plain Parquet"
    " (docs/how-to/databases/files.md)"
)


class LakeTable:
    """One table; each statement sees one version of it, the newest when it begins."""

    def __init__(self, key: str, shown: str, form: str, place: Place) -> None:
        """`key` is the configuration's, `shown` names the table in messages. Raises SourceError without the format's
        package.
        """
        self.key = key
        self.form = form
        self._shown = shown
        self._place = place
        module, name = _FORMATS[form]
        try:
            loaded = import_module(f"statsig_export.source.lakes.{module}")
        except ImportError as error:
            raise SourceError(
                f"{key}: {shown} is a table in the format {form}, and its reader is not installed"
                f" ({type(error).__name__})",
                hint=f"install it with `pip install 'statsig-export[{module}]'`",
            ) from None
        self._lake: Lake = getattr(loaded, name)(place)
        self._shapes: dict[str, Shape] = {}
        self._viewed: object = None
        self.fields: tuple[Field, ...] = ()
        """The columns of the version that was viewed last."""

    @property
    def folder(self) -> str:
        return self._place.folder

    def view(self, connection: duckdb.DuckDBPyConnection, table: str, stretch: Stretch | None = None) -> None:
        """Make the view of the files that can have a row of the stretch; raises SourceError."""
        self._view(connection, table, lambda file: may_hold(file, stretch))

    def columns(self, connection: duckdb.DuckDBPyConnection, table: str) -> None:
        """Make a view without a row, for its columns: no file is opened. Raises SourceError."""
        self._view(connection, table, lambda _: False)

    def _view(self, connection: duckdb.DuckDBPyConnection, table: str, wanted: Callable[[LakeFile], bool]) -> None:
        try:
            snapshot = self._newest()
            files = tuple(filter(wanted, snapshot.files))
            viewed = (snapshot.version, tuple(file.name for file in files))
            if viewed != self._viewed:
                self._viewed = None
                self._make(connection, table, snapshot, files)
                self._viewed = viewed
        except UnreadableTableError as error:
            raise SourceError(
                f"{self.key}: {self._shown} cannot be read as a table in the format {self.form}: {error}",
                hint=error.hint or _ANOTHER_WAY,
            ) from None
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 - as `_newest`, of files that say which rows are deleted
            raise self.unread(error) from None

    def _newest(self) -> Snapshot:
        try:
            return self._lake.snapshot()
        except UnreadableTableError:
            raise
        except Exception as error:  # noqa: BLE001 - of a file that is not whole, readers raise what they happen on
            raise SourceError(
                f"{self.key}: the log of {self._shown} ({self.form}) cannot be read ({cause_of(error).words})",
                hint="nothing of the window was planned: let these credentials read all that is below the table's"
                " folder, see that the engine that writes it can read it, and run it again",
            ) from None

    def unread(self, error: Exception) -> SourceError:
        """For an error while it is read: by its kind, since the text may quote a value."""
        cause = cause_of(error)
        hint = _NOT_ALLOWED if isinstance(error, PermissionError) else _AGAIN
        return SourceError(f"{self.key}: {self._shown} ({self.form}) cannot be read ({cause.words})", hint=hint)

    def forget(self) -> None:
        """That there is a view: DuckDB has forgotten it."""
        self._viewed = None

    def close(self) -> None:
        self._lake.close()

    def _make(
        self, connection: duckdb.DuckDBPyConnection, table: str, snapshot: Snapshot, files: Sequence[LakeFile]
    ) -> None:
        self._look(files)
        groups = groups_of(files, self._shapes)
        if unknown := nameless(snapshot.fields, groups):
            raise UnreadableTableError(
                f"{len(unknown):,} of its files have no field ids, such as {unknown[0]}, and the table says no names"
                " for them (schema.name-mapping.default)"
            )
        deleted = f"{SCHEMA}.{quoted(table)}"
        if any(group.deletes for group in groups):
            self._lay_down(connection, deleted, files)
        barred = with_twins(snapshot.fields)
        fields = [replace(field, kind="") if field.name in barred else field for field in snapshot.fields]
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(table)} AS {rows_of(fields, groups, deleted)}")
        self.fields = snapshot.fields

    def _lay_down(self, connection: duckdb.DuckDBPyConnection, deleted: str, files: Iterable[LakeFile]) -> None:
        """The rows that are deleted, for the join: DuckDB holds them, within its memory_limit."""
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.execute(f"CREATE OR REPLACE TABLE {deleted} (file INTEGER, position BIGINT)")
        for file in files:
            for positions in self._lake.deleted(file):
                gone = pa.table({"position": positions})
                connection.execute(f"INSERT INTO {deleted} SELECT $1, position FROM gone", [file.number])  # noqa: S608
                del gone

    def _look(self, files: Sequence[LakeFile]) -> None:
        """At the columns of each file, once: it is written once under its name."""
        unseen = [file.name for file in files if file.name not in self._shapes]
        with ThreadPoolExecutor(1 if self._place.is_local else _AT_ONCE) as pool:
            self._shapes |= zip(unseen, pool.map(self._shape, unseen), strict=True)

    def _shape(self, name: str) -> Shape:
        with self._place.filesystem.open(name, "rb") as opened:
            return shape_of(pq.read_schema(opened))
