"""Folders whose Parquet files are not all of them rows of a table: a log beside them says which of them count. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

LOG_FOLDERS: Final = ("_delta_log", ".hoodie", "metadata")
"""Where a format keeps its log, below the table's folder."""
READ_BY_THEIR_LOG: Final = frozenset({"Delta", "Iceberg"})
METADATA_ENDINGS: Final = (".metadata.json", ".metadata.json.gz")
"""Of the files that describe an Iceberg table."""
_LOGS: Final[Mapping[str, re.Pattern[str]]] = {
    "Delta": re.compile(r"(?P<table>.*)/_delta_log/[^/]+"),
    "Hudi": re.compile(r"(?P<table>.*?)/\.hoodie/.+"),
    "Iceberg": re.compile(r"(?P<table>.*)/metadata/([^/]+\.metadata\.json(\.gz)?|snap-[^/]+\.avro|version-hint\.text)"),
}
_MOST_ABOVE: Final = 6
"""Folders above a pattern that are looked at: those of partitions, and of the data."""


def logged_tables(paths: Iterable[str]) -> dict[str, str]:
    """The folders of tables of which a log is among the files -> their format."""
    return {
        found["table"]: name
        for path in paths
        if "/_delta_log/" in path or "/.hoodie/" in path or "/metadata/" in path
        for name, log in _LOGS.items()
        if (found := log.fullmatch(path))
    }


def above(path: str) -> list[str]:
    """The folders that a path lies in, the nearest first."""
    folders: list[str] = []
    while (path := path.rpartition("/")[0]) and len(folders) < _MOST_ABOVE:
        folders.append(path)
    return folders
