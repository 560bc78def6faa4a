"""Exporting one window or several: what the command line, Dagster and notebooks call."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from statsig_export.config import Config
from statsig_export.errors import PartitionFileError, StatsigExportError
from statsig_export.export.exporter import Exporter
from statsig_export.export.reports import ExportReport
from statsig_export.runs import RunContext, no_progress
from statsig_export.storage.file_faults import joined
from statsig_export.vocabulary import Category
from statsig_export.windows import Window


def export_window(
    config: Config,
    window: Window,
    categories: Sequence[Category] | None = None,
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ExportReport:
    """Read one window, write its partition files and plan their batches. Safe to repeat: only new events are added.

    `categories` None means all. `on_progress` is called with the number of rows of each chunk.
    A file of an earlier export that is gone or damaged is written again where the source still makes the same one.
    Raises ConfigError (also for a window of which a category was pruned), SourceError, LedgerError or StorageError;
    then nothing of the window was planned. PartitionFileError, for files that the source does not make again, concerns
    their categories alone: the others were planned.
    """
    with Exporter(config, RunContext(orchestrator_run_id, on_progress or no_progress)) as exporter:
        return exporter.export(window, categories)


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
    context = RunContext(orchestrator_run_id, on_progress or no_progress)
    with Exporter(config, context, list(windows)) as exporter:
        for window, categories in windows.items():
            try:
                export: ExportReport | PartitionFileError = exporter.export(window, categories)
            except PartitionFileError as error:
                export = error
            yield export
