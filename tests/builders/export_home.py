"""One configuration with real parts for a test: a native source, a receiver, a ledger and storage in a folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, delete, insert, update

from statsig_export.account import Account, total
from statsig_export.config import Config, parse_config
from statsig_export.export.export import export_window
from statsig_export.export.reports import ExportReport
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import Window, window_from_key

DAY = "2026-11-20"
NOON = datetime(2026, 11, 20, 12)


def custom_event(key: int, name: str = "page_view", **columns: object) -> dict[str, object]:
    row = {
        "id": key,
        "time_uuid": None,
        "event_name": name,
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}", "email": f"user-{key}@example.org"},
        "value": None,
        "metadata": {"page": "/home"},
        "statsig_metadata": {"sdkType": "py"},
        "timestamp": NOON + timedelta(milliseconds=key),
        "ingested_at": NOON + timedelta(seconds=1, milliseconds=key),
    }
    return {**row, **columns}


def exposure(key: int, kind: str = "gate", **columns: object) -> dict[str, object]:
    row = {
        "id": key,
        "time_uuid": None,
        "exposure_type": kind,
        "name": f"the_{kind}",
        "rule_id": "rule",
        "gate_value": True if kind == "gate" else None,
        "group_name": "test" if kind == "experiment" else None,
        "reason": "Network:Recognized",
        "unit_type": "userID",
        "user_id": f"user-{key}",
        "user": {"userID": f"user-{key}"},
        "metadata": {},
        "statsig_metadata": {},
        "timestamp": NOON,
        "ingested_at": NOON + timedelta(seconds=1),
    }
    return {**row, **columns}


@dataclass
class ExportHome:
    """What a test turns the knobs of."""

    folder: Path
    receiver: Receiver
    source_url: str
    ledger_url: str
    settings: dict[str, object] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environ |= {"DB": self.source_url, "LEDGER": self.ledger_url, "HOOK": self.receiver.url}
        self._run(lambda engine: create_tables(engine, "native"))

    @property
    def config(self) -> Config:
        document: dict[str, object] = {
            "source": {"url": "env:DB"},
            "webhook": {"url": "env:HOOK", "timeout": "2s"},
            "storage": {"url": "files"},
            "ledger": {"url": "env:LEDGER"},
        }
        for table, values in self.settings.items():
            before = document.get(table, {})
            document[table] = {**before, **values} if isinstance(values, Mapping) else values  # type: ignore[dict-item]
        return parse_config(document, folder=self.folder, environ=self.environ)

    def set(self, table: str, **values: object) -> None:
        """Change keys of one table of the configuration."""
        before = self.settings.get(table, {})
        self.settings[table] = {**before, **values}  # type: ignore[dict-item]

    def window(self, key: str = DAY) -> Window:
        return window_from_key(key, self.config.windows)

    def add(self, custom_events: Iterable[dict[str, object]] = (), exposures: Iterable[dict[str, object]] = ()) -> None:
        for table, rows in ((CUSTOM_EVENTS, list(custom_events)), (EXPOSURES, list(exposures))):
            if rows:
                self._run(lambda engine, t=table, r=rows: _execute(engine, insert(t), r))

    def change(self, key: int, **columns: object) -> None:
        """Update one row of custom_events."""
        statement = update(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.id == key).values(columns)
        self._run(lambda engine: _execute(engine, statement))

    def remove(self, key: int) -> None:
        self._run(lambda engine: _execute(engine, delete(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.id == key)))

    def export(self, key: str = DAY) -> ExportReport:
        return export_window(self.config, self.window(key))

    def ship(self) -> ShipReport:
        return ship(self.config)

    def account(self) -> Account:
        return total(line.account for line in status(self.config))

    def received_names(self) -> list[str]:
        return [event["eventName"] for event in self.receiver.events()]

    def _run(self, action) -> None:
        engine = create_engine(self.source_url)
        try:
            action(engine)
        finally:
            engine.dispose()


def _execute(engine, statement, rows=None) -> None:
    with engine.begin() as connection:
        connection.execute(statement, rows) if rows else connection.execute(statement)


def utc(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 20, hour, minute, tzinfo=UTC)
