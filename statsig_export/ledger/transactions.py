"""What writes to the ledger: plan, claim, finish, recover, halt. Each method is one transaction, or with claims and
finishes of other threads a part of one.

Every attempt is recorded before it is made (claim) and after (finish). delivery/rules.py decides which step a batch
takes, states.py carries it out; a step that comes too late raises and changes nothing.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.databases.causes import place_of
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Decision, Failure, Reply, State, Step
from statsig_export.errors import LedgerError, StalePlanError
from statsig_export.ledger.database import LedgerDatabase, open_existing, open_to_read, open_to_write
from statsig_export.ledger.forgotten import latest_forgotten
from statsig_export.ledger.group_commit import GroupCommit
from statsig_export.ledger.identities import one_plan_at_a_time, refuse_overlapping_plan, remember
from statsig_export.ledger.lanes import Held, of_batches
from statsig_export.ledger.planning import batch_row, plan_partitions
from statsig_export.ledger.plans import PartitionPlan
from statsig_export.ledger.privacy import record_rule
from statsig_export.ledger.records import Claim, ExportRun, PlannedBatch, ShipRun
from statsig_export.ledger.shards import record_shards
from statsig_export.ledger.states import move
from statsig_export.ledger.tables import (
    attempts,
    batches,
    destinations,
    export_runs,
    ship_runs,
)

_OPEN: Final = insert(attempts)
_CLOSE: Final = update(attempts).where(attempts.c.id == bindparam("closing"), attempts.c.finished_ms.is_(None))
"""Built once, as are the changes of state: they run for every request."""


class Ledger:
    """The record of what was planned, sent and answered. Times are ms since the epoch, handed in by the caller."""

    def __init__(self, database: LedgerDatabase) -> None:
        self.database = database
        self._group = GroupCommit(database)

    def plan(self, run: ExportRun, plans: Sequence[PartitionPlan]) -> None:
        """Record an export run and everything it planned. The files are durable already.

        Raises ConfigError when one of the partitions was pruned, or another run made other ids for a table meanwhile;
        StalePlanError when another run planned one first, or windows of another length over this one, or somebody was
        forgotten of whom this run did not know.
        """
        with self.database.write() as connection:
            one_plan_at_a_time(connection, run.destination)
            refuse_overlapping_plan(connection, run.destination, run.window)
            if latest_forgotten(connection, run.destination) != run.latest_forgotten:
                raise StalePlanError("somebody was forgotten since this run began to read", hint="export it again")
            remember(connection, run.destination, run.identities)
            connection.execute(insert(export_runs), [_export_run_row(run)])
            record_rule(connection, run)
            record_shards(connection, run)
            plan_partitions(connection, run, plans)
        reach(CrashPoint.PLANNED)

    def start_ship_run(self, run: ShipRun) -> None:
        with self.database.write() as connection:
            connection.execute(insert(ship_runs), [_ship_run_row(run)])

    def finish_ship_run(self, run_id: str, now_ms: int) -> None:
        with self.database.write() as connection:
            connection.execute(update(ship_runs).where(ship_runs.c.id == run_id).values(finished_ms=now_ms))

    def claim(self, batch: PlannedBatch, ship_run: str, now_ms: int) -> Claim:
        """Record an attempt before it is made."""
        number = batch.attempts + 1

        def open_attempt(connection: Connection) -> int:
            move(connection, batch.id, Step.CLAIM, attempts=number)
            reach(CrashPoint.CLAIMING)
            row = {"batch": batch.id, "number": number, "ship_run": ship_run, "started_ms": now_ms}
            key = connection.execute(_OPEN, row).inserted_primary_key
            if key is None:
                raise LedgerError("the ledger's database gave no key to an attempt")
            return int(key[0])

        attempt = self._group.commit(open_attempt)
        reach(CrashPoint.CLAIMED)
        return Claim(batch, attempt, number)

    def finish(
        self,
        claim: Claim,
        answer: Reply | Failure,
        decision: Decision,
        now_ms: int,
        halves: Sequence[Batch] = (),
    ) -> None:
        """Record the outcome of an attempt and the next state of its batch; after SPLIT, `halves` take its place."""

        def close_attempt(connection: Connection) -> None:
            _close_attempt(
                connection,
                claim.attempt,
                finished_ms=now_ms,
                outcome=decision.outcome.value,
                reason=decision.reason,
                latency_ms=answer.latency_ms,
                status=answer.status if isinstance(answer, Reply) else None,
            )
            changes: dict[str, object] = {"outcome": decision.outcome.value, "reason": decision.reason}
            if decision.step is Step.DEFER:
                changes["due_ms"] = now_ms + round(decision.delay * 1000)
            if decision.outcome is Outcome.THROTTLED:
                changes["throttled"] = True
            reach(CrashPoint.FINISHING)
            move(connection, claim.batch.id, decision.step, **changes)
            if halves:
                _insert_halves(connection, claim.batch, halves, now_ms)

        self._group.commit(close_attempt)
        reach(CrashPoint.FINISHED)

    def cut(self, batch: PlannedBatch, halves: Sequence[Batch], now_ms: int) -> None:
        """Split a batch before it is sent, without an attempt."""
        with self.database.write() as connection:
            move(connection, batch.id, Step.CUT)
            _insert_halves(connection, batch, halves, now_ms)

    def recover(self, held: Sequence[Held], now_ms: int) -> int:
        """Close the attempts that dead shippers left open as unknown, in the partitions or lanes whose locks the caller
        holds.

        Returns how many there were. Their batches are due at once.
        """
        orphans = (
            select(batches.c.id, attempts.c.id.label("attempt"))
            .join(attempts, (attempts.c.batch == batches.c.id) & (attempts.c.number == batches.c.attempts))
            .where(of_batches(held), batches.c.state == State.SENDING.value)
        )
        said = {
            "outcome": Outcome.UNKNOWN.value,
            "reason": "the shipper died while the request was under way",
        }
        with self.database.write() as connection:
            found = connection.execute(orphans).all()
            for batch, attempt in found:
                _close_attempt(connection, attempt, finished_ms=now_ms, **said)
                reach(CrashPoint.RECOVERING)
                move(connection, batch, Step.DEFER, due_ms=now_ms, **said)
        reach(CrashPoint.RECOVERED)
        return len(found)

    def halt(self, destination: str, reason: str, setup: str, now_ms: int) -> bool:
        """Stop all sending to a destination until its set-up (the fingerprint) changes, or `resume` lifts the halt.

        Returns False where it was already halted for this set-up: of several runs that are refused at once the first
        halts it, and its reason stays.
        """
        columns = destinations.c
        not_yet = or_(columns.halted_reason.is_(None), columns.halted_setup.is_(None), columns.halted_setup != setup)
        return self._set_destination(destination, not_yet, halted_reason=reason, halted_setup=setup, halted_ms=now_ms)

    def resume(self, destination: str, believed: str | None = None, now_ms: int | None = None) -> None:
        """Lift a halt, close the breaker, end a hold; rejections with a status in `believed` are believed from now."""
        lifted = {"halted_reason": None, "halted_setup": believed, "halted_ms": now_ms}
        self._set_destination(destination, **lifted, breaker_openings=0, probe_ms=None)

    def set_breaker(self, destination: str, openings: int, probe_ms: int | None) -> None:
        """Record the breaker for the next run; no `probe_ms`: closed. With no openings it ends a rate limit."""
        self._set_destination(destination, breaker_openings=openings, probe_ms=probe_ms)

    def _set_destination(self, name: str, *only_if: ColumnElement[bool], **values: str | int | None) -> bool:
        """Change the destination's row if all of `only_if` hold; returns whether they did."""
        dialect = postgresql if self.database.engine.dialect.name == "postgresql" else sqlite
        row = dialect.insert(destinations).values(name=name, breaker_openings=0).on_conflict_do_nothing()
        change = update(destinations).where(destinations.c.name == name, *only_if).values(**values)
        with self.database.write() as connection:
            connection.execute(row)  # of two runs that meet a destination for the first time at once neither fails
            changed = connection.execute(change)
            reach(CrashPoint.REMEMBERING)
            return changed.rowcount == 1


@contextmanager
def ledger_of(config: Config) -> Iterator[Ledger]:
    """The configured ledger, open for writing; created where there is none yet."""
    with closing(open_to_write(config.ledger_url())) as database:
        yield Ledger(database)


@contextmanager
def existing_ledger(config: Config, wait_ms: int | None = None) -> Iterator[Ledger | None]:
    """The configured ledger, open for writing; None, and none is created, where there is none yet. `wait_ms`: for
    another writer.
    """
    with _closing(open_existing(config.ledger_url(), wait_ms)) as ledger:
        yield ledger


@contextmanager
def ledger_to_read(config: Config, wait_ms: int | None = None) -> Iterator[Ledger | None]:
    """The configured ledger, open for reading only; None where there is none yet. `wait_ms` as in `open_to_read`."""
    with _closing(open_to_read(config.ledger_url(), wait_ms)) as ledger:
        yield ledger


def ledger_place(config: Config) -> str:
    """Where the configured ledger is, or should be, as a message may name it: the file, or host, port and database."""
    url = config.ledger_url()
    place = place_of(url)
    return place if url.get_backend_name() == "sqlite" else f"{place}/{url.database or ''}".rstrip("/")


@contextmanager
def _closing(database: LedgerDatabase | None) -> Iterator[Ledger | None]:
    try:
        yield None if database is None else Ledger(database)
    finally:
        if database is not None:
            database.close()


def _close_attempt(connection: Connection, attempt: int, **facts: object) -> None:
    if connection.execute(_CLOSE, {"closing": attempt, **facts}).rowcount != 1:
        raise LedgerError(f"attempt {attempt} was closed by another shipper", hint="ship again")


def _export_run_row(run: ExportRun) -> dict[str, object]:
    return {
        "id": run.id,
        "orchestrator_run": run.orchestrator_run,
        "destination": run.destination,
        "window": run.window.key,
        "started_ms": run.started_ms,
        "finished_ms": run.finished_ms,
        "rows_read": run.rows_read,
        "queries": json.dumps(dict(run.queries)),
        "config_fingerprint": run.config_fingerprint,
        "filter_fingerprint": run.filter_fingerprint,
        "library_version": run.library_version,
        "account": json.dumps(dict(run.account)),
    }


def _ship_run_row(run: ShipRun) -> dict[str, object]:
    return {
        "id": run.id,
        "orchestrator_run": run.orchestrator_run,
        "destination": run.destination,
        "config_fingerprint": run.config_fingerprint,
        "library_version": run.library_version,
        "started_ms": run.started_ms,
    }


def _insert_halves(connection: Connection, parent: PlannedBatch, halves: Sequence[Batch], now_ms: int) -> None:
    reach(CrashPoint.SPLITTING)
    connection.execute(insert(batches), [_half_row(parent, half, now_ms) for half in halves])


def _half_row(parent: PlannedBatch, half: Batch, now_ms: int) -> dict[str, object]:
    row = batch_row(half, parent.partition, parent.generation, now_ms)
    return {**row, "parent": parent.id, "replay_of": parent.replay_of}
