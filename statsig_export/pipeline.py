"""The verbs, in one place: what command line, notebook and Dagster call.

`export_window` and `ship` meet only in the ledger: what the one planned the other sends, now or on another day, here or
on another machine. Here they are told to OpenLineage too, where the configuration asks for it (telling.py).

What needs pandas is imported by the verb that needs it, since `ship` starts without.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from statsig_export.config import Config
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.errors import PartitionFileError, StatsigExportError
from statsig_export.export.reports import ExportReport
from statsig_export.openlineage.emitter import told
from statsig_export.runs import REAL_TIME, Timing
from statsig_export.shipping import replay as replaying
from statsig_export.shipping import ship as shipping
from statsig_export.shipping.reports import ReplayReport, ShipReport
from statsig_export.shipping.status import due_partitions, halted_reason, resume, shipments_of, status
from statsig_export.storage.file_faults import joined
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

if TYPE_CHECKING:
    from statsig_export.export.exporter import Exporter
    from statsig_export.export.plan import plan
    from statsig_export.export.repair import repair
    from statsig_export.maintenance.prune import prune
    from statsig_export.maintenance.verify import verify
    from statsig_export.openlineage.events import RunEvents

__all__ = [
    "due_partitions",
    "export_window",
    "export_windows",
    "halted_reason",
    "plan",
    "prune",
    "repair",
    "replay",
    "resume",
    "ship",
    "shipments_of",
    "status",
    "try_windows",
    "verify",
]

_HOMES = {
    "plan": "statsig_export.export.exporter",
    "prune": "statsig_export.maintenance.prune",
    "repair": "statsig_export.export.repair",
    "verify": "statsig_export.maintenance.verify",
}


def export_window(
    config: Config,
    window: Window,
    categories: Sequence[Category] | None = None,
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ExportReport:
    """Read one window, write its partition files and plan their batches: `exporting.Exporter.export`."""
    (report,) = export_windows(
        config, {window: categories}, orchestrator_run_id=orchestrator_run_id, on_progress=on_progress
    )
    return report


def export_windows(
    config: Config,
    windows: Mapping[Window, Sequence[Category] | None],
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[ExportReport]:
    """The same for several windows in this order, each with its categories, over the same connections.

    Each window is exported when its report is asked for. What one raises ends it; those before it stay exported. A
    window of which a partition file is lost has no report and does not end it: its PartitionFileError comes last, or
    its words are among those of the error that ends it.
    """
    unread: list[PartitionFileError] = []
    exports = try_windows(config, windows, orchestrator_run_id=orchestrator_run_id, on_progress=on_progress)
    try:
        for export in exports:
            if isinstance(export, PartitionFileError):
                unread.append(export)
            else:
                yield export
    except StatsigExportError as error:
        if not unread:
            raise
        raise type(error)(f"{error.message}; before that, {joined(unread).message}", hint=error.hint) from error
    if unread:
        raise joined(unread)


def try_windows(
    config: Config,
    windows: Mapping[Window, Sequence[Category] | None],
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[ExportReport | PartitionFileError]:
    """The same, but of each window that does not end it there is one item: its report, or the error of its files."""
    from statsig_export.export.exporter import Exporter

    with Exporter(config) as exporter:
        unchecked = list(windows)  # all are looked at before the first is read
        for window, categories in windows.items():
            events = partial(_export_events, config, window, categories, orchestrator_run_id)
            export = partial(
                exporter.export, window, categories, orchestrator_run_id=orchestrator_run_id, on_progress=on_progress
            )
            try:
                done: ExportReport | PartitionFileError = told(
                    config, events, partial(_checked, exporter, unchecked, export)
                )
            except PartitionFileError as error:
                done = error
            yield done


def _checked(exporter: "Exporter", unchecked: list[Window], export: Callable[[], ExportReport]) -> ExportReport:
    exporter.check(unchecked)
    unchecked.clear()
    return export()


def _export_events(
    config: Config, window: Window, categories: Sequence[Category] | None, orchestrator_run_id: str | None
) -> "RunEvents[ExportReport]":
    from statsig_export.openlineage.events import export_run

    return export_run(config, window, categories, orchestrator_run_id)


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
    """Send what is due of some partitions, or of all; with `now` all that waits: `shipping.ship`."""

    def events() -> "RunEvents[ShipReport]":
        from statsig_export.openlineage.events import ship_run

        return ship_run(config, partitions, orchestrator_run_id)

    def run() -> ShipReport:
        return shipping.ship(
            config,
            partitions,
            orchestrator_run_id=orchestrator_run_id,
            on_progress=on_progress,
            timing=timing,
            policy=policy,
            now=now,
        )

    return told(config, events, run)


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
    """Send again what was sent, or what failed in delivery: `replaying.replay`."""

    def events() -> "RunEvents[ReplayReport]":
        from statsig_export.openlineage.events import replay_run

        return replay_run(config, keys, orchestrator_run_id)

    def run() -> ReplayReport:
        return replaying.replay(
            config,
            keys,
            failed_only=failed_only,
            orchestrator_run_id=orchestrator_run_id,
            on_progress=on_progress,
            timing=timing,
            policy=policy,
        )

    return told(config, events, run)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
