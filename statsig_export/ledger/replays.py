"""Replays: what has failed is taken up again, what was delivered is planned once more."""

from sqlalchemy import BigInteger, Connection, func, insert, literal, select, update

from statsig_export.delivery.rules import PENDING, State, Step, next_state
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.pruned import refuse_pruned
from statsig_export.ledger.tables import batches, partitions


def plan_replay(database: LedgerDatabase, partition: int, now_ms: int, *, failed_only: bool) -> int:
    """Put up one partition's delivered batches, or its failed ones, to be sent again now. Returns their events.

    One transaction, under the partition's row: of two at once the second finds the first one's replays under way.
    Raises ConfigError for a partition that was pruned.
    """
    with database.write() as connection:
        connection.execute(select(partitions.c.id).where(partitions.c.id == partition).with_for_update())
        refuse_pruned(connection, partitions.c.id == partition)
        take_up = _take_up_failed if failed_only else _repeat_delivered
        return take_up(connection, partition, now_ms)


def _take_up_failed(connection: Connection, partition: int, now_ms: int) -> int:
    columns = batches.c
    chosen = (columns.partition == partition, columns.state == State.FAILED.value, columns.replay_of.is_(None))
    events = connection.execute(select(func.sum(columns.rows)).where(*chosen)).scalar()
    connection.execute(
        update(batches)
        .where(*chosen)
        .values(
            state=next_state(State.FAILED, Step.REPLAY).value,
            replayed_after=columns.attempts,
            planned_ms=now_ms,  # its age, and with it its patience, begins anew
            due_ms=now_ms,
        )
    )
    return int(events or 0)


def _repeat_delivered(connection: Connection, partition: int, now_ms: int) -> int:
    columns, replays = batches.c, batches.alias("replays").c
    under_way = select(replays.replay_of).where(
        replays.partition == partition,
        replays.replay_of.is_not(None),
        replays.state.in_([state.value for state in PENDING]),
    )
    chosen = (
        columns.partition == partition,
        columns.state == State.DELIVERED.value,
        columns.replay_of.is_(None),
        columns.id.not_in(under_way),
    )
    events = connection.execute(select(func.sum(columns.rows)).where(*chosen)).scalar()
    same = [columns[name] for name in ("batch_id", "partition", "generation", "first_row", "rows", "body_bytes")]
    now = literal(now_ms, BigInteger)
    names = [*(column.name for column in same), "replay_of", "state", "planned_ms", "due_ms"]
    rows = select(*same, columns.id, literal(State.PLANNED.value), now, now).where(*chosen)
    connection.execute(insert(batches).from_select(names, rows))
    return int(events or 0)
