"""Exporting one window or several: what the command line, Dagster and notebooks call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

from statsig_export.config import Config
from statsig_export.errors import LedgerError, PartitionFileError, SchemaError, SourceError, StatsigExportError
from statsig_export.export.exporter import Exporter
from statsig_export.export.reports import ExportReport
from statsig_export.export.several import outcomes
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
    context = RunContext(orchestrator_run_id, on_progress or no_progress)
    with closing(outcomes(config, windows, context, announced=list(windows))) as exports:
        for _, export in exports:
            if isinstance(export, ExportReport):
                yield export
            elif isinstance(export, PartitionFileError):
                unread.append(export)
            elif not unread:
                raise export
            else:
                words = f"{export.message}; before that, {joined(unread).message}"
                raise type(export)(words, hint=export.hint) from export
    if unread:
        raise joined(unread)


def each_window(
    config: Config,
    windows: Mapping[Window, Sequence[Category] | None],
    *,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    processes: int = 1,
) -> Iterator[tuple[Window, ExportReport | StatsigExportError]]:
    """The same, but a window that fails never ends it: its error stands in for its report, and the others go on.

    It ends early, without the windows that are left, after MOST_FAILURES in a row of which the last may heal. At most
    so many `processes` export at once: windows side by side, or the shards of one.
    """
    in_a_row = 0
    context = RunContext(orchestrator_run_id, on_progress or no_progress)
    with closing(outcomes(config, windows, context, processes=processes)) as exports:
        for window, export in exports:
            yield window, export
            in_a_row = in_a_row + 1 if isinstance(export, StatsigExportError) else 0
            if in_a_row >= MOST_FAILURES and isinstance(export, StatsigExportError) and may_heal(config, export):
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
