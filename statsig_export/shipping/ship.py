"""Ships what is due: whether a run may start, its locks, the shipper, the report.

Light to import: neither pandas nor Dagster.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from uuid import uuid4

from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import DEFAULT_POLICY, Failure, Reply, RetryPolicy, classify
from statsig_export.errors import PartitionFileError, StatsigExportError, StorageError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.conditions import FOREVER_MS
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.locks import PartitionLocks, open_locks
from statsig_export.ledger.records import ShipRun
from statsig_export.ledger.shipments import shipments
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.receipts.receipts import refuse_older_ledger
from statsig_export.runs import REAL_TIME, Job, RunStart, Timing, no_progress, observed
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.destination import Destination, destination_of
from statsig_export.shipping.groups import LockedGroups
from statsig_export.shipping.receipt_book import ReceiptBook
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.route import Post, Route
from statsig_export.shipping.shipper import Shipper
from statsig_export.shipping.standing import lift_halt, record_pause, refusal, refuse_while_halted, restored
from statsig_export.shipping.webhook import Webhook
from statsig_export.spans import Place, here, span
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.storage import Storage
from statsig_export.version import VERSION
from statsig_export.windows import partition_keys, split_partition_key


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
    with the report (`error.report`); LedgerError when the ledger fails.
    """
    context = ShipContext(orchestrator_run_id, on_progress or no_progress, timing, policy, now)
    keys = None if partitions is None else partition_keys(partitions)
    start = RunStart(Job.SHIP, config, orchestrator_run_id, keys or ())
    return observed(start, partial(send, config, keys, context))


def send(config: Config, partitions: Sequence[str] | None, context: ShipContext) -> ShipReport:
    """What `ship` does, as a part of a run that its caller reports to the observer."""
    destination = destination_of(config)
    with ledger_of(config) as ledger, Storage(config.storage_url()) as storage:
        database, timing = ledger.database, context.timing
        refuse_while_halted(database, config)
        due = _asked_for(database, config, partitions, context)
        pending = {} if partitions is not None else queries.pending_partition_ids(database, config.webhook.name)
        with suppress(StorageError):  # one that is away is found out by who reads the events, and reported
            refuse_older_ledger(database, storage, config.webhook.name, list(due))
        run = _ship_run(config, context)
        if due:  # a loop that ships every few seconds would leave a row for good each time, and nothing refers to it
            ledger.start_ship_run(run)
        with (
            closing(open_locks(database.engine)) as locks,
            closing(Webhook(destination, clock=timing.clock, monotonic=time.monotonic)) as webhook,
        ):
            book = ReceiptBook(database, storage, time.monotonic)
            route = replace(_route(config, run, webhook, storage, locks), note=book.note)
            shipper = _shipper(ledger, route, context)
            held = LockedGroups(ledger, locks, shipper, context, book).ship(due)
            reach(CrashPoint.SENT)
        error = _record_halt(shipper, ledger, destination, run)
        paused_until = record_pause(ledger, run.destination, shipper.breaker, shipper.rate_limit, timing.now_ms())
        if due:
            ledger.finish_ship_run(run.id, timing.now_ms())
        ids = list({**pending, **due}.values())
        statuses = standings.statuses(database, run.destination, timing.now_ms(), only=ids)
        report = ShipReport(
            run_id=run.id,
            orchestrator_run_id=run.orchestrator_run,
            seconds=(timing.now_ms() - run.started_ms) / 1000,
            paused_until=paused_until,
            busy=tuple(key for key in due if key not in held),
            shipments=shipments(database, run.id, held, statuses),
            statuses={status.partition: status for status in statuses},
            rate_limited=paused_until is not None and not shipper.breaker.open,
            unreadable=shipper.unreadable,
        )
    if error is not None:
        raise _with_report(error, report)
    return report


def _asked_for(
    database: LedgerDatabase, config: Config, partitions: Sequence[str] | None, context: ShipContext
) -> Mapping[str, int]:
    """Key -> id of the partitions that were asked for, or that are due."""
    keys, name = partitions, config.webhook.name
    if keys is None:
        until_ms = FOREVER_MS if context.now else context.timing.now_ms()
        keys = [due.partition for due in queries.due(database, name, until_ms)]
    return queries.partition_ids(database, name, [split_partition_key(key) for key in keys])


def _ship_run(config: Config, context: ShipContext) -> ShipRun:
    return ShipRun(
        id=uuid4().hex,
        orchestrator_run=context.orchestrator_run_id,
        destination=config.webhook.name,
        config_fingerprint=config.fingerprint(),
        library_version=VERSION,
        started_ms=context.timing.now_ms(),
    )


def _route(config: Config, run: ShipRun, webhook: Webhook, storage: Storage, locks: PartitionLocks) -> Route:
    return Route(
        destination=run.destination,
        ship_run=run.id,
        post=_traced(webhook.post, here()),
        read_events=storage.read_events,
        still_locked=locks.check,
        concurrency=config.webhook.concurrency,
        max_events=config.webhook.max_events,
        max_bytes=config.webhook.max_bytes,
    )


def _traced(post: Post, place: Place | None) -> Post:
    """With a span around each request, in the senders' threads; the function itself where nothing is traced."""
    if place is None:
        return post

    def traced_post(body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        with span("request", place, batch=batch_id, attempt=attempt, bytes=len(body), method="POST") as request:
            answer = post(body, batch_id, attempt)
            outcome = classify(answer)
            request.tell(outcome=outcome.value)
            if isinstance(answer, Reply):
                request.tell(status_code=answer.status)
            if outcome is not Outcome.ACCEPTED:
                request.fails(outcome.value)
            return answer

    return traced_post


def _shipper(ledger: Ledger, route: Route, context: ShipContext) -> Shipper:
    """A shipper that holds no partition yet and knows what the last run left."""
    remembered = queries.destination(ledger.database, route.destination)
    breaker, evidence, rate_limit = restored(remembered, context)
    return Shipper(ledger, route, context, breaker, evidence=evidence, rate_limit=rate_limit)


def _record_halt(shipper: Shipper, ledger: Ledger, destination: Destination, run: ShipRun) -> StatsigExportError | None:
    """Record a halt, or the end of one. Returns the error that the run ends with, if any."""
    if shipper.halted is not None:
        now_ms = shipper.timing.now_ms()
        halts = ledger.halt(run.destination, shipper.halted, destination.setup, now_ms)
        return refusal(shipper.halted, halts=halts)
    lift_halt(ledger, run.destination, destination.setup, accepted_any=shipper.evidence.accepted_any)
    return shipper.unread


def _with_report(error: StatsigExportError, report: ShipReport) -> StatsigExportError:
    """The same error, with what was sent all the same."""
    match error:
        case PartitionFileError():
            ended: StatsigExportError = damaged(
                error.files, "; what is pending of these partitions stays pending, all others were seen to"
            )
        case StorageError():
            sent = f"{report.sent:,} events were sent before that, the others stay pending"
            ended = StorageError(f"{error.message}; {sent}", hint=error.hint)
        case _:
            ended = error
    ended.report = report
    return ended
