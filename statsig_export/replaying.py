"""Replay: what was sent goes out again with the same ids and the same bytes; or only what failed.

A delivered batch stays delivered. Its replay is a batch of its own over the same rows of the same file, which names it
in `replay_of` and is no part of the account: the events were forwarded and stay so, whatever becomes of the replay.
A failed batch is taken up again itself, and its attempts go on where they ended.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import BigInteger, Connection, func, insert, literal, select, update

from statsig_export import ledger_queries as queries
from statsig_export.config import Config
from statsig_export.delivery import PENDING, RetryPolicy, State, Step, next_state
from statsig_export.ledger import ledger_of
from statsig_export.ledger_database import LedgerDatabase
from statsig_export.ledger_lists import among
from statsig_export.ledger_tables import batches, partitions
from statsig_export.partitions import split_partition_key
from statsig_export.pruned import refuse_pruned
from statsig_export.reports import ReplayReport
from statsig_export.shipper import Timing
from statsig_export.shipping import DEFAULT_POLICY, REAL_TIME, ship


def replay(  # noqa: PLR0913  what ship takes, and failed_only
    config: Config,
    keys: Sequence[str],
    *,
    failed_only: bool = False,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    timing: Timing = REAL_TIME,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> ReplayReport:
    """Send again what was delivered of some partitions (`category|window`), or what failed in delivery, and whatever
    else is due there. Where a replay is still under way, no second one is begun. Raises ConfigError when one of them
    was pruned, and then sends nothing; or what `ship` raises, and then the replay is on record and the next ship run
    takes it up.
    """
    wanted = [split_partition_key(key) for key in keys]
    with ledger_of(config) as ledger:
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
        with ledger.database.read() as connection:
            refuse_pruned(connection, among(partitions.c.id, ids))
        replayed = sum(
            plan_replay(ledger.database, partition, timing.now_ms(), failed_only=failed_only) for partition in ids
        )
    run = orchestrator_run_id
    shipped = ship(config, keys, orchestrator_run_id=run, on_progress=on_progress, timing=timing, policy=policy)
    with ledger_of(config) as ledger:
        pending, failed = queries.unfinished_replays(ledger.database, ids, shipped.run_id)
    return ReplayReport(replayed, pending, failed, shipped)


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
