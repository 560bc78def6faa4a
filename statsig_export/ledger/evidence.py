"""What the ledger knows of a destination that rejects events."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select, update

from statsig_export.delivery.outcomes import DOUBTFUL, Outcome
from statsig_export.delivery.rules import State
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.lanes import Held, of_batches
from statsig_export.ledger.tables import attempts, batches, destinations, partitions, ship_runs

_DOUBTFUL = [outcome.value for outcome in DOUBTFUL]


def doubted_statuses(database: LedgerDatabase, destination: str) -> frozenset[int]:
    """The statuses of rejected single events that are still pending."""
    columns = batches.c
    wanted = (
        select(attempts.c.status)
        .join(batches, (attempts.c.batch == columns.id) & (attempts.c.number == columns.attempts))
        .join(partitions, partitions.c.id == columns.partition)
        .where(partitions.c.destination == destination, columns.state == State.DEFERRED.value)
        .where(columns.outcome.in_(_DOUBTFUL), columns.rows == 1, attempts.c.status.is_not(None))
        .distinct()
    )
    with database.read() as connection:
        return frozenset(connection.execute(wanted).scalars())


def latest_accepted_ms(database: LedgerDatabase, destination: str, since_ms: int) -> int:
    """Start of the latest request, of any run, that the destination accepted after `since_ms`; 0 for none."""
    late = or_(ship_runs.c.finished_ms.is_(None), ship_runs.c.finished_ms > since_ms)
    runs = select(ship_runs.c.id).where(ship_runs.c.destination == destination, late)
    latest = select(func.max(attempts.c.started_ms))
    wanted = latest.where(attempts.c.ship_run.in_(runs), attempts.c.started_ms > since_ms)
    with database.read() as connection:
        found = connection.execute(wanted.where(attempts.c.outcome == Outcome.ACCEPTED.value))
        return int(found.scalar() or 0)


def forget_believed(database: LedgerDatabase, destination: str) -> None:
    """Forget the statuses that a `resume` said to believe: something was accepted since."""
    mine = (destinations.c.name == destination, destinations.c.halted_reason.is_(None))
    with database.write() as connection:
        connection.execute(update(destinations).where(*mine).values(halted_setup=None, halted_ms=None))


def make_due(database: LedgerDatabase, held: Sequence[Held], now_ms: int) -> None:
    """Make every waiting batch of these due now."""
    waiting = (batches.c.state.in_([State.PLANNED.value, State.DEFERRED.value]), batches.c.due_ms > now_ms)
    with database.write() as connection:
        connection.execute(update(batches).where(of_batches(held), *waiting).values(due_ms=now_ms))
