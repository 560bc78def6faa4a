"""Parquet files as tables: each is a view in a DuckDB of its own, which is in memory and reads nothing else.

Files beyond this machine come through fsspec, as the storage does, so that they are reached with the same credentials.
DuckDB's own extensions for that (httpfs, aws) would be downloaded while the export runs.
"""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import duckdb
import pyarrow as pa

from statsig_export.errors import SourceError
from statsig_export.source.backends.backend import Arguments
from statsig_export.source.backends.duckdb import IN_MEMORY
from statsig_export.source.catalogs import Catalog
from statsig_export.source.errors import SOURCE, Named
from statsig_export.source.files import OF_DUCKDB, Listing, SourceFiles, changed
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers import hive_folders
from statsig_export.source.readers.case_twins import elements_of, perhaps_renamed, told
from statsig_export.source.readers.duckdb import DuckDbDatabase
from statsig_export.source.readers.lakes import PLANS, LakeTable
from statsig_export.source.schema import FoundColumn

_NOTHING_DOWNLOADED: Final = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
_NO_SURPRISE: Final = {"enable_external_file_cache": "false"}
"""A cache of files that somebody may replace."""
_KEPT: Final = "SET GLOBAL parquet_metadata_cache = true"
"""What a file says of itself is fetched once, not by each statement; `_view` throws it away when a file is another."""
_UTC: Final = "SET GLOBAL TimeZone = 'UTC'"
_MEMORY: Final = "512MB"
"""A row group's columns are fetched at once, and Spark's have 128 MB."""
_AT_ONCE: Final = "4"
"""Threads, where files are far away: they wait more than they compute."""
_GLOB: Final = re.compile(r"([*?\[])")
_RAISED: Final = re.compile(r"^(\w+)(?:: |$)", re.MULTILINE)
_NAMED: Final = re.compile(r"""["']([^"']+)["']""")
_CAUSES: Final = {": Permission denied": "permission denied", "No files found that match": "it is not there"}
"""Words of DuckDB's that quote no value."""


class DuckDbFiles(DuckDbDatabase):
    """Tables that are files. Each statement sees the files that are there when it begins."""

    def __init__(self, files: Mapping[str, SourceFiles], arguments: Arguments, named: Named = SOURCE) -> None:
        """`files` by the name of their table."""
        far = {} if all(each.is_local for each in files.values()) else {"threads": _AT_ONCE}
        own = {name: value for name, value in arguments.items() if name in OF_DUCKDB}
        super().__init__(
            IN_MEMORY, {"memory_limit": _MEMORY, **far, **own, **_NOTHING_DOWNLOADED, **_NO_SURPRISE}, named
        )
        self._files = files
        self._viewed: dict[str, Listing] = {}
        self._lakes: dict[str, LakeTable | None] = {}

    def columns(self, table: str, schema: str | None) -> list[FoundColumn]:
        if table in self._files:
            self._describe(table)
        return self._told(table, super().columns(table, schema))

    def catalog(self, schema: str | None) -> Catalog:
        for table in self._files:
            self._describe(table)
        found = super().catalog(schema)
        ours = (table for table in found.tables if table.name in self._files)
        return replace(
            found, tables=tuple(replace(each, columns=tuple(self._told(each.name, each.columns))) for each in ours)
        )

    def chunks(self, sql: str, rows: int, stretch: Stretch | None = None, /) -> Generator[pa.RecordBatch]:
        """Raises SourceError where a file that is read is replaced or removed meanwhile."""
        tables = [table for table in self._files if self._quoted(table) in sql]
        for table in tables:
            self._view(table, stretch)
        try:
            yield from super().chunks(sql, rows)
        except self.errors as error:
            for table in tables:
                self._refuse_changed(table)
                raise self._unread(table, error) from None
            raise
        for table in tables:
            self._refuse_changed(table)

    def close(self) -> None:
        super().close()
        for lake in self._lakes.values():
            if lake is not None:
                lake.close()

    def _lake(self, table: str) -> LakeTable | None:
        """The table, where its files have a log that is read; else a pattern of files without one."""
        if table not in self._lakes:
            files = self._files[table]
            logged = files.logged()
            lake = None if logged is None else LakeTable(files.key, files.shown, *logged)
            for name, other in self._lakes.items():
                if lake is not None and other is not None and other.folder == lake.folder:
                    raise SourceError(
                        f"{files.key}: it is the table {name} too", hint="let each name a table of its own"
                    )
            self._lakes[table] = lake
        return self._lakes[table]

    def _describe(self, table: str) -> None:
        """Make a view that has the table's columns."""
        lake = self._lake(table)
        if lake is None:
            self._view(table)
        else:
            lake.columns(self._connection(), table)

    def _told(self, table: str, columns: Sequence[FoundColumn]) -> list[FoundColumn]:
        """A table with a log has its columns from there, and what its files call them is no matter."""
        lake = self._lake(table)
        if lake is not None:
            return told(columns, elements_of(lake.fields))
        if table not in self._viewed:
            return list(columns)
        names, found = _names(self._viewed[table]), list(columns)
        own = f"DESCRIBE SELECT * FROM read_parquet([{names}], union_by_name = true, hive_partitioning = false)"  # noqa: S608 - quoted
        elements = f"SELECT file_name, name, num_children FROM parquet_schema([{names}])"  # noqa: S608 - quoted
        try:
            if keys := hive_folders.keys_of(self._viewed[table]):
                described = self._connection().execute(own).fetchall()
                found = hive_folders.without_overridden_times(
                    found, keys, {name: declared for name, declared, *_ in described}
                )
            return told(found, self._connection().execute(elements).fetchall()) if perhaps_renamed(found) else found
        except duckdb.Error as error:
            raise self._unread(table, error) from None

    def _connection(self) -> duckdb.DuckDBPyConnection:
        fresh = self._opened is None
        connection = super()._connection()
        if fresh:
            for setting in (PLANS, _KEPT, _UTC):
                connection.execute(setting)
            for filesystem in {id(each.filesystem): each.filesystem for each in self._files.values()}.values():
                if any(each.filesystem is filesystem and not each.is_local for each in self._files.values()):
                    connection.register_filesystem(filesystem)
        return connection

    def _more_memory(self) -> str:
        return 'raise it: [source.connect] memory_limit = "2GB"'

    def _view(self, table: str, stretch: Stretch | None = None) -> None:
        """Make the table's view of the files that there are, unless it is of just these.

        Columns are matched by their names, and what a file lacks is null: its writer had not known it yet.
        """
        lake = self._lake(table)
        if lake is not None:
            lake.view(self._connection(), table, stretch)
            return
        listing = self._files[table].listed()
        if self._viewed.get(table) == listing:
            return
        if changed(self._viewed.get(table, {}), listing):
            self._forget()
        self._refuse_shared(table, listing)
        rows = f"SELECT * FROM read_parquet([{_names(listing)}], union_by_name = true)"  # noqa: S608 - quoted
        try:
            self._connection().execute(f"CREATE OR REPLACE VIEW {self._quoted(table)} AS {rows}")
        except duckdb.Error as error:
            raise self._unread(table, error) from None
        self._viewed[table] = listing

    def _forget(self) -> None:
        """All that DuckDB knows of files; what is being read of them goes on."""
        super().close()
        self._viewed.clear()
        for lake in self._lakes.values():
            if lake is not None:
                lake.forget()

    def _refuse_shared(self, table: str, listing: Listing) -> None:
        for other, viewed in self._viewed.items():
            if other != table and (shared := [name for name in listing if name in viewed]):
                raise SourceError(
                    f"{self._files[table].key}: {len(shared):,} files are those of the table {other} too, such as"
                    f" {shared[0]}",
                    hint="let each pattern match the files of one table: a row of another fails",
                )

    def _refuse_changed(self, table: str) -> None:
        """Files that a log names are written once under their names."""
        if self._lake(table) is not None:
            return
        files = self._files[table]
        if others := changed(self._viewed[table], files.listed()):
            raise SourceError(
                f"{files.key}: files were replaced or removed while they were read: {len(others):,}, such as"
                f" {others[0]}",
                hint="nothing of the window was planned: run it again, and let whoever writes the files write new ones",
            )

    def _unread(self, table: str, error: Exception) -> SourceError:
        """By what is known of the files: the text may quote a value."""
        lake = self._lake(table)
        if lake is not None:
            return lake.unread(error)
        files, said = self._files[table], str(error)
        named = next((name for name in _NAMED.findall(said) if name in files.listed()), files.shown)
        if "No magic bytes" in said or "too small to be a Parquet file" in said:
            return SourceError(
                f"{files.key}: {named} is no Parquet file, or is not written to its end",
                hint="mend or remove it, or let the pattern match Parquet files alone; a writer gives a file its name"
                " when it is whole",
            )
        raised = _RAISED.findall(said.partition("Traceback")[2])  # of what fsspec's file raised, DuckDB has the text
        told = next((cause for words, cause in _CAUSES.items() if words in said), type(error).__name__)
        cause = raised[-1] if raised else told
        return SourceError(
            f"{files.key}: {named} cannot be read ({cause})",
            hint="nothing of the window was planned: let these credentials read it, see that its columns have the types"
            " of the other files', and run it again",
        )

    def _quoted(self, name: str) -> str:
        return self.dialect.identifier_preparer.quote_identifier(name)


def _names(listing: Listing) -> str:
    return ", ".join(_quoted_text(_GLOB.sub(r"[\1]", name)) for name in listing)


def _quoted_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
