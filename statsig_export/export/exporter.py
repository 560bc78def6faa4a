"""Exports a window: read, judge, write, plan."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Self
from uuid import uuid4

from statsig_export.account import Account
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import LedgerError, StalePlanError
from statsig_export.events.seen_ids import SeenIds
from statsig_export.export.judge import Judge, Judged, Tally
from statsig_export.export.prefetch import write_behind
from statsig_export.export.repair import HINT, earlier_ids, read_ids
from statsig_export.export.reports import ExportReport, PartitionExport
from statsig_export.export.window import identities_for, judge_window
from statsig_export.export.writer import window_writer
from statsig_export.forgetting.unnamed_files import remove_published
from statsig_export.ledger import queries
from statsig_export.ledger.forgotten import forgotten_people, refuse_forgotten_since
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.records import ExportRun, PartitionPlan, Planned, PrivacyRecord
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.privacy.rule import Rule
from statsig_export.receipts.forgotten import refuse_without_forgotten
from statsig_export.receipts.receipts import refuse_older_ledger
from statsig_export.runs import Job, RunContext, RunStart, observed
from statsig_export.source.source import Source, open_source
from statsig_export.spans import Place, here, span
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.storage import Storage
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window, partition_key, require_window

_TRIES = 3
"""How often a window is exported again when another run planned it in between."""


class Exporter:
    """Exports windows, one after another, over the same connections: to connect and to look at the source's catalog
    costs more than a small window itself. Use it as a context manager; everything opens with the first window.

    `windows` are those to come: whether one of them overlaps windows of another length is checked before the first is
    read.
    """

    def __init__(self, config: Config, context: RunContext | None = None, windows: Sequence[Window] = ()) -> None:
        self._config = config
        self._context = context or RunContext()
        self._unchecked = [require_window(window) for window in windows]
        self._until = ExitStack()
        self._opened: _Opened | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until.close()

    def export(self, window: Window, categories: Sequence[Category] | None = None) -> ExportReport:
        """The same as `export.export_window`, over this exporter's connections."""
        asked_by, names, window = self._context.orchestrator_run_id, chosen(categories), require_window(window)
        keys = [partition_key(category, window.key) for category in names]
        return observed(
            RunStart(Job.EXPORT, self._config, asked_by, keys, window), partial(self._export, window, names)
        )

    def _export(self, window: Window, categories: tuple[Category, ...]) -> ExportReport:
        opened = self._open()
        for remaining in reversed(range(_TRIES)):
            run = _Run(self._config, self._context, window, categories, self._context.timing.now_ms())
            try:
                return _export(run, opened)
            except StalePlanError:
                if not remaining:
                    raise
        raise AssertionError("unreachable")

    def _open(self) -> "_Opened":
        if self._opened is None:
            ledger = self._until.enter_context(ledger_of(self._config))
            ledger.database.bring_up_to_date()
            storage = self._until.enter_context(Storage(self._config.storage_url()))
            if queries.names_files(ledger.database, self._config.webhook.name):
                storage.require_root()  # else a disk that is not mounted would be written beside
            refuse_without_forgotten(ledger.database, storage, self._config.webhook.name)
            self._opened = _Opened(ledger, storage, self._until.enter_context(open_source(self._config)))
        refuse_overlapping_windows(self._opened.ledger.database, self._config, self._unchecked)
        self._unchecked = []
        return self._opened


@dataclass(frozen=True, slots=True)
class _Run:
    config: Config
    context: RunContext
    window: Window
    categories: tuple[Category, ...]
    started_ms: int


@dataclass(frozen=True, slots=True)
class _Opened:
    ledger: Ledger
    storage: Storage
    source: Source


def _traced(write: Callable[[Judged], None], place: Place | None) -> Callable[[Judged], None]:
    """With a span around each chunk's part, in the writer's thread; the function itself where nothing is traced."""
    if place is None:
        return write

    def traced_write(judged: Judged) -> None:
        with span("write", place, rows=sum(map(len, judged.events.values()))):
            write(judged)

    return traced_write


def _export(run: _Run, opened: _Opened) -> ExportReport:
    config, window = run.config, run.window
    ledger, storage, source = opened.ledger, opened.storage, opened.source
    began = time.monotonic()
    refuse_overlapping_windows(ledger.database, config, [window])
    keys = [partition_key(category, window.key) for category in run.categories]
    refuse_older_ledger(ledger.database, storage, config.webhook.name, keys)
    identities = identities_for(ledger.database, config, source, run.categories)
    forgotten = forgotten_people(ledger.database, config.webhook.name)
    planned = planned_before(ledger, config, window, run.categories)
    earlier, lost = earlier_ids(config, (storage, source), window, planned, (identities, forgotten))
    if lost and planned_before(ledger, config, window, run.categories) != planned:
        raise StalePlanError("somebody's events were taken out of the files of this window", hint="export it again")
    if lost:
        run = replace(run, categories=tuple(category for category in run.categories if category in earlier))
        if not run.categories:
            raise damaged(lost, hint=HINT)
    others = planned_elsewhere(ledger, storage, config, window, run.categories)
    rule = config.privacy_rule()
    judge = Judge(config.source, config.filter, config.webhook, earlier, others, rule, forgotten=forgotten)
    rows_read = 0
    with window_writer(storage, config.webhook, run.categories) as writer:
        with write_behind(_traced(writer.add, here())) as write:
            for judged, rows in judge_window(source, window, judge, identities):
                write(judged)
                rows_read += rows
                run.context.on_progress(rows)
                reach(CrashPoint.READING)
        _check_balance(window, judge.tallies)
        refuse_forgotten_since(ledger.database, config.webhook.name, forgotten)
        with span("publish"):
            plans = writer.publish(window, planned, judge.tallies)
    reports = {plan.category: _partition_export(plan, window, judge.tallies[plan.category], storage) for plan in plans}
    known = [identity.having_seen(judge.seen.get(identity.role)) for identity in identities.values()]
    privacy = privacy_record(config, rule)
    record = replace(
        _export_run(run, source, judge, rows_read),
        identities=known,
        privacy=privacy,
        latest_forgotten=forgotten.latest,
    )
    reach(CrashPoint.FILES_PUBLISHED)
    try:
        with span("plan", partitions=len(plans)):
            ledger.plan(record, plans)
    except StalePlanError:
        remove_published(ledger.database, storage, config.webhook.name, plans)
        raise
    if lost:
        raise damaged(lost, "; the other categories of the window were exported", hint=HINT)
    return ExportReport(
        run_id=record.id,
        orchestrator_run_id=run.context.orchestrator_run_id,
        window=window.key,
        rows_read=record.rows_read,
        seconds=time.monotonic() - began,
        queries=record.queries,
        filter_fingerprint=record.filter_fingerprint,
        privacy_fingerprint=None if privacy is None else privacy.fingerprint,
        partitions=reports,
    )


def privacy_record(config: Config, rule: Rule | None) -> PrivacyRecord | None:
    """What the ledger remembers of a rule."""
    fingerprint = config.privacy_fingerprint()
    if rule is None or fingerprint is None:
        return None
    return PrivacyRecord(fingerprint, rule.key_check, config.privacy.model_dump(mode="json"))


def planned_elsewhere(
    ledger: Ledger, storage: Storage, config: Config, window: Window, categories: Sequence[Category]
) -> SeenIds:
    """What earlier exports put into the window's partitions of other categories, as far as its files can be read: those
    that the ledger names then, since one that is gone may have been written again without somebody.
    """
    name, before = config.webhook.name, None
    while True:
        files = queries.planned_elsewhere(ledger.database, name, window.key, categories)
        ids, lost = read_ids(storage, files)
        if not lost or files == before:
            return ids
        before = files


def planned_before(
    ledger: Ledger, config: Config, window: Window, categories: Sequence[Category]
) -> dict[Category, Planned]:
    """What earlier exports put into each category's partition of the window. Raises ConfigError if one was pruned."""
    return queries.planned_partitions(ledger.database, config.webhook.name, window.key, categories)


def _check_balance(window: Window, tallies: Mapping[Category, Tally]) -> None:
    for category, tally in tallies.items():
        if not tally.balances:
            raise LedgerError(
                f"{partition_key(category, window.key)}: {tally.rows} rows read, but {tally} add up otherwise"
            )


def _partition_export(plan: PartitionPlan, window: Window, tally: Tally, storage: Storage) -> PartitionExport:
    return PartitionExport(
        partition=partition_key(plan.category, window.key),
        category=plan.category,
        account=Account(
            events=tally.rows,
            forwarded=tally.already_planned,
            pending=tally.new,
            filtered_by=tally.filtered_by,
            failed_by=tally.failed_by,
            forgotten=tally.forgotten,
        ),
        planned=tally.new,
        already_planned=tally.already_planned,
        batches=len(plan.batches),
        file=storage.uri(plan.file.path) if plan.file else None,
        digest=plan.file.digest if plan.file else None,
        file_bytes=plan.file.bytes if plan.file else 0,
        generation=plan.after_generation + (1 if plan.file else 0),
    )


def _export_run(run: _Run, source: Source, judge: Judge, rows_read: int) -> ExportRun:
    window = run.window
    return ExportRun(
        id=uuid4().hex,
        orchestrator_run=run.context.orchestrator_run_id,
        destination=run.config.webhook.name,
        window=window,
        started_ms=run.started_ms,
        finished_ms=run.context.timing.now_ms(),
        rows_read=rows_read,
        queries=judge.statements,
        config_fingerprint=run.config.fingerprint(),
        filter_fingerprint=run.config.filter_fingerprint(),
        library_version=f"{VERSION}+{source.reader}",
        account={
            category.value: {
                "rows": tally.rows,
                "planned": tally.new,
                "already_planned": tally.already_planned,
                "filtered_by": tally.filtered_by,
                "failed_by": tally.failed_by,
            }
            for category, tally in judge.tallies.items()
        },
    )
