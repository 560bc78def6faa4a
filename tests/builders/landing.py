"""The table that Fivetran writes, in a database of the test, from what a receiver got; and changed by hand."""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
from sqlalchemy import make_url

EVENTS = "statsig_events"
JSON_TYPE = {"sqlite": "TEXT", "duckdb": "JSON", "postgresql": "jsonb"}
TIME_TYPE = {"sqlite": "TEXT", "duckdb": "TIMESTAMPTZ", "postgresql": "timestamptz"}
NAMES = {
    "fivetran": {"eventName": "event_name", "timeUUID": "time_uuid", "timestamp": "timestamp"},
    "source": {"eventName": "eventName", "timeUUID": "timeUUID", "timestamp": "timestamp"},
}
"""The naming of a destination -> key of the event -> column, where Fivetran unpacks the first level."""


@dataclass
class Landing:
    """`database` is sqlite, duckdb or postgresql; `place` its file, or its SQLAlchemy URL."""

    database: str
    place: str
    mode: str = "packed"
    naming: str = "fivetran"

    def __post_init__(self) -> None:
        json_type, time_type = JSON_TYPE[self.database], TIME_TYPE[self.database]
        columns = {"_id": "TEXT", "_index": "INTEGER", "_fivetran_synced": time_type}
        if self.mode == "packed":
            columns |= {"_created": time_type, "event": "TEXT", "data": json_type}
        else:
            columns |= dict.fromkeys(NAMES[self.naming].values(), "TEXT")
        self.columns = list(columns)
        self.run(f"CREATE TABLE {EVENTS} ({', '.join(f'{self.quoted(n)} {kind}' for n, kind in columns.items())})")

    @property
    def url(self) -> str:
        return self.place if self.database == "postgresql" else f"{self.database}:///{self.place}"

    def quoted(self, name: str) -> str:
        return f'"{name}"'

    def land(self, events: Iterable[Mapping[str, Any]], synced: datetime | None = None) -> None:
        """A row an event, as one accepted request makes them."""
        moment, request = (synced or datetime.now(UTC)).isoformat(), uuid.uuid4().hex
        rows = [self._row(event, moment, request, index) for index, event in enumerate(events)]
        marks = ", ".join(["%s" if self.database == "postgresql" else "?"] * len(self.columns))
        names = ", ".join(map(self.quoted, self.columns))
        self.run(f"INSERT INTO {EVENTS} ({names}) VALUES ({marks})", rows)  # noqa: S608 - names of this file

    def remove(self, ids: Iterable[str]) -> None:
        marks = ", ".join("'" + one + "'" for one in ids)
        self.run(f"DELETE FROM {EVENTS} WHERE {self.event_id} IN ({marks})")  # noqa: S608 - ids of this test

    def run(self, statement: str, rows: Sequence[Sequence[object]] | None = None) -> None:
        if self.database == "postgresql":
            with psycopg.connect(libpq(self.place), autocommit=True) as connection, connection.cursor() as cursor:
                cursor.executemany(statement, rows) if rows else cursor.execute(statement)
            return
        connection = duckdb.connect(self.place) if self.database == "duckdb" else sqlite3.connect(self.place)
        try:
            if rows:
                connection.executemany(statement, rows)
            elif rows is None:
                connection.execute(statement)
            connection.commit()
        finally:
            connection.close()

    @property
    def event_id(self) -> str:
        """The expression for an id of the table."""
        if self.mode == "unpacked":
            return self.quoted(NAMES[self.naming]["timeUUID"])
        return "json_extract(data, '$.timeUUID')" if self.database == "sqlite" else "data->>'timeUUID'"

    def _row(self, event: Mapping[str, Any], moment: str, request: str, index: int) -> list[object]:
        named = {column: str(event[key]) for key, column in NAMES[self.naming].items()}
        packed = {"_created": moment, "event": event["eventName"], "data": json.dumps(event)}
        values: dict[str, object] = {"_id": request, "_index": index, "_fivetran_synced": moment, **named, **packed}
        return [values[name] for name in self.columns]


def libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def landing_in(folder: Path, database: str = "sqlite", mode: str = "packed", naming: str = "fivetran") -> Landing:
    """A table in a file of this folder."""
    return Landing(database, str(folder / f"landed.{database}"), mode, naming)
