"""Replays: failed batches are taken up again, delivered ones are planned once more."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import BigInteger, ColumnElement, Connection, func, insert, literal, select

from statsig_export.delivery.batch import Batch
from statsig_export.delivery.rules import State, Step
from statsig_export.ledger.arrivals import SentBatch, sent_batches_of
from statsig_export.ledger.conditions import PENDING_STATES
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.pruned import refuse_pruned
from statsig_export.ledger.records import ReplayPlan
from statsig_export.ledger.states import move_all, open_to
from statsig_export.ledger.tables import batches, partitions


def plan_replays(database: LedgerDatabase, ids: Sequence[int], now_ms: int, *, failed_only: bool) -> int:
    """Plan these partitions' delivered batches, or their failed ones, to be sent again now. Returns their events.

    Raises ConfigError, and plans nothing, if one of them was pruned.
    """
    refuse_pruned_of(database, ids)
    return sum(plan_replay(database, partition, now_ms, failed_only=failed_only) for partition in ids)


def plan_replay(database: LedgerDatabase, partition: int, now_ms: int, *, failed_only: bool) -> int:
    """The same for one partition.

    One transaction, under the partition's row: of two at once the second finds the first one's replays pending.
    """
    with database.write() as connection:
        connection.execute(select(partitions.c.id).where(partitions.c.id == partition).with_for_update())
        refuse_pruned(connection, partitions.c.id == partition)
        take_up = _take_up_failed if failed_only else _repeat_delivered
        return take_up(connection, partition, now_ms)


def plan_parts(
    database: LedgerDatabase,
    partition: int,
    parts: Mapping[int, Sequence[tuple[int, Batch]]],
    compared: Collection[SentBatch],
    now_ms: int,
) -> int:
    """Plan some rows of this partition's delivered batches, as batches of their own with their generation, by the batch
    that they are of, if it is one of `open_to_parts`. Returns the events.

    Raises ConfigError, and plans nothing, if the partition was pruned.
    """
    with database.write() as connection:
        connection.execute(select(partitions.c.id).where(partitions.c.id == partition).with_for_update())
        refuse_pruned(connection, partitions.c.id == partition)
        open_to_it = _open_to_parts(connection, partition, compared)
        planned = [
            {**asdict(batch), "partition": partition, "generation": generation, "replay_of": of}
            for of, cut in parts.items()
            if of in open_to_it
            for generation, batch in cut
        ]
        if planned:
            standing = {"state": State.PLANNED.value, "planned_ms": now_ms, "due_ms": now_ms}
            connection.execute(insert(batches), [{**one, **standing} for one in planned])
    return sum(batch.rows for of, cut in parts.items() if of in open_to_it for _, batch in cut)


def open_to_parts(database: LedgerDatabase, ids: Sequence[int], compared: Collection[SentBatch]) -> set[int]:
    """The delivered batches of these partitions of which some rows may be sent again: none of which a replay is pending
    or something was attempted that is not in `compared`, since it may be on its way.
    """
    with database.read() as connection:
        return {batch for partition in ids for batch in _open_to_parts(connection, partition, compared)}


def _open_to_parts(connection: Connection, partition: int, compared: Collection[SentBatch]) -> set[int]:
    sent_since = {
        one.id if one.replay_of is None else one.replay_of
        for one in sent_batches_of(connection, [partition])
        if one.sent and one not in compared
    }
    return set(connection.execute(select(batches.c.id).where(*_delivered(partition))).scalars()) - sent_since


def refuse_pruned_of(database: LedgerDatabase, ids: Sequence[int]) -> None:
    """Raises ConfigError if one of these partitions was pruned."""
    with database.read() as connection:
        refuse_pruned(connection, among(partitions.c.id, ids))


def replayable(database: LedgerDatabase, ids: Sequence[int], *, failed_only: bool) -> ReplayPlan:
    """What `plan_replays` would plan. Raises ConfigError likewise."""
    with database.read() as connection:
        refuse_pruned(connection, among(partitions.c.id, ids))
        found = [
            connection.execute(
                select(func.count(), func.coalesce(func.sum(batches.c.rows), 0)).where(
                    *(_failed(partition) if failed_only else _delivered(partition))
                )
            ).one()
            for partition in ids
        ]
    return ReplayPlan(requests=sum(int(one[0]) for one in found), events=sum(int(one[1]) for one in found))


def _failed(partition: int) -> tuple[ColumnElement[bool], ...]:
    return (batches.c.partition == partition, batches.c.replay_of.is_(None), open_to(Step.REPLAY))


def _take_up_failed(connection: Connection, partition: int, now_ms: int) -> int:
    chosen, columns = _failed(partition), batches.c
    events = connection.execute(select(func.sum(columns.rows)).where(*chosen)).scalar()
    # Its age, and with it the time until it is given up, begins anew.
    move_all(connection, Step.REPLAY, *chosen, replayed_after=columns.attempts, planned_ms=now_ms, due_ms=now_ms)
    return int(events or 0)


def _delivered(partition: int) -> tuple[ColumnElement[bool], ...]:
    """The delivered batches, but for those that are being sent again already."""
    columns, replays = batches.c, batches.alias("replays").c
    under_way = select(replays.replay_of).where(
        replays.partition == partition,
        replays.replay_of.is_not(None),
        replays.state.in_(PENDING_STATES),
    )
    return (
        columns.partition == partition,
        columns.state == State.DELIVERED.value,
        columns.replay_of.is_(None),
        columns.id.not_in(under_way),
    )


def _repeat_delivered(connection: Connection, partition: int, now_ms: int) -> int:
    chosen, columns = _delivered(partition), batches.c
    events = connection.execute(select(func.sum(columns.rows)).where(*chosen)).scalar()
    same = [columns[name] for name in ("batch_id", "partition", "generation", "first_row", "rows", "body_bytes")]
    now = literal(now_ms, BigInteger)
    names = [*(column.name for column in same), "replay_of", "state", "planned_ms", "due_ms"]
    rows = select(*same, columns.id, literal(State.PLANNED.value), now, now).where(*chosen)
    connection.execute(insert(batches).from_select(names, rows))
    return int(events or 0)
