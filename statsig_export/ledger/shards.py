"""Windows that are read in shards: what was read of one waits here until the others are read as well.

A shard that was read is *staged*: its files are durable, and its row says what the ledger is to write down of it. No
partition knows of it yet, nothing of it is sent, no account counts it. Once all shards are staged, one transaction
plans the window out of them. So a window is exported as a whole or not at all; what is staged only spares reading.

Shards go together if they have one *basis*: what decides about their events, beside the rows. Another configuration,
another number of shards, or an export or a `forget` in between gives another basis, and what was staged counts for
nothing.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, and_, delete, false, insert, or_, select

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.batch import Batch
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import Seen
from statsig_export.layouts.model import Role
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import ExportRun
from statsig_export.ledger.tables import (
    export_runs,
    generations,
    partitions,
    sharded_generations,
    sharded_runs,
    staged_shards,
)
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category

SINCE_VERSION: Final = 6
"""Of the schema."""
KEPT_FOR_MS: Final = round(timedelta(hours=6).total_seconds() * 1000)
"""A run takes shards for what the source shows that were read no longer than that before it began: they have missed the
rows that came since. What is read while it is under way it keeps, however long it takes, else it might never end."""
ON_RECORD_FOR_MS: Final = round(timedelta(days=2).total_seconds() * 1000)
"""After that a staged shard is of no run that is under way."""


@dataclass(frozen=True, slots=True)
class CategoryPart:
    """What a shard has of one category."""

    file: StoredFile | None
    batches: Sequence[Batch]
    quarantine: str | None
    rows: int
    new: int
    already_planned: int
    filtered_by: Mapping[str, int]
    failed_by: Mapping[str, int]
    forgotten: int


@dataclass(frozen=True, slots=True)
class Part:
    """A shard that was read."""

    began_ms: int
    rows_read: int
    statements: Mapping[str, str]
    """Source table -> the statement that reads all shards of it."""
    seen: Mapping[Role, Seen]
    categories: Mapping[Category, CategoryPart]

    def to_json(self) -> str:
        return json.dumps(
            {
                "rows_read": self.rows_read,
                "statements": dict(self.statements),
                "seen": {role.value: asdict(seen) for role, seen in self.seen.items()},
                "categories": {category.value: _document(part) for category, part in self.categories.items()},
            }
        )

    @classmethod
    def from_json(cls, began_ms: int, text: str) -> Self:
        found = json.loads(text)
        return cls(
            began_ms,
            found["rows_read"],
            found["statements"],
            {Role(role): Seen(**seen) for role, seen in found["seen"].items()},
            {Category(category): _part(part) for category, part in found["categories"].items()},
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where shards are staged that go together."""

    destination: str
    window: str
    basis: str

    @property
    def here(self) -> ColumnElement[bool]:
        columns = staged_shards.c
        return and_(columns.destination == self.destination, columns.window == self.window, columns.basis == self.basis)


def stage(database: LedgerDatabase, place: Place, shard: Shard, part: Part) -> None:
    """Record that a shard was read; in place of what was staged of it before."""
    row = {**asdict(place), "shard": shard.number, "began_ms": part.began_ms, "part": part.to_json()}
    with database.write() as connection:
        connection.execute(delete(staged_shards).where(place.here, staged_shards.c.shard == shard.number))
        reach(CrashPoint.STAGING)
        connection.execute(insert(staged_shards), [row])
    reach(CrashPoint.STAGED)


def staged(database: LedgerDatabase, place: Place, started_ms: int) -> dict[int, int]:
    """Number -> when its read began, of the staged shards that a run may use which began then."""
    columns = staged_shards.c
    wanted = select(columns.shard, columns.began_ms).where(place.here, columns.began_ms > started_ms - KEPT_FOR_MS)
    with database.read() as connection:
        return {row.shard: row.began_ms for row in connection.execute(wanted)}


def staged_parts(database: LedgerDatabase, place: Place, started_ms: int) -> dict[int, Part]:
    """The same, number -> what was read."""
    columns = staged_shards.c
    wanted = select(columns.shard, columns.began_ms, columns.part).where(
        place.here, columns.began_ms > started_ms - KEPT_FOR_MS
    )
    with database.read() as connection:
        rows = connection.execute(wanted.order_by(columns.shard)).all()
    return {row.shard: Part.from_json(row.began_ms, row.part) for row in rows}


def outdated_parts(database: LedgerDatabase, place: Place) -> list[Part]:
    """What was staged of the window on another basis: nothing of it will be planned, unless it is another run's."""
    columns = staged_shards.c
    wanted = select(columns.began_ms, columns.part).where(
        columns.destination == place.destination, columns.window == place.window, columns.basis != place.basis
    )
    with database.read() as connection:
        return [Part.from_json(row.began_ms, row.part) for row in connection.execute(wanted)]


def unstage(database: LedgerDatabase, place: Place, parts: Mapping[int, Part] | None = None) -> None:
    """Take what was staged off the record, None: all of it. Nobody is to plan anything out of it."""
    columns = staged_shards.c
    every = [and_(columns.shard == number, columns.began_ms == part.began_ms) for number, part in (parts or {}).items()]
    with database.write() as connection:
        connection.execute(delete(staged_shards).where(place.here, *([] if parts is None else [or_(false(), *every)])))


def staged_files(database: LedgerDatabase) -> set[str]:
    """The files that an export under way may be about to name."""
    if database.version < SINCE_VERSION:
        return set()
    with database.read() as connection:
        parts = [Part.from_json(0, text) for text in connection.execute(select(staged_shards.c.part)).scalars()]
    return {path for part in parts for path in paths_of(part)}


def paths_of(part: Part) -> Iterator[str]:
    """The files of a shard: of its events, and of its failed rows."""
    for one in part.categories.values():
        if one.file is not None:
            yield one.file.path
        if one.quarantine is not None:
            yield one.quarantine


def record_shards(connection: Connection, run: ExportRun) -> None:
    """Part of the transaction that records a run: it has read all shards, and nothing of them is staged any more."""
    if run.sharded is not None:
        place = Place(run.destination, run.window.key, run.sharded.basis)
        row = {"export_run": run.id, "basis": place.basis, "shards": run.sharded.shards}
        connection.execute(insert(sharded_runs), [row])
        connection.execute(delete(staged_shards).where(place.here))
    remove_outdated(connection, run.finished_ms, run.destination, run.window.key)


def remove_outdated(connection: Connection, now_ms: int, destination: str, window: str | None = None) -> None:
    """Take what nobody will use off the record."""
    columns = staged_shards.c
    mine = [columns.destination == destination, columns.began_ms <= now_ms - ON_RECORD_FOR_MS]
    if window is not None:
        mine.append(columns.window == window)
    connection.execute(delete(staged_shards).where(*mine))


def remove_all_outdated(database: LedgerDatabase, destination: str, now_ms: int) -> None:
    """The same of every window of a destination."""
    with database.write() as connection:
        remove_outdated(connection, now_ms, destination)


def runs_on(database: LedgerDatabase, place: Place) -> list[str]:
    """The export runs, oldest first, that planned the window out of shards of this basis."""
    wanted = (
        select(export_runs.c.id)
        .join(sharded_runs, sharded_runs.c.export_run == export_runs.c.id)
        .where(export_runs.c.destination == place.destination, export_runs.c.window == place.window)
        .where(sharded_runs.c.basis == place.basis)
        .order_by(export_runs.c.finished_ms)
    )
    with database.read() as connection:
        return list(connection.execute(wanted).scalars())


def record_shards_read(connection: Connection, read: Sequence[tuple[int, int, Shard]]) -> None:
    """Part of the transaction that plans: of some generations (partition, number) the shard whose rows they hold."""
    if read:
        rows = [
            {"partition": partition, "generation": number, "shard": shard.number, "shards": shard.of}
            for partition, number, shard in read
        ]
        connection.execute(insert(sharded_generations), rows)


def shards_of_files(database: LedgerDatabase, destination: str, window: str) -> dict[str, Shard]:
    """Partition file of the window -> its shard, of those that hold the rows of one."""
    if database.version < SINCE_VERSION:
        return {}
    columns = sharded_generations.c
    same = and_(generations.c.partition == columns.partition, generations.c.generation == columns.generation)
    wanted = (
        select(generations.c.file, columns.shard, columns.shards)
        .join(sharded_generations, same)
        .join(partitions, partitions.c.id == generations.c.partition)
        .where(partitions.c.destination == destination, partitions.c.window == window)
    )
    with database.read() as connection:
        return {row.file: Shard(row.shard, row.shards) for row in connection.execute(wanted)}


def _document(part: CategoryPart) -> dict[str, Any]:
    return {
        **{name: getattr(part, name) for name in ("quarantine", "rows", "new", "already_planned", "forgotten")},
        "file": None if part.file is None else asdict(part.file),
        "batches": [[batch.batch_id, batch.first_row, batch.rows, batch.body_bytes] for batch in part.batches],
        "filtered_by": dict(part.filtered_by),
        "failed_by": dict(part.failed_by),
    }


def _part(found: dict[str, Any]) -> CategoryPart:
    file = None if found["file"] is None else StoredFile(**found["file"])
    return CategoryPart(**{**found, "file": file, "batches": [Batch(*batch) for batch in found["batches"]]})
