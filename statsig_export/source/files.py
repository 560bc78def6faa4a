"""The files of a folder or a bucket that stand for a table: which they are now, and which of them changed since."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from fsspec.utils import glob_translate

from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.model import SourceTable
from statsig_export.source.lakes.lake import Place
from statsig_export.source.table_formats import LOG_FOLDERS, METADATA_ENDINGS, READ_BY_THEIR_LOG, above, logged_tables
from statsig_export.storage.errors import cause_of, without_secrets
from statsig_export.storage.opening import is_local, open_filesystem

Listing: TypeAlias = Mapping[str, tuple[object, ...]]
"""A file as DuckDB is told of it -> what changes when it is written anew."""

OF_DUCKDB: Final = frozenset({"memory_limit", "threads", "temp_directory"})
"""The names in [source.connect] that are settings of DuckDB's; the others are the file system's."""
_WILDCARDS: Final = frozenset("*?[")
_PARQUET: Final = "".join(f"[{letter}{letter.upper()}]" for letter in "parquet")
"""Some write it in capitals."""
_FACTS: Final = ("size", "ETag", "etag", "generation", "LastModified", "last_modified", "updated", "mtime", "ino")
_S3: Final[Mapping[str, object]] = {"use_listings_cache": True, "default_block_size": 5 * 2**20}
"""A file is opened by what its listing says of it, for which DuckDB asks a dozen times. A block is what is read ahead
of each column: s3fs's own is 50 MB."""


_NAME_THE_TABLE: Final = 'name the table itself, and its log is read: files = "{}" (docs/how-to/databases/files.md)'


class SourceFiles:
    """The files that a pattern means: a path, a URL, with or without wildcards; of a folder, all its Parquet files."""

    def __init__(self, key: str, pattern: str, options: Mapping[str, object]) -> None:
        """`key` is the configuration's, for messages. Raises SourceError where the file system cannot be opened."""
        self.key = key
        self.pattern = pattern
        bucket = _S3 if pattern.startswith(("s3://", "s3a://")) else {}
        self.filesystem, self._root = open_filesystem(
            pattern, {**bucket, **options}, named=f"{key}:", error=SourceError, key=key
        )
        self.is_local = is_local(self.filesystem)
        self._above: dict[str, str] | None = None

    @property
    def shown(self) -> str:
        """The pattern without a secret."""
        return without_secrets(self.pattern)

    def logged(self) -> tuple[str, Place] | None:
        """The format and the place of the table that the pattern names, where it names the folder of one whose log is
        read, or its metadata; None for files without a log. Raises SourceError where that cannot be seen.
        """
        folder, _, name = self._root.rpartition("/")
        if name.endswith(METADATA_ENDINGS):
            return "Iceberg", Place(self.filesystem, folder.removesuffix("/metadata"), self._root)
        if _literal(self._root) != self._root:
            return None
        logs = logged_tables(path for name in LOG_FOLDERS for path in self._listed_in(f"{self._root}/{name}"))
        form = logs.get(self._root)
        return (form, Place(self.filesystem, self._root)) if form in READ_BY_THEIR_LOG else None

    def _listed_in(self, folder: str) -> list[str]:
        try:
            return list(self.filesystem.ls(folder, detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:  # each file system of fsspec has errors of its own
            raise self._unlisted(error) from error

    def listed(self) -> Listing:
        """The files that there are now; never none. Raises SourceError, also where a log says which of them count."""
        try:
            found = self._found()
            there = found or self.filesystem.exists(_literal(self._root))
        except SourceError:
            raise
        except Exception as error:  # each file system of fsspec has errors of its own
            raise self._unlisted(error) from error
        if not found:
            lacking = "no file matches it" if there else f"there is no {self._shown(_literal(self._root))}"
            raise SourceError(
                f"{self.key}: {lacking} ({self.shown})",
                hint="correct the pattern, or wait until whoever writes the files has written the first;"
                ' [source.<table>] table = "" leaves a table out',
            )
        return found

    def _unlisted(self, error: Exception) -> SourceError:
        return SourceError(
            f"{self.key}: {self.shown} cannot be listed ({cause_of(error).words})",
            hint="let these credentials list and read there; a key of their own goes into [source.connect]"
            " (docs/databases.md, Files)",
        )

    def _found(self) -> dict[str, tuple[object, ...]]:
        """By listing alone: what fsspec's glob asks beside it, a policy that is bound to a prefix does not allow.

        Listed anew each time: what was kept of the last listing would hide new files.
        """
        self.filesystem.invalidate_cache()
        below = _literal(self._root)
        found = self._everything_below(below)
        pattern = self._root if below != self._root or below in found else f"{below}/**/*.{_PARQUET}"
        meant = re.compile(glob_translate(pattern))
        paths = [
            path
            for path in sorted(found)
            if _is_meant(meant, path, below) and not any(map(_is_hidden, path[len(below) :].split("/")))
        ]
        self._refuse_logged(paths, found, below)
        paths = _once(paths, below) if self.is_local else paths
        return {self._shown(path): tuple(str(found[path].get(name)) for name in _FACTS) for path in paths}

    def _everything_below(self, folder: str) -> dict[str, Mapping[str, Any]]:
        """On a disk also what lies in folders that links lead to, each folder once: fsspec does not follow them."""
        if not self.is_local:
            return dict(self.filesystem.find(folder, detail=True))
        found: dict[str, Mapping[str, Any]] = {}
        seen: set[str] = set()
        wanted = [folder]
        while wanted:
            path = wanted.pop()
            target = os.path.realpath(path)
            if target in seen:
                continue
            seen.add(target)
            for info in self._inside(path):
                name = str(info["name"])
                if info["type"] == "directory":
                    wanted.append(name)
                elif info.get("islink") and Path(name).is_dir():
                    wanted.insert(0, name)  # last of all: a folder's own name may be a partition's
                else:
                    found[name] = info
        return found

    def _inside(self, path: str) -> list[dict[str, Any]]:
        """Raises OSError for a folder that may not be listed, which fsspec's own walk passes over with all in it."""
        try:
            return list(self.filesystem.ls(path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _refuse_logged(self, paths: Sequence[str], found: Iterable[str], below: str) -> None:
        """Raise SourceError where files are those of a table whose log says which of them count."""
        if not paths:
            return
        if self._above is None:
            self._above = self._logged_above(below)
        for folder, name in {**self._above, **logged_tables(found)}.items():
            if any(path.startswith(f"{folder}/") for path in paths):
                raise SourceError(
                    f"{self.key}: {self._shown(folder)} is a table in the format {name}, whose log says which of its"
                    " files count; read as plain Parquet, deleted and replaced rows would come back",
                    hint=_NAME_THE_TABLE.format(self._shown(folder))
                    if name in READ_BY_THEIR_LOG
                    else "let the engine that writes the table be the source, or let it write the rows as plain Parquet"
                    " to a folder of their own (docs/how-to/databases/files.md)",
                )

    def _logged_above(self, below: str) -> dict[str, str]:
        """The tables that the pattern's folder lies in; a folder that may not be listed tells nothing."""
        logs: list[str] = []
        for folder in above(below):
            for name in LOG_FOLDERS:
                with suppress(Exception):
                    logs += self.filesystem.ls(f"{folder}/{name}", detail=False)
        return logged_tables(logs)

    def _shown(self, path: str) -> str:
        return path if self.is_local else str(self.filesystem.unstrip_protocol(path))


def files_of(
    tables: Sequence[SourceTable], files: Mapping[str, str], options: Mapping[str, object]
) -> dict[str, SourceFiles]:
    """The files of each table, by the table's own name. `files` has them by its role, `options` are [source.connect].

    Raises ConfigError where a table has none, or a name that no file can have.
    """
    for table in tables:
        section = f"[source.{table.role}]"
        if table.role not in files:
            raise ConfigError(
                f"{section} has no files, where another table has",
                hint=f'add files = "..." to {section}, or table = "" where there is no such table',
            )
        if table.schema:
            raise ConfigError(
                f"{section} has files and a schema",
                hint="remove schema: table is just the name that its ids are made with",
            )
    return {
        table.table: SourceFiles(f"source.{table.role}.files", files[table.role], options_of_files(options))
        for table in tables
    }


def options_of_files(arguments: Mapping[str, object]) -> dict[str, object]:
    """What of [source.connect] is the file system's."""
    return {name: value for name, value in arguments.items() if name not in OF_DUCKDB}


def changed(before: Listing, after: Listing) -> list[str]:
    """The files of `before` that are gone, or are others. New ones are none: a later export reads them."""
    return [name for name, facts in before.items() if after.get(name) != facts]


def _is_meant(pattern: re.Pattern[str], path: str, below: str) -> bool:
    """Whether the pattern matches the file, or a folder above it: that means its Parquet files, as Spark's writers make
    a folder `x.parquet`.
    """
    if pattern.match(path):
        return True
    folder = path.rpartition("/")[0] if path.lower().endswith(".parquet") else ""
    while len(folder) > len(below):
        if pattern.match(folder):
            return True
        folder = folder.rpartition("/")[0]
    return False


def _once(paths: Sequence[str], below: str) -> list[str]:
    """Of a file that has several names, by links, the one that is no link."""
    root, names = os.path.realpath(below), dict[str, str]()
    for path in paths:
        target = os.path.realpath(path)
        if target not in names or target == root + path[len(below) :]:
            names[target] = path
    return sorted(names.values())


def _literal(pattern: str) -> str:
    """The folder before the first wildcard."""
    first = min((pattern.find(mark) for mark in _WILDCARDS if mark in pattern), default=-1)
    return pattern if first < 0 else pattern[:first].rpartition("/")[0]


def _is_hidden(name: str) -> bool:
    """What Hadoop and Spark call so: files that are being written, and their marks."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)
