"""Shipping what is due: whether a run may start, its locks, the shipper, the report; and how things stand.

Light to import: neither pandas nor Dagster.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from uuid import uuid4

from statsig_export import ledger_queries as queries
from statsig_export.config import Config
from statsig_export.delivery import Breaker, RetryPolicy
from statsig_export.errors import DestinationError
from statsig_export.ledger import Ledger, ShipRun, ledger_of, ledger_to_read
from statsig_export.ledger_database import LedgerDatabase
from statsig_export.lineage import requests_of, shipments
from statsig_export.locks import PartitionLocks, groups_to_lock, lock_name, open_locks
from statsig_export.memory import prefer_jemalloc
from statsig_export.partitions import split_partition_key
from statsig_export.reports import DuePartition, PartitionStatus, Shipment, ShipReport
from statsig_export.shipper import Route, Shipper, Timing
from statsig_export.storage import Storage
from statsig_export.testing.crash import CrashPoint, reach
from statsig_export.version import VERSION
from statsig_export.webhook import Destination, Webhook, destination_of

REAL_TIME = Timing(clock=time.time, sleep=time.sleep, roll=random.random)
DEFAULT_POLICY = RetryPolicy()
_FOREVER_MS = 2**62


def ship(
    config: Config,
    partitions: Sequence[str] | None = None,
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    timing: Timing = REAL_TIME,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> ShipReport:
    """Send what is due of `partitions` (keys `category|window`), or of all. `on_progress` gets accepted events.

    A partition that another shipper holds is left to it. What is not accepted now stays pending with a due time. Once
    `timing.stopping` says true, the requests under way are finished and no other is begun.
    Raises DestinationError when the destination is halted, or refuses during the run, after all else was recorded;
    LedgerError when the ledger or the partition files fail.
    """
    destination = destination_of(config)
    prefer_jemalloc()
    with ledger_of(config) as ledger, Storage(config.storage_url()) as storage:
        _refuse_while_halted(ledger.database, config)
        known = _asked_for(ledger.database, config, partitions, timing.now_ms())
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
            )
            breaker = _breaker(ledger.database, config, policy, timing)
            shipper = Shipper(ledger, route, timing, breaker, (), on_progress or _ignore)
            mine = _ship_in_groups(shipper, known, locks)
            reach(CrashPoint.SENT)
        halts = _remember_halt(ledger, destination, shipper)
        paused_until = _remember_breaker(ledger, shipper)
        ledger.finish_ship_run(run.id, timing.now_ms())
        statuses = queries.statuses(ledger.database, run.destination, timing.now_ms(), only=list(mine.values()))
        report = ShipReport(
            run_id=run.id,
            orchestrator_run_id=orchestrator_run_id,
            seconds=(timing.now_ms() - run.started_ms) / 1000,
            paused_until=paused_until,
            busy=tuple(key for key in known if key not in mine),
            shipments=shipments(ledger.database, run.id, mine, statuses),
        )
    if shipper.halted is not None:
        raise _halted_error(shipper.halted, report, halts=halts)
    return report


def due_partitions(config: Config) -> list[DuePartition]:
    """What a ship run started now would send: nothing while the destination is halted, or the breaker is open.

    A halt counts for as long as the set-up that was refused is the configured one.
    """
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        now_ms = REAL_TIME.now_ms()
        remembered = queries.destination(ledger.database, config.webhook.name)
        if _still_halted(remembered, config) or (remembered.probe_ms or 0) > now_ms:
            return []
        return queries.due(ledger.database, config.webhook.name, now_ms)


def shipments_of(config: Config, orchestrator_run_id: str) -> list[Shipment]:
    """What a run of the orchestrator sent: for one that ended before it could tell. Their accounts are those of now."""
    name, found = config.webhook.name, list[Shipment]()
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        for ship_run, requests in groupby(requests_of(ledger.database, orchestrator_run_id), key=itemgetter(0)):
            ids = [partition for _, partition in requests]
            statuses = queries.statuses(ledger.database, name, REAL_TIME.now_ms(), only=ids)
            keys = [split_partition_key(status.partition) for status in statuses]
            known = queries.partition_ids(ledger.database, name, keys)
            found += shipments(ledger.database, ship_run, known, statuses).values()
    return found


def halted_reason(config: Config) -> str | None:
    """Why the destination is halted, or None when it is not."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return None
        remembered = queries.destination(ledger.database, config.webhook.name)
    return remembered.halted_reason if _still_halted(remembered, config) else None


def resume(config: Config) -> None:
    """Lift a halt and close the breaker: somebody has mended the set-up."""
    with ledger_of(config) as ledger:
        ledger.resume(config.webhook.name)


def status(config: Config, start: datetime | None = None, end: datetime | None = None) -> list[PartitionStatus]:
    """The account of every partition whose window starts in [start, end); of all by default."""
    between = None
    if start is not None or end is not None:
        between = (_ms(start) if start else 0, _ms(end) if end else _FOREVER_MS)
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return []
        return queries.statuses(ledger.database, config.webhook.name, REAL_TIME.now_ms(), between=between)


def _asked_for(
    database: LedgerDatabase, config: Config, partitions: Sequence[str] | None, now_ms: int
) -> dict[str, int]:
    keys = partitions
    if keys is None:
        keys = [due.partition for due in queries.due(database, config.webhook.name, now_ms)]
    return queries.partition_ids(database, config.webhook.name, [split_partition_key(key) for key in keys])


def _ship_in_groups(shipper: Shipper, known: Mapping[str, int], locks: PartitionLocks) -> dict[str, int]:
    """Ship as many partitions at a time as may be locked at once; those that no other shipper holds.

    Once the shipper is to stop, what no group has come to is left as it is, and belongs to the run all the same.
    """
    mine: dict[str, int] = {}
    left = dict(known)
    for keys in groups_to_lock(shipper.ledger.database.engine, list(known)):
        group = {key: left.pop(key) for key in keys}
        taken = _take(group, locks, shipper.ledger, shipper.timing)
        mine |= taken
        shipper.partitions = list(taken.values())
        shipper.run()
        locks.release()
        if shipper.stopped:
            break
    return mine | left


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


def _breaker(database: LedgerDatabase, config: Config, policy: RetryPolicy, timing: Timing) -> Breaker:
    """The breaker as the last run left it: still open until its next probe is due."""
    remembered = queries.destination(database, config.webhook.name)
    still_open = (remembered.probe_ms or 0) > timing.now_ms()
    return Breaker(policy, openings=remembered.breaker_openings, open=still_open)


def _remember_halt(ledger: Ledger, destination: Destination, shipper: Shipper) -> bool:
    """Write down that the destination refuses, or that it no longer does; whether it is this run that halts it."""
    name = shipper.route.destination
    if shipper.halted is not None:
        return ledger.halt(name, shipper.halted, destination.setup, shipper.timing.now_ms())
    halted_setup = queries.destination(ledger.database, name).halted_setup
    if halted_setup not in {None, destination.setup}:  # our own: another run was refused while this one was under way
        ledger.resume(name)
    return False


def _remember_breaker(ledger: Ledger, shipper: Shipper) -> float | None:
    """Write down the breaker for the next run; the time of the next probe, if it is open."""
    name, timing, breaker = shipper.route.destination, shipper.timing, shipper.breaker
    remembered = queries.destination(ledger.database, name)
    if breaker.openings == remembered.breaker_openings:
        return remembered.probe_ms / 1000 if breaker.open and remembered.probe_ms else None
    probe_ms = timing.now_ms() + round(breaker.policy.pause(breaker.openings) * 1000) if breaker.open else None
    ledger.set_breaker(name, breaker.openings, probe_ms)
    return probe_ms / 1000 if probe_ms else None


def _refuse_while_halted(database: LedgerDatabase, config: Config) -> None:
    remembered = queries.destination(database, config.webhook.name)
    if _still_halted(remembered, config):
        raise _halted_error(remembered.halted_reason or "")


def _still_halted(remembered: queries.Destination, config: Config) -> bool:
    """A changed URL or secret lifts a halt by itself. Looking at an unhalted destination needs neither."""
    if remembered.halted_reason is None:
        return False
    return remembered.halted_setup == destination_of(config).setup


def _halted_error(reason: str, report: ShipReport | None = None, *, halts: bool = False) -> DestinationError:
    return DestinationError(
        f"the webhook refuses the set-up ({reason}); nothing failed, everything undelivered stays pending",
        hint="mend the URL or the secret, or say `statsig-export resume` when the other side is mended",
        report=report,
        halts=halts,
    )


def _ignore(_: int) -> None:
    """Nobody watches."""


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
