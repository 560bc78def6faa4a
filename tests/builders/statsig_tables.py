"""The tables that Statsig creates in a warehouse, by the column lists of its documentation.

Three spellings of the types: `redshift`, where JSON is text cut at 256 characters; `snowflake`, with a JSON type and
zoned times; and the untyped text of SQLite. A test creates them on whatever database it has.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from home import DAY, Home
from sqlalchemy import Engine, text

from statsig_export.testing.webhook.receiver import Receiver

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "cloud_exports.exposures": {
        "company_id": "text",
        "unit_id": "text",
        "unit_type": "text",
        "exposure_type": "text",
        "name": "text",
        "rule": "text",
        "experiment_group": "text",
        "first_exposure_utc": "time",
        "first_exposure_pst_date": "date",
        "as_of_pst_date": "date",
        "percent": "float",
        "rollout": "integer",
        "user_dimensions": "text",
        "inserted_at": "time",
        "rule_name": "text",
        "group_id": "text",
        "non_analytics": "boolean",
    },
    "cloud_exports.events": {
        "user_id": "text",
        "stable_id": "text",
        "custom_ids": "json",
        "timestamp": "time",
        "event_name": "text",
        "event_value": "text",
        "user_object": "json",
        "statsig_metadata": "json",
        "company_metadata": "json",
    },
    "warehouse_native.statsig_forwarded_exposures": {
        "experiment_id": "text",
        "group_id": "text",
        "group_name": "text",
        "user_id": "text",
        "stable_id": "text",
        "company_id": "text",
        "timestamp": "time",
        "user_dimensions": "json",
    },
    "warehouse_native.statsig_forwarded_events": {
        "user_id": "text",
        "stable_id": "text",
        "company_id": "text",
        "timestamp": "time",
        "event_name": "text",
        "event_value": "text",
        "user_object": "json",
        "statsig_metadata": "json",
        "company_metadata": "json",
    },
    "statsig_events.statsig_events": {
        "time": "bigint",
        "timeuuid": "text",
        "user": "json",
        "event_name": "text",
        "event_value": "text",
        "event_metadata": "json",
        "event_version": "integer",
        "record_number": "key",
    },
}

TYPES: Mapping[str, Mapping[str, str]] = {
    "redshift": {"text": "VARCHAR(256)", "json": "VARCHAR(256)", "time": "TIMESTAMP"},
    "snowflake": {"text": "VARCHAR", "json": "JSON", "time": "TIMESTAMP WITH TIME ZONE"},
    "sqlite": {"text": "TEXT", "json": "TEXT", "time": "TIMESTAMP"},
}
_EVERYWHERE = {
    "date": "DATE",
    "float": "FLOAT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "key": "INTEGER PRIMARY KEY",
}


class Laid(Home):
    """A home whose source has the tables of one layout."""

    def __init__(
        self, folder: Path, receiver: Receiver, url: str, layout: str, source: Mapping[str, object] | None = None
    ) -> None:
        self.layout = layout
        super().__init__(folder, receiver, url, settings={"source": {"layout": layout, **(source or {})}})

    def create(self, spelling: str) -> None:
        """Make the tables anew, in one of the spellings of TYPES."""
        types = {**TYPES[spelling], **_EVERYWHERE}
        statements: list[tuple[str, Mapping[str, object]]] = []
        for name in self._tables():
            columns = COLUMNS[f"{self.layout}.{name}"].items()
            body = ", ".join(f'"{column}" {types[kind]}' for column, kind in columns)
            statements += [(f'DROP TABLE IF EXISTS "{name}"', {}), (f'CREATE TABLE "{name}" ({body})', {})]
        self._execute(statements)

    def add(self, table: str, rows: Iterable[Mapping[str, object]]) -> None:
        statements: list[tuple[str, Mapping[str, object]]] = []
        for row in rows:
            names = ", ".join(f'"{name}"' for name in row)
            values = ", ".join(f":{name}" for name in row)
            statements.append((f'INSERT INTO "{table}" ({names}) VALUES ({values})', row))  # noqa: S608 - names of this file
        self._execute(statements)

    def empty(self, table: str) -> None:
        self._execute([(f'DELETE FROM "{table}"', {})])  # noqa: S608 - as above

    def sent(self, day: str = DAY) -> list[dict]:
        """Export and ship a day; the events that arrived since the last time."""
        before = len(self.receiver.events())
        self.export(day)
        self.ship()
        return self.receiver.events()[before:]

    def _tables(self) -> list[str]:
        return [name.removeprefix(f"{self.layout}.") for name in COLUMNS if name.startswith(f"{self.layout}.")]

    def _execute(self, statements: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        def execute(engine: Engine) -> None:
            with engine.begin() as connection:
                for statement, row in statements:
                    connection.execute(text(statement), dict(row))

        self.on_source(execute)
