"""Exports a window: read, judge, write, plan."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from statsig_export.account import Account
from statsig_export.config import Config
from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import ConfigError, OtherHashError, PartitionFileError, StalePlanError
from statsig_export.events.seen_ids import SeenIds
from statsig_export.export.judge import Tally
from statsig_export.export.opening import Known, Opened, Run, known_of, opened, planned_before
from statsig_export.export.reading import Read, read_rows
from statsig_export.export.repair import HINT, HowMade, damaged_files, earlier_ids
from statsig_export.export.reports import ExportReport, PartitionExport
from statsig_export.export.shards_in_processes import work_in_processes
from statsig_export.export.wide import WideWindow, work_to_the_end
from statsig_export.forgetting.unnamed_files import remove_published
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.planned_runs import planned_run
from statsig_export.ledger.plans import PartitionPlan, ShardedRun
from statsig_export.ledger.records import ExportRun, PrivacyRecord
from statsig_export.ledger.shards import shards_of_files
from statsig_export.privacy.rule import Rule
from statsig_export.runs import Job, RunContext, RunStart, observed
from statsig_export.source.source import Source
from statsig_export.spans import span
from statsig_export.storage.file_faults import damaged
from statsig_export.storage.storage import Storage
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window, partition_key, require_window

log = logging.getLogger(__name__)

_PAUSES = (0.0, 0.2, 1.0, 3.0)
"""Seconds before a window is exported again when another run planned it in between, or a `forget` is at work on its
files, one category after another.
"""


class Exporter:
    """Exports windows, one after another, over the same connections: to connect and to look at the source's catalog
    costs more than a small window itself. Use it as a context manager; everything opens with the first window.

    `windows` are those to come: whether one of them overlaps windows of another length is checked before the first is
    read. `processes`: in how many at most the shards of a window are read at once (`[windows] shards`).
    """

    def __init__(
        self, config: Config, context: RunContext | None = None, windows: Sequence[Window] = (), processes: int = 1
    ) -> None:
        self._config = config
        self._context = context or RunContext()
        self._unchecked = [require_window(window) for window in windows]
        self._until = ExitStack()
        self._opened: Opened | None = None
        self._processes = processes

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
        for pause in (*_PAUSES, None):
            run = Run(self._config, self._context, window, categories, self._context.timing.now_ms())
            try:
                return _export(run, opened, self._processes)
            except StalePlanError as error:
                if isinstance(error, OtherHashError):
                    log.warning("%s: its shards are told apart once their rows are read", error.message)
                    opened.source.hashes_ids = False
                if pause is None:
                    raise
                self._context.timing.sleep(pause)
        raise AssertionError("unreachable")

    def _open(self) -> Opened:
        if self._opened is None:
            self._opened = self._until.enter_context(opened(self._config))
        refuse_overlapping_windows(self._opened.ledger.database, self._config, self._unchecked)
        self._unchecked = []
        return self._opened


@dataclass(frozen=True, slots=True)
class _Exported:
    """What is to be recorded of a run, and whose it is."""

    read: Read
    sharded: ShardedRun | None = None
    done: Callable[[], None] = lambda: None
    """To be called once it is on record."""
    planned_by_another: Callable[[], str | None] = lambda: None
    """The run that has planned the window out of the same shards meanwhile."""


def _export(run: Run, opened: Opened, processes: int) -> ExportReport:
    config, window = run.config, run.window
    ledger, storage, source = opened.ledger, opened.storage, opened.source
    began = time.monotonic()
    known = known_of(run, opened)
    earlier, lost = _earlier(run, opened, known)
    if lost and planned_before(ledger, config, window, run.categories) != known.planned:
        raise StalePlanError("somebody's events were taken out of the files of this window", hint="export it again")
    if lost:
        run = replace(run, categories=tuple(category for category in run.categories if category in earlier))
        if not run.categories:
            raise damaged(lost, hint=HINT)
    if config.windows.shards == 1:
        exported: _Exported | str = _Exported(read_rows(run, opened, known, earlier))
    else:
        del earlier  # each shard reads its own
        exported = _in_shards(run, opened, known, processes)
    if isinstance(exported, str) and not lost:
        return _report_of(run, opened, exported, time.monotonic() - began)
    if isinstance(exported, str):
        raise damaged(lost, "; the other categories of the window were exported", hint=HINT)
    read = exported.read
    identities = [identity.having_seen(read.seen.get(identity.role)) for identity in known.identities.values()]
    privacy = privacy_record(config, config.privacy_rule())
    record = replace(
        _export_run(run, source, read),
        identities=identities,
        privacy=privacy,
        latest_forgotten=known.forgotten.latest,
        sharded=exported.sharded,
    )
    reach(CrashPoint.FILES_PUBLISHED)
    try:
        with span("plan", partitions=len(read.plans)):
            ledger.plan(record, read.plans)
    except StalePlanError:
        if (other := exported.planned_by_another()) is not None and not lost:
            return _report_of(run, opened, other, time.monotonic() - began)
        files = [generation.file for plan in read.plans for generation in plan.generations]
        remove_published(ledger.database, storage, config.webhook.name, files)
        raise
    exported.done()
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
        partitions={
            plan.category: _partition_export(plan, window, read.tallies[plan.category], storage) for plan in read.plans
        },
    )


def _earlier(run: Run, opened: Opened, known: Known) -> tuple[Mapping[Category, SeenIds], dict[str, str]]:
    """The ids that were planned before, and the files that are lost for good (`repair.earlier_ids`). With shards each
    reads its own ids: there are none here, unless a file has to be written again.
    """
    stored = (planned.stored for planned in known.planned.values())
    if run.config.windows.shards > 1 and not any(damaged_files(opened.storage, files) for files in stored):
        return {category: SeenIds() for category in run.categories}, {}
    shards = partial(shards_of_files, opened.ledger.database, run.config.webhook.name, run.window.key)
    made = HowMade(known.identities, known.forgotten, shards)
    return earlier_ids(run.config, (opened.storage, opened.source), run.window, known.planned, made)


def _in_shards(run: Run, opened: Opened, known: Known, processes: int) -> _Exported | str:
    """What all shards come to; or the id of the run that has planned the window out of them meanwhile."""
    wide = WideWindow.of(run, opened, known)
    wide.clear_outdated()
    wide.drop_lost()
    try:
        work_in_processes(wide, processes)
        work_to_the_end(wide)
        parts = wide.parts()
        if (other := wide.planned_by_another()) is not None:
            return other
        if len(parts) < wide.count:  # forgotten since, or lost
            raise StalePlanError(f"a part of {run.window.key} is not there any more", hint="export it again")
        try:
            read = wide.merged(parts)
        except PartitionFileError:  # whoever has planned the window has removed the quarantines of its shards
            if (other := wide.planned_by_another()) is not None:
                return other
            raise
        wide.refuse_respelled(read)
    except ConfigError:  # the table is not what was sent: nothing that was read of it counts once it is put right
        wide.discard()
        raise
    return _Exported(read, wide.sharded, lambda: wide.remove_merged(parts, read), wide.planned_by_another)


def _report_of(run: Run, opened: Opened, run_id: str, seconds: float) -> ExportReport:
    """The report of a run that has planned the window out of shards which this one has helped to read."""
    found = planned_run(opened.ledger.database, run_id)
    return ExportReport(
        run_id=run_id,
        orchestrator_run_id=found.orchestrator_run,
        window=run.window.key,
        rows_read=found.rows_read,
        seconds=seconds,
        queries=found.queries,
        filter_fingerprint=found.filter_fingerprint,
        privacy_fingerprint=run.config.privacy_fingerprint(),
        partitions={
            plan.category: _partition_export(plan, run.window, _tally_of(found.account[plan.category]), opened.storage)
            for plan in found.plans
        },
    )


def _tally_of(counts: Mapping[str, Any]) -> Tally:
    """A category in the account of a run, as `_export_run` writes it."""
    return Tally(
        rows=counts["rows"],
        new=counts["planned"],
        already_planned=counts["already_planned"],
        filtered_by=Counter(counts["filtered_by"]),
        failed_by=Counter(counts["failed_by"]),
        forgotten=counts.get("forgotten", 0),
    )


def privacy_record(config: Config, rule: Rule | None) -> PrivacyRecord | None:
    """What the ledger remembers of a rule."""
    fingerprint = config.privacy_fingerprint()
    if rule is None or fingerprint is None:
        return None
    return PrivacyRecord(fingerprint, rule.key_check, config.privacy.model_dump(mode="json"))


def _partition_export(plan: PartitionPlan, window: Window, tally: Tally, storage: Storage) -> PartitionExport:
    files = [generation.file for generation in plan.generations]
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
        batches=sum(len(generation.batches) for generation in plan.generations),
        file=storage.uri(files[0].path) if files else None,
        digest=files[0].digest if files else None,
        file_bytes=sum(file.bytes for file in files),
        generation=plan.generations[-1].number if plan.generations else plan.after_generation,
        files=len(files),
    )


def _export_run(run: Run, source: Source, read: Read) -> ExportRun:
    window = run.window
    return ExportRun(
        id=uuid4().hex,
        orchestrator_run=run.context.orchestrator_run_id,
        destination=run.config.webhook.name,
        window=window,
        started_ms=run.started_ms,
        finished_ms=run.context.timing.now_ms(),
        rows_read=read.rows_read,
        queries=read.statements,
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
                **({"forgotten": tally.forgotten} if tally.forgotten else {}),
            }
            for category, tally in read.tallies.items()
        },
    )
