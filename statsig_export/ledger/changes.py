"""What has changed in the ledger: for whoever shows its partitions elsewhere, and keeps a place in it meanwhile."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, func, or_, select, union

from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import State
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.forgotten import SINCE_VERSION
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.locks import open_locks
from statsig_export.ledger.privacy import rules_of
from statsig_export.ledger.tables import (
    attempts,
    batches,
    export_runs,
    forgotten_rows,
    generations,
    partitions,
    pruned_partitions,
    ship_runs,
)
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

_SHOWING: Final = "show"
"""The lock under which one process at a time shows partitions elsewhere."""


class Mark(NamedTuple):
    """Counts that differ after anything was exported, sent or forgotten. Cheap: none of them reads a table of many
    rows.
    """

    export_runs: int
    ship_runs: int
    ended_ship_runs: int
    last_attempt: int
    rewritten: int = 0
    """When somebody's events were last taken out of a partition (ms)."""


class LedgerRun(NamedTuple):
    """An export or ship run."""

    id: str
    orchestrator_run: str | None

    @property
    def by(self) -> str:
        """The orchestrator's id, else our own."""
        return self.orchestrator_run or self.id


class ChangedPartition(NamedTuple):
    """A partition, and the runs that made it what it is."""

    id: int
    partition: str
    window: str
    export: LedgerRun
    """The latest."""
    filter_fingerprint: str
    privacy_fingerprint: str | None
    """Of the run's [privacy], if it had any."""
    planned: int
    """Events of all its generations."""
    forwarded: int
    shipped: LedgerRun | None
    """The ship run whose request was the last one to be accepted; None if there was none, or it was pruned."""


def mark(database: LedgerDatabase) -> Mark:
    counts: tuple[Select[Any], ...] = (
        select(func.count()).select_from(export_runs),
        select(func.count()).select_from(ship_runs),
        select(func.count(ship_runs.c.finished_ms)),
        select(func.coalesce(func.max(attempts.c.id), 0)),
    )
    if database.version >= SINCE_VERSION:
        counts += (select(func.coalesce(func.max(forgotten_rows.c.rewritten_ms), 0)),)
    with database.read() as connection:
        return Mark(*connection.execute(select(*(count.scalar_subquery() for count in counts))).one())


def last_finished_ms(database: LedgerDatabase, destination: str) -> int:
    """When the newest of the destination's runs finished; 0 if none has."""
    with database.read() as connection:
        last = [
            connection.execute(select(func.max(runs.c.finished_ms)).where(runs.c.destination == destination)).scalar()
            for runs in (export_runs, ship_runs)
        ]
    return max(int(moment or 0) for moment in last)


def runs_until(database: LedgerDatabase, destination: str, until_ms: int) -> int:
    """How many of the destination's runs finished at `until_ms` or before."""
    with database.read() as connection:
        return sum(
            connection.execute(
                select(func.count())
                .select_from(runs)
                .where(runs.c.destination == destination, runs.c.finished_ms <= until_ms)
            ).scalar_one()
            for runs in (export_runs, ship_runs)
        )


def changed_since(
    database: LedgerDatabase, destination: str, since_ms: int, runs: Collection[str], after: int, limit: int
) -> list[int]:
    """Ids of partitions that were exported or sent after `since_ms` (all of them for 0), of which somebody's events
    were taken out after it, or by one of these runs of the orchestrator: those greater than `after`, in order, at most
    `limit`.
    """
    mine = (partitions.c.destination == destination, partitions.c.id > after)
    with database.read() as connection:
        if since_ms:
            found = union(
                _exported_since(destination, since_ms, runs),
                _sent_since(_shipping_since(connection, destination, since_ms, runs), since_ms, runs),
                *_rewritten_since(database, since_ms),
            ).subquery()
            wanted = select(partitions.c.id).where(*mine, partitions.c.id.in_(select(found.c[0])))
        else:
            wanted = select(partitions.c.id).where(*mine)
        return list(connection.execute(wanted.order_by(partitions.c.id).limit(limit)).scalars())


def _exported_since(destination: str, since_ms: int, runs: Collection[str]) -> Select[tuple[int]]:
    columns = export_runs.c
    return (
        select(partitions.c.id)
        .join(export_runs, columns.id == partitions.c.export_run)
        .where(
            columns.destination == destination,
            or_(columns.finished_ms > since_ms, among(columns.orchestrator_run, list(runs))),
        )
    )


def _rewritten_since(database: LedgerDatabase, since_ms: int) -> list[Select[tuple[int]]]:
    columns = forgotten_rows.c
    wanted = select(columns.partition).where(columns.rewritten_ms > since_ms)
    return [wanted] if database.version >= SINCE_VERSION else []


def _shipping_since(connection: Connection, destination: str, since_ms: int, runs: Collection[str]) -> list[str]:
    """Those that ended since, those that have not ended (some of them were killed long ago), and these."""
    columns = ship_runs.c
    wanted = select(columns.id).where(
        columns.destination == destination,
        or_(
            columns.finished_ms > since_ms,
            columns.finished_ms.is_(None),
            among(columns.orchestrator_run, list(runs)),
        ),
    )
    return list(connection.execute(wanted).scalars())


def _sent_since(shipping: Collection[str], since_ms: int, runs: Collection[str]) -> Select[tuple[int]]:
    """What these ship runs sent; of those that have not ended, what they have sent since, and all of `runs`."""
    return (
        select(batches.c.partition)
        .join(attempts, attempts.c.batch == batches.c.id)
        .join(ship_runs, ship_runs.c.id == attempts.c.ship_run)
        .where(
            among(attempts.c.ship_run, list(shipping)),
            or_(
                ship_runs.c.finished_ms.is_not(None),
                attempts.c.finished_ms > since_ms,
                among(ship_runs.c.orchestrator_run, list(runs)),
            ),
        )
    )


def changed_partitions(database: LedgerDatabase, ids: Sequence[int]) -> list[ChangedPartition]:
    """In the order of their ids."""
    planned = (
        select(generations.c.partition, func.sum(generations.c.rows).label("rows"))
        .where(among(generations.c.partition, ids))
        .group_by(generations.c.partition)
        .subquery()
    )
    wanted = (
        select(partitions.c.id, partitions.c.category, partitions.c.window, partitions.c.export_run)
        .add_columns(export_runs.c.orchestrator_run, export_runs.c.filter_fingerprint)
        .add_columns(func.coalesce(planned.c.rows, 0).label("planned"))
        .add_columns(func.coalesce(pruned_partitions.c.forwarded, 0).label("pruned"))
        .join(export_runs, export_runs.c.id == partitions.c.export_run)
        .outerjoin(planned, planned.c.partition == partitions.c.id)
        .outerjoin(pruned_partitions, pruned_partitions.c.partition == partitions.c.id)
        .where(among(partitions.c.id, ids))
        .order_by(partitions.c.id)
    )
    with database.read() as connection:
        forwarded, shipped = _forwarded(connection, ids), _shipped(connection, ids)
        rows = connection.execute(wanted).all()
        rules = rules_of(connection, database.version, [row.export_run for row in rows])
    return [
        ChangedPartition(
            id=row.id,
            partition=partition_key(Category(row.category), row.window),
            window=row.window,
            export=LedgerRun(row.export_run, row.orchestrator_run),
            filter_fingerprint=row.filter_fingerprint,
            privacy_fingerprint=rules[row.export_run].fingerprint if row.export_run in rules else None,
            planned=int(row.planned),
            forwarded=forwarded.get(row.id, 0) + int(row.pruned),
            shipped=shipped.get(row.id),
        )
        for row in rows
    ]


def _forwarded(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    wanted = (
        select(batches.c.partition, func.sum(batches.c.rows))
        .where(among(batches.c.partition, ids), batches.c.state == State.DELIVERED.value, batches.c.replay_of.is_(None))
        .group_by(batches.c.partition)
    )
    return {partition: int(rows) for partition, rows in connection.execute(wanted)}


def _shipped(connection: Connection, ids: Sequence[int]) -> dict[int, LedgerRun]:
    last = (
        select(batches.c.partition, func.max(attempts.c.id).label("attempt"))
        .join(attempts, attempts.c.batch == batches.c.id)
        .where(among(batches.c.partition, ids), attempts.c.outcome == Outcome.ACCEPTED.value)
        .group_by(batches.c.partition)
        .subquery()
    )
    wanted = (
        select(last.c.partition, ship_runs.c.id, ship_runs.c.orchestrator_run)
        .join(attempts, attempts.c.id == last.c.attempt)
        .join(ship_runs, ship_runs.c.id == attempts.c.ship_run)
    )
    return {partition: LedgerRun(run, orchestrator) for partition, run, orchestrator in connection.execute(wanted)}


@contextmanager
def showing_alone(database: LedgerDatabase) -> Iterator[bool]:
    """False where another process is showing partitions; as long as it is open nobody else does. The lock ends with its
    process.
    """
    with closing(open_locks(database.engine)) as locks:
        yield locks.acquire(_SHOWING)
