"""The table that the stand-in lays down as Fivetran does, in a database of the test; and changed by hand."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from sqlalchemy import make_url

from statsig_export.testing.landing.destination import TABLE, Destination, Mode, Naming
from statsig_export.testing.landing.fivetran import FivetranTable
from statsig_export.testing.webhook.event_reader import ReadEvent

EVENTS = TABLE


@dataclass
class Landing:
    """`database` is sqlite, duckdb or postgresql; `place` its file, or its SQLAlchemy URL."""

    database: str
    place: str
    mode: Mode = "packed"
    naming: Naming = "fivetran"
    table: FivetranTable = field(init=False)
    """What a receiver writes to; nothing that it accepts is there before a sync."""

    def __post_init__(self) -> None:
        self.table = FivetranTable(Destination.at(self.url, self.mode, self.naming), at_once=False, now=self._now)
        self.synced: datetime | None = None

    @property
    def url(self) -> str:
        return self.place if self.database == "postgresql" else f"{self.database}:///{self.place}"

    def land(self, events: Iterable[Mapping[str, Any]], synced: datetime | None = None) -> None:
        """A row an event, as one accepted request and a sync at that time make them."""
        self.synced = synced
        self.table.append([as_read(event) for event in events])
        self.table.sync()
        self.synced = None

    def remove(self, ids: Iterable[str]) -> None:
        self.run(f"DELETE FROM {EVENTS} WHERE {self._among(ids)}")  # noqa: S608 - ids of this test

    def late(self, ids: Iterable[str], synced: datetime) -> None:
        """Let these have been written by a sync at that time."""
        change = f"SET _fivetran_synced = '{synced.isoformat()}' WHERE {self._among(ids)}"
        self.run(f"UPDATE {EVENTS} {change}")

    def ids(self) -> list[str]:
        """The ids of all rows, as often as they are there."""
        return [row[0] for row in self.rows(f"SELECT {self.event_id} FROM {EVENTS}")]  # noqa: S608 - likewise

    def run(self, statement: str) -> None:
        with self._opened() as connection:
            connection.execute(statement)
            connection.commit()

    def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        with self._opened() as connection:
            return connection.execute(query).fetchall()

    @property
    def event_id(self) -> str:
        """The expression for an id of the table."""
        if self.mode == "unpacked":
            return f'"{self.table.destination.column("timeUUID")}"'
        return "json_extract(data, '$.timeUUID')" if self.database == "sqlite" else "data->>'timeUUID'"

    def _among(self, ids: Iterable[str]) -> str:
        marks = ", ".join(f"'{one}'" for one in ids)
        return f"{self.event_id} IN ({marks})"

    def _opened(self) -> Any:  # noqa: ANN401 - of one of three drivers
        if self.database == "postgresql":
            return closing(psycopg.connect(libpq(self.place)))
        return closing(duckdb.connect(self.place) if self.database == "duckdb" else sqlite3.connect(self.place))

    def _now(self) -> datetime:
        return self.synced or datetime.now(UTC)


def as_read(event: Mapping[str, Any]) -> ReadEvent:
    """As the receiver reads it."""
    return ReadEvent(json.dumps(event), dict(event))


def libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def landing_in(folder: Path, database: str = "sqlite", mode: Mode = "packed", naming: Naming = "fivetran") -> Landing:
    """A table in a file of this folder."""
    return Landing(database, str(folder / f"landed.{database}"), mode, naming)
