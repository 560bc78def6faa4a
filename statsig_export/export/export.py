"""Exporting one window or several: what the command line, Dagster and notebooks call."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from statsig_export.config import Config
from statsig_export.errors import LedgerError, PartitionFileError, SchemaError, SourceError, StatsigExportError
from statsig_export.export.exporter import Exporter
from statsig_export.export.reports import ExportReport
from statsig_export.runs import RunContext, no_progress
from statsig_export.source.source import open_source
from statsig_export.storage.file_faults import joined
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

MOST_FAILURES = 3
"""Consecutive windows that may fail before the rest is given up where nothing answers: each may take a minute."""


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
    processes: int = 1,
) -> Iterator[ExportReport | PartitionFileError]:
    """The same, but of each window that does not end it there is one item: its report, or the error of its files.

    In `processes` at most the shards of a window are read at once.
    """
    context = RunContext(orchestrator_run_id, on_progress or no_progress)
    with Exporter(config, context, list(windows), processes) as exporter:
        for window, categories in windows.items():
            try:
                export: ExportReport | PartitionFileError = exporter.export(window, categories)
            except PartitionFileError as error:
                export = error
            yield export


def each_window(
    config: Config,
    windows: Mapping[Window, Sequence[Category] | None],
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    processes: int = 1,
) -> Iterator[tuple[Window, ExportReport | StatsigExportError]]:
    """The same, but a window that fails never ends it: its error stands in for its report, and the others go on.

    It ends early, without the windows that are left, after MOST_FAILURES in a row of which the last may heal.
    """
    left, in_a_row = deque(windows), 0
    while left:
        rest = {window: windows[window] for window in left}
        context = RunContext(orchestrator_run_id, on_progress or no_progress)
        try:
            with Exporter(config, context, processes=processes) as exporter:
                for window, categories in rest.items():
                    report = exporter.export(window, categories)
                    in_a_row = 0
                    left.popleft()
                    yield window, report
        except StatsigExportError as error:
            in_a_row += 1
            yield left.popleft(), error
            if in_a_row >= MOST_FAILURES and may_heal(config, error):
                return


def may_heal(config: Config, error: StatsigExportError) -> bool:
    """Whether the export of a window that failed so may succeed by itself in a moment: the ledger or the storage fails,
    or the source does not answer. Where it answers, the failure is the window's own, or somebody has to mend a table.
    """
    if isinstance(error, SourceError):
        return not _answers(config)
    return isinstance(error, LedgerError) and not isinstance(error, PartitionFileError)


def _answers(config: Config) -> bool:
    try:
        with open_source(config) as source:
            for table in source.tables:
                source.check_schema(table)
    except SchemaError:
        return True
    except StatsigExportError:
        return False
    return True
