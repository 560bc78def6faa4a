"""Shipping what is due: whether a run may start, its locks, the shipper, the report; and how things stand.

Light to import: neither pandas nor Dagster.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from uuid import uuid4

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.evidence import Evidence
from statsig_export.delivery.rate_limit import RateLimit
from statsig_export.delivery.rules import DEFAULT_POLICY, Breaker, RetryPolicy
from statsig_export.errors import DestinationError, LedgerError, PartitionFileError, StorageError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.evidence import forget_believed, make_due
from statsig_export.ledger.locks import PartitionLocks, groups_to_lock, lock_name, open_locks
from statsig_export.ledger.records import DestinationRecord, ShipRun
from statsig_export.ledger.shipments import shipments
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.runs import REAL_TIME, Timing
from statsig_export.shipping.destination import Destination, destination_of
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.route import Route
from statsig_export.shipping.shipper import Shipper
from statsig_export.shipping.status import _paused_until, _still_halted
from statsig_export.shipping.webhook import Webhook
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.storage import Storage
from statsig_export.version import VERSION
from statsig_export.windows import split_partition_key


def ship(  # noqa: PLR0913  what to ship, who asks and who watches, and how
    config: Config,
    partitions: Sequence[str] | None = None,
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    timing: Timing = REAL_TIME,
    policy: RetryPolicy = DEFAULT_POLICY,
    now: bool = False,
) -> ShipReport:
    """Send what is due of `partitions` (keys `category|window`), or of all. `on_progress` gets accepted events.
    With `now`, everything that waits counts as due, and neither the breaker's pause nor a rate limit's hold counts.

    A partition that another shipper holds is left to it. What is not accepted now stays pending with a due time. Once
    `timing.stopping` says true, the requests under way are finished and no other is begun.
    A partition file that cannot be read sets its own partition aside, which stays pending; all others are sent.
    Raises DestinationError when the destination is halted, or refuses during the run, after all else was recorded;
    PartitionFileError, which names the files that cannot be read, and StorageError where none can be, likewise, and
    with the report; LedgerError when the ledger fails.
    """
    destination = destination_of(config)
    prefer_jemalloc()
    with ledger_of(config) as ledger, Storage(config.storage_url()) as storage:
        _refuse_while_halted(ledger.database, config)
        known = _asked_for(ledger.database, config, partitions, FOREVER_MS if now else timing.now_ms())
        asked = known if partitions is not None else queries.pending_partition_ids(ledger.database, config.webhook.name)
        run = _ship_run(config, orchestrator_run_id, timing)
        ledger.start_ship_run(run)
        with (
            closing(open_locks(ledger.database.engine)) as locks,
            closing(Webhook(destination, clock=timing.clock, monotonic=time.monotonic)) as webhook,
        ):
            route = Route(
                destination=config.webhook.name,
                ship_run=run.id,
                post=webhook.post,
                read_events=storage.read_events,
                still_locked=locks.check,
                concurrency=config.webhook.concurrency,
                max_events=config.webhook.max_events,
                max_bytes=config.webhook.max_bytes,
            )
            shipper = _shipper(ledger, route, timing, policy, now=now)
            shipper.on_delivered = on_progress or _ignore
            mine = _ship_in_groups(shipper, known, locks, now=now)
            reach(CrashPoint.SENT)
        halts = _remember_halt(ledger, destination, shipper)
        paused_until = _remember_pause(ledger, shipper)
        ledger.finish_ship_run(run.id, timing.now_ms())
        ids = list({**asked, **known}.values())
        statuses = standings.statuses(ledger.database, run.destination, timing.now_ms(), only=ids)
        report = ShipReport(
            run_id=run.id,
            orchestrator_run_id=orchestrator_run_id,
            seconds=(timing.now_ms() - run.started_ms) / 1000,
            paused_until=paused_until,
            busy=tuple(key for key in known if key not in mine),
            shipments=shipments(ledger.database, run.id, mine, statuses),
            statuses={status.partition: status for status in statuses},
            rate_limited=paused_until is not None and not shipper.breaker.open,
            unreadable=shipper.unreadable,
        )
    if shipper.halted is not None:
        raise _halted_error(shipper.halted, report, halts=halts)
    if shipper.unread is not None:
        raise _unread(shipper.unread, report) from None
    return report


def _asked_for(
    database: LedgerDatabase, config: Config, partitions: Sequence[str] | None, now_ms: int
) -> dict[str, int]:
    keys = partitions
    if keys is None:
        keys = [due.partition for due in queries.due(database, config.webhook.name, now_ms)]
    return queries.partition_ids(database, config.webhook.name, [split_partition_key(key) for key in keys])


def _ship_in_groups(shipper: Shipper, known: Mapping[str, int], locks: PartitionLocks, *, now: bool) -> dict[str, int]:
    """Ship as many partitions at a time as may be locked at once; those that no other shipper holds.

    Rejected events of which one group alone cannot tell whether they are at fault are seen to at the end, once more
    under their locks. Once the shipper is to stop, what no group has come to is left as it is, and belongs to the run
    all the same.
    """
    engine = shipper.ledger.database.engine
    groups = [{key: known[key] for key in keys} for keys in groups_to_lock(engine, list(known))]
    shipper.last_partitions = len(groups) <= 1
    mine = _ship_groups(shipper, groups, locks, now=now)
    doubted = shipper.doubted_partitions
    if doubted and not shipper.last_partitions and not shipper.stopped:
        again = {key: partition for key, partition in mine.items() if partition in doubted}
        groups = [{key: again[key] for key in keys} for keys in groups_to_lock(engine, list(again))]
        shipper.last_partitions = True
        _ship_groups(shipper, groups, locks, now=now)
    return mine


def _ship_groups(
    shipper: Shipper, groups: Sequence[Mapping[str, int]], locks: PartitionLocks, *, now: bool
) -> dict[str, int]:
    """Ship one group after another; the partitions that no other shipper holds, or that no group has come to."""
    mine: dict[str, int] = {}
    for number, group in enumerate(groups):
        taken = _take(group, locks, shipper.ledger, shipper.timing)
        mine |= taken
        shipper.partitions = list(taken.values())
        if now:
            make_due(shipper.ledger.database, shipper.partitions, shipper.timing.now_ms())
        shipper.run()
        locks.release()
        if shipper.stopped:
            return mine | {key: partition for rest in groups[number + 1 :] for key, partition in rest.items()}
    return mine


def _take(known: Mapping[str, int], locks: PartitionLocks, ledger: Ledger, timing: Timing) -> dict[str, int]:
    """The partitions whose lock was free; what a dead shipper left under way in them is pending again."""
    mine = {key: partition for key, partition in known.items() if locks.acquire(lock_name(partition))}
    reach(CrashPoint.LOCKED)
    locks.check()
    ledger.recover(list(mine.values()), timing.now_ms())
    return mine


def _ship_run(config: Config, orchestrator_run_id: str | None, timing: Timing) -> ShipRun:
    return ShipRun(
        id=uuid4().hex,
        orchestrator_run=orchestrator_run_id,
        destination=config.webhook.name,
        config_fingerprint=config.fingerprint(),
        library_version=VERSION,
        started_ms=timing.now_ms(),
    )


def _shipper(ledger: Ledger, route: Route, timing: Timing, policy: RetryPolicy, *, now: bool) -> Shipper:
    """A shipper of no partition yet that knows what the last run left: the breaker, open until its next probe is due,
    or the rate limit, and the statuses that a `resume` told to take as real.
    """
    remembered = queries.destination(ledger.database, route.destination)
    until_ms = None if now else _paused_until(remembered, policy, timing.now_ms())
    openings = remembered.breaker_openings
    return Shipper(
        ledger,
        route,
        timing,
        Breaker(policy, openings=openings, open=bool(openings and until_ms)),
        (),
        evidence=Evidence(policy, _believed(remembered, policy, timing.now_ms())),
        rate_limit=RateLimit(policy, until=0 if openings else (until_ms or 0) / 1000),
    )


def _believed(remembered: DestinationRecord, policy: RetryPolicy, now_ms: int) -> frozenset[int]:
    told, since = remembered.halted_setup, remembered.halted_ms
    if remembered.halted_reason is not None or told is None or since is None:
        return frozenset()
    fresh = since <= now_ms <= since + round(policy.believed_for * 1000)
    return frozenset(map(int, told.split(","))) if fresh else frozenset()


def _remember_halt(ledger: Ledger, destination: Destination, shipper: Shipper) -> bool:
    """Write down that the destination refuses, or that it no longer does; whether it is this run that halts it."""
    name = shipper.route.destination
    if shipper.halted is not None:
        return ledger.halt(name, shipper.halted, destination.setup, shipper.timing.now_ms())
    remembered = queries.destination(ledger.database, name)
    if remembered.halted_reason is None:
        if remembered.halted_setup is not None and shipper.evidence.accepted_any:
            forget_believed(ledger.database, name)
    elif remembered.halted_setup != destination.setup:  # our own: another run was refused while this was under way
        ledger.resume(name)
    return False


def _remember_pause(ledger: Ledger, shipper: Shipper) -> float | None:
    """Write down the breaker and the rate limit for the next run; until when nothing more is sent."""
    name, breaker, now_ms = shipper.route.destination, shipper.breaker, shipper.timing.now_ms()
    remembered = queries.destination(ledger.database, name)
    held_ms = round(shipper.rate_limit.until * 1000) if shipper.rate_limit.wait(now_ms / 1000) else 0
    paused_ms = now_ms + round(breaker.policy.pause(breaker.openings) * 1000) if breaker.opened else 0
    if held_ms > paused_ms:
        ledger.set_breaker(name, 0, held_ms)
    elif paused_ms:
        ledger.set_breaker(name, breaker.openings, paused_ms)
    elif breaker.opened is False and remembered.breaker_openings:
        ledger.set_breaker(name, 0, None)
    until_ms = max(held_ms, paused_ms) or (breaker.open and _paused_until(remembered, breaker.policy, now_ms))
    return until_ms / 1000 if until_ms else None


def _refuse_while_halted(database: LedgerDatabase, config: Config) -> None:
    remembered = queries.destination(database, config.webhook.name)
    if _still_halted(remembered, config):
        raise _halted_error(remembered.halted_reason or "")


def _halted_error(reason: str, report: ShipReport | None = None, *, halts: bool = False) -> DestinationError:
    return DestinationError(
        f"the webhook refuses the set-up ({reason}); nothing failed, everything undelivered stays pending",
        hint="mend the URL or the secret, or say `statsig-export resume` when the other side is mended "
        "(or, where everything is rejected, when it is the events that are wrong: then they fail)",
        report=report,
        halts=halts,
    )


def _unread(error: PartitionFileError | StorageError, report: ShipReport) -> LedgerError:
    """The same error, with what was sent all the same."""
    if isinstance(error, PartitionFileError):
        said = "; what is pending of these partitions stays pending, all others were seen to"
        return damaged(error.files, said, report=report)
    said = f"{error.message}; {report.sent:,} events were sent before that, the others stay pending"
    return StorageError(said, hint=error.hint, report=report)


def _ignore(_: int) -> None:
    """Nobody watches."""
