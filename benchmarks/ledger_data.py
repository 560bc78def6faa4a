"""A ledger as years of exports leave it: any number of batches, inserted directly, with one attempt each.

200 batches a partition, six partitions a window, a window a day, the last of them yesterday. All batches are delivered
but those of the newest partitions, which are still to be sent. The partitions share one small file; the newest has one
of its own, so that there is an id to trace.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Table, func, insert, select, text

from statsig_export.config import Config
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import State
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.records import ExportRun
from statsig_export.ledger.tables import attempts, batches, export_runs, generations, partitions, ship_runs
from statsig_export.ledger.transactions import Ledger
from statsig_export.storage.files import StoredFile
from statsig_export.storage.schemas import EVENTS
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

PENDING: Final = 10_000
"""Batches still to be sent, however large the ledger."""
_A_PARTITION: Final = 200
_EVENTS: Final = 1_000
_BODY_BYTES: Final = 900_000
_ROWS_A_WRITE: Final = 20_000
_DAY_MS: Final = 86_400_000
_CATEGORIES: Final = tuple(Category)
_SHARED, _NEWEST = "0", "1"


@dataclass(frozen=True, slots=True)
class LargeLedger:
    """What is in such a ledger, row by row."""

    destination: str
    batches: int
    today: datetime

    @property
    def partitions(self) -> int:
        return self.batches // _A_PARTITION

    @property
    def windows(self) -> int:
        return -(-self.partitions // len(_CATEGORIES))

    @property
    def traceable(self) -> str:
        """The timeUUID of an event in the newest partition."""
        return _time_uuid(_NEWEST, _EVENTS // 2)

    @property
    def nowhere(self) -> str:
        """One that no file holds, but that lies among the ids of nearly every file."""
        return _time_uuid(_SHARED, _EVENTS // 2) + "0"

    def window(self, number: int) -> Window:
        """The window of a number, 0 for the oldest; those from `windows` on are none that it has."""
        start = self.today - timedelta(days=self.windows - number)
        return Window(start, start + timedelta(days=1), f"{start:%Y-%m-%d}")

    def end_ms(self, number: int) -> int:
        """When the window of a number ends."""
        return _ms(self.today) - (self.windows - number - 1) * _DAY_MS

    def export_run(self, number: int) -> ExportRun:
        """The run that exported the window of this number."""
        window = self.window(number)
        return ExportRun(
            id=f"{number:032x}",
            orchestrator_run=None,
            destination=self.destination,
            window=window,
            started_ms=self.end_ms(number),
            finished_ms=self.end_ms(number),
            rows_read=len(_CATEGORIES) * _A_PARTITION * _EVENTS,
            queries={},
            config_fingerprint="0" * 16,
            filter_fingerprint="0" * 16,
            library_version="0",
            account={},
        )

    def plans(self, number: int) -> list[PartitionPlan]:
        """What that run planned: 200 batches for each category."""
        return [
            PartitionPlan(
                category=category,
                after_generation=0,
                generations=[
                    GenerationPlan(
                        1,
                        StoredFile(f"{category}-{number}", _digest(category), 1, _A_PARTITION * _EVENTS),
                        [
                            Batch(_digest(f"{category} {number} {at}"), at * _EVENTS, _EVENTS, _BODY_BYTES)
                            for at in range(_A_PARTITION)
                        ],
                    )
                ],
                filtered_by={},
                failed_by={},
                quarantine=None,
            )
            for category in _CATEGORIES
        ]


def fill(ledger: Ledger, config: Config, count: int) -> LargeLedger:
    """Put `count` batches into an empty ledger, and their files into the storage."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    large = LargeLedger(config.webhook.name, count, today)
    with Storage(config.storage_url()) as storage:
        shared, newest = (_file(storage, large, kind) for kind in (_SHARED, _NEWEST))
    windows, numbers = range(large.windows), range(large.partitions)
    files = [newest if number == large.partitions - 1 else shared for number in numbers]
    insert_rows(ledger, export_runs, (_export_run_row(large.export_run(number)) for number in windows))
    insert_rows(ledger, ship_runs, (_ship_run_row(large, number) for number in windows))
    insert_rows(ledger, partitions, (_partition_row(large, number) for number in numbers))
    insert_rows(ledger, generations, (_generation_row(number, files[number]) for number in numbers))
    insert_rows(ledger, batches, (_batch_row(large, number) for number in range(count)))
    insert_rows(ledger, attempts, (_attempt_row(large, number) for number in range(count - PENDING)))
    _settle(ledger)
    return large


def insert_rows(ledger: Ledger, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    left = iter(rows)
    while some := list(islice(left, _ROWS_A_WRITE)):
        with ledger.database.write() as connection:
            connection.execute(insert(table), some)


def _settle(ledger: Ledger) -> None:
    """As an older ledger is: numbering goes on behind the keys that were given, and the planner knows the tables."""
    with ledger.database.write() as connection:
        if connection.dialect.name == "postgresql":
            for table in (partitions, batches):
                newest = select(func.max(table.c.id)).scalar_subquery()
                connection.execute(select(func.setval(func.pg_get_serial_sequence(table.name, "id"), newest)))
            connection.execute(text("ANALYZE"))


def _file(storage: Storage, large: LargeLedger, kind: str) -> StoredFile:
    ids = [_time_uuid(kind, at) for at in range(_EVENTS)]
    texts = pa.array(ids, pa.large_string())
    columns = {name: texts if name != "timestamp" else pa.array(range(_EVENTS), pa.int64()) for name in EVENTS.names}
    file = storage.new_file(EVENTS)
    file.add(pa.table(columns, schema=EVENTS))
    return file.publish("events", _CATEGORIES[-1], large.window(int(kind)).key, 1)


def _export_run_row(run: ExportRun) -> dict[str, Any]:
    told = {item.name: getattr(run, item.name) for item in fields(run)}
    return {**told, "window": run.window.key, "queries": "{}", "account": "{}"}


def _ship_run_row(large: LargeLedger, number: int) -> dict[str, Any]:
    end = large.end_ms(number)
    return {
        "id": f"{number:032x}",
        "destination": large.destination,
        "config_fingerprint": "0" * 16,
        "library_version": "0",
        "started_ms": end,
        "finished_ms": end,
    }


def _partition_row(large: LargeLedger, number: int) -> dict[str, Any]:
    of_window, category = divmod(number, len(_CATEGORIES))
    window = large.window(of_window)
    return {
        "id": number + 1,
        "destination": large.destination,
        "category": _CATEGORIES[category].value,
        "window": window.key,
        "window_start_ms": _ms(window.start),
        "export_run": f"{of_window:032x}",
        "filtered_by": "{}",
        "failed_by": "{}",
    }


def _generation_row(number: int, file: StoredFile) -> dict[str, Any]:
    return {
        "partition": number + 1,
        "generation": 1,
        "file": file.path,
        "digest": file.digest,
        "rows": _A_PARTITION * _EVENTS,
        "bytes": file.bytes,
        "export_run": f"{number // len(_CATEGORIES):032x}",
    }


def _batch_row(large: LargeLedger, number: int) -> dict[str, Any]:
    partition, at = divmod(number, _A_PARTITION)
    pending = number >= large.batches - PENDING
    planned_ms = large.end_ms(partition // len(_CATEGORIES))
    return {
        "id": number + 1,
        "batch_id": _digest(str(number)),
        "partition": partition + 1,
        "generation": 1,
        "first_row": at * _EVENTS,
        "rows": _EVENTS,
        "body_bytes": _BODY_BYTES,
        "state": State.PLANNED.value if pending else State.DELIVERED.value,
        "attempts": 0 if pending else 1,
        "planned_ms": planned_ms,
        "due_ms": planned_ms,
        "outcome": None if pending else Outcome.ACCEPTED.value,
    }


def _attempt_row(large: LargeLedger, number: int) -> dict[str, Any]:
    window = number // _A_PARTITION // len(_CATEGORIES)
    end = large.end_ms(window)
    return {
        "batch": number + 1,
        "number": 1,
        "ship_run": f"{window:032x}",
        "started_ms": end,
        "finished_ms": end + 10,
        "outcome": Outcome.ACCEPTED.value,
        "status": 200,
        "latency_ms": 10.0,
    }


def _time_uuid(kind: str, number: int) -> str:
    return f"{kind}0000000-0000-4000-8000-{number:012x}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
