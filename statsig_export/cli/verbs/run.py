"""The verb run: export some windows and ship them; one that fails does not stop the others."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import click

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.cli import failures, output, progress, tables
from statsig_export.cli.exit_codes import NOT_ALL_DONE
from statsig_export.cli.privacy_notes import note_forgotten_elsewhere
from statsig_export.cli.ranges import Range
from statsig_export.cli.shipments import (
    partition_rows,
    print_shipped,
    ship_or_refusal,
    shipped_object,
)
from statsig_export.cli.traced_verb import traced_verb
from statsig_export.cli.verb_options import as_json, categories, categories_of, config_of, window_range, windows_in
from statsig_export.cli.verdict import verdict
from statsig_export.config import Config
from statsig_export.errors import LedgerError, PartitionFileError, SourceError, StatsigExportError
from statsig_export.export.export import MOST_FAILURES
from statsig_export.export.outside import count_outside
from statsig_export.export.processes import processes_of
from statsig_export.export.reports import ExportReport
from statsig_export.export.row_count import count_rows
from statsig_export.export.rows_outside import RowsOutside
from statsig_export.export.several import outcomes
from statsig_export.runs import RunContext
from statsig_export.shipping.reports import ShipReport
from statsig_export.storage.file_faults import joined
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


@dataclass(slots=True)
class _Exports:
    """The results of the windows that were asked for."""

    reports: list[ExportReport] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """The windows that were not exported."""
    errors: list[StatsigExportError] = field(default_factory=list)
    untried: int = 0
    """Windows that were skipped after MOST_FAILURES."""

    @property
    def partly(self) -> bool:
        """Whether a partition file of a window is lost: its other categories may have new events all the same."""
        return any(isinstance(error, PartitionFileError) for error in self.errors)


@click.command("run")
@window_range
@categories
@as_json
@click.pass_context
@traced_verb
def command(ctx: click.Context, asked: Range, names: tuple[str, ...], *, json_: bool) -> None:
    """Export these windows and ship them, without Dagster. Safe to repeat: only new events are sent.

    If a window cannot be exported, the others are still exported and shipped. Exit code 1 if anything is pending or
    missing, too much failed, or not one row of the source is in a window.
    """
    config: Config = config_of(ctx.obj)
    windows, chosen = windows_in(config, asked), categories_of(names)
    note_forgotten_elsewhere(config)
    with progress.event_count("export", lambda: count_rows(config, windows, chosen)) as advance:
        exports = _export(config, windows, chosen, advance)
    if not exports.reports and not exports.partly:  # nothing was exported: there are only errors to report
        _say_missing(exports, windows)
        ctx.exit(failures.report_all(exports.errors, debug=ctx.obj.debug))
    outside = _outside(config, chosen, exports)
    keys = [partition_key(name, window.key) for window in windows for name in chosen]
    try:
        shipped, refusal = ship_or_refusal(config, keys)
    except StatsigExportError as error:
        shipped, refusal = None, error
    if shipped is not None:
        _print(shipped, windows, exports, outside, json_=json_)
    _say_missing(exports, windows)
    errors = _files_in_one([*exports.errors, *([refusal] if refusal else [])])
    verdicts = (NOT_ALL_DONE if outside.misplaced else 0, _verdict(config, shipped, exports))
    code = max(*verdicts, failures.report_all(errors, debug=ctx.obj.debug))
    ctx.exit(code)


def _files_in_one(errors: Sequence[StatsigExportError]) -> list[StatsigExportError]:
    """The errors, those about partition files as one: the export and the shipment may have met the same file."""
    files = [error for error in errors if isinstance(error, PartitionFileError)]
    others = [error for error in errors if not isinstance(error, PartitionFileError)]
    return [*others, *([joined(files)] if files else [])]


def _verdict(config: Config, shipped: ShipReport | None, exports: _Exports) -> int:
    if shipped is None:
        return NOT_ALL_DONE
    unsent = sum(status.unsent for status in shipped.statuses.values())
    return verdict(config.checks, shipped.account, unsent=unsent, missing=len(exports.missing))


def _print(
    shipped: ShipReport, windows: Sequence[Window], exports: _Exports, outside: RowsOutside, *, json_: bool
) -> None:
    if json_:
        runs = {"windows": [window.key for window in windows], "export_runs": [each.run_id for each in exports.reports]}
        report = {**shipped_object(shipped), **runs, "missing": exports.missing, **outside.to_dict()}
        output.print_json(report, partition_rows(shipped))
    else:
        print_shipped("The account of these windows", shipped)
    tables.note_outside(outside)


def _export(
    config: Config, windows: Sequence[Window], categories: Sequence[Category], on_progress: Callable[[int], None]
) -> _Exports:
    """Export the windows. Raises ConfigError; any other error belongs to its window."""
    prefer_jemalloc(os.environ)
    exports, left, in_a_row = _Exports(), [window.key for window in windows], 0
    asked_for, context = dict.fromkeys(windows, categories), RunContext(on_progress=on_progress)
    found = outcomes(config, asked_for, context, processes=processes_of(config), announced=windows)
    with closing(found):
        for window, export in found:
            left.remove(window.key)
            if isinstance(export, ExportReport):
                exports.reports.append(export)
                in_a_row = 0
                continue
            if not isinstance(export, SourceError | LedgerError):
                raise export
            exports.errors.append(export)
            exports.missing.append(window.key)
            in_a_row = 0 if isinstance(export, PartitionFileError) else in_a_row + 1
            if in_a_row == MOST_FAILURES:
                break
    exports.missing += left
    exports.untried = len(left)
    return exports


def _outside(config: Config, categories: Sequence[Category], exports: _Exports) -> RowsOutside:
    """The rows that are in no window. A source that has just failed is not asked."""
    if not exports.errors:
        try:
            return count_outside(config, categories)
        except SourceError as error:
            exports.errors.append(error)
    return RowsOutside(config.windows.start, {})


def _say_missing(exports: _Exports, windows: Sequence[Window]) -> None:
    if exports.missing and (exports.reports or exports.untried):  # else the errors say it all
        some = f"{len(exports.missing):,} of {len(windows):,} windows"
        output.note(f"{some} could not be exported, such as {exports.missing[0]}: run them again.")
