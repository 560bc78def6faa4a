"""What the verbs trace and events print for people. Of an event ids, name and time; its JSON where it was asked for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from statsig_export.cli import output
from statsig_export.cli.output import printable
from statsig_export.ledger.history import PrunedFiles, TracedAttempt, TracedBatch, TracedExport, TracedShipRun
from statsig_export.lineage.trace_report import QuarantinedRow, SourceRow, Trace, TracedEvent
from statsig_export.windows import partition_key

if TYPE_CHECKING:  # it imports pandas
    from statsig_export.export.volumes import EventVolume, EventVolumes


def print_trace(found: Trace) -> None:
    """Everything, from the source row to the last answer."""
    for event in found.events:
        _print_event(event, found.time_uuid)
    for row in found.failed_rows:
        _print_quarantined(row, found.time_uuid)
    _say_pruned(found.pruned)


def print_volumes(volumes: "EventVolumes", most: int | None) -> None:
    """The dialog's table; of the custom events the `most` frequent ones, None for all."""
    table = Table(title=f"Volume from {_time(volumes.start)} to {_time(volumes.end)}", title_justify="left")
    for name in ("Tracking", "Event", "Volume", "Filtered by"):
        table.add_column(name, justify="right" if name == "Volume" else "left", overflow="fold")
    _add_volumes(table, volumes.exposures_and_changes)
    table.add_section()
    _add_volumes(table, volumes.custom_events[:most])
    output.print_table(table)
    rest = () if most is None else volumes.custom_events[most:]
    if rest:
        click.echo(f"... and {len(rest):,} more names with {_sum(rest):,} events: --all lists them.")
    if volumes.unnamed:
        output.say(f"{volumes.unnamed:,} more events have names beyond those that are told apart here.")
    if volumes.failed_rows:
        output.say(f"{volumes.failed_rows:,} rows have no usable name, time or metadata: `plan --failed` lists them.")


def _add_volumes(table: Table, lines: "Iterable[EventVolume]") -> None:
    for line in lines:
        name, rule = (escape(printable(text)) for text in (line.event_name, line.rule or ""))
        table.add_row("on" if line.tracking else "off", name, f"{line.volume:,}", rule)


def _sum(lines: "Iterable[EventVolume]") -> int:
    return sum(line.volume for line in lines)


def _print_event(event: TracedEvent, time_uuid: str) -> None:
    _facts(
        ("Event", f"{printable(event.event_name)}, {_time(event.timestamp)}"),
        ("Counted as", event.counted_as or "nothing: no batch holds it"),
        ("Partition", event.partition),
        *_source(event.source, time_uuid),
        *_export(event.export, event.source),
        *_file(event),
    )
    _list("Batches", [_batch(batch) for batch in event.batches])
    _list("Attempts", [_attempt(attempt) for attempt in event.attempts])
    _list("Ship runs", [_ship_run(run) for run in event.ship_runs])
    if event.event is not None:
        click.echo(printable(event.event, None))


def _print_quarantined(row: QuarantinedRow, time_uuid: str) -> None:
    _facts(
        ("Counted as", "failed: the row could not become an event, and nothing of it was sent"),
        ("Partition", partition_key(row.category, row.window)),
        ("Reason", row.reason),
        ("Detail", printable(row.detail or "")),
        ("Row key", printable(row.row_key or "")),
        *_source(row.source, time_uuid),
        ("Quarantine", row.quarantine),
    )


def _source(row: SourceRow | None, time_uuid: str) -> list[tuple[str, str]]:
    """Table and key; where the id does not hold the key, the columns and the window to look in."""
    if row is None:
        return [("Source", "a table that the configuration no longer has")]
    if row.key is not None:
        where = f"{row.key_column} = {row.key}"
    elif row.id_column is not None:
        where = f"{row.id_column} = '{printable(time_uuid)}'; where that is empty the id was derived from "
        where += "the whole row" if row.key_column is None else row.key_column
    else:
        where = f"the id was derived from {row.key_column or 'the whole row, which has no key'}: look in the window"
    found = [("Source", f"{row.table}, {where}")]
    if row.start is not None and row.end is not None:
        found.append(("", f"{row.window_column} from {_time(row.start)} to {_time(row.end)}"))
    return found


def _export(run: TracedExport, row: SourceRow | None) -> list[tuple[str, str]]:
    prints = f"configuration {run.config_fingerprint}, filter {run.filter_fingerprint}, version {run.library_version}"
    statement = run.queries.get(row.table) if row else None
    return [
        ("Export run", run.run_id + _orchestrated(run.orchestrator_run_id)),
        ("", f"{_time(run.started)} to {_time(run.finished)}, {run.rows_read:,} rows read"),
        ("", prints),
        *([("Statement", " ".join(statement.split()))] if statement else []),
    ]


def _file(event: TracedEvent) -> list[tuple[str, str]]:
    file = event.file
    return [
        ("File", file.uri),
        ("", f"row {event.row:,} of {file.rows:,} (from 0), {file.bytes:,} bytes, generation {event.generation}"),
        ("Digest", f"sha256 {file.digest}"),
    ]


def _batch(batch: TracedBatch) -> str:
    kinship = ""
    if batch.parent is not None:
        kinship = f", split from {batch.parent}"
    elif batch.replay_of is not None:
        kinship = f", replay of {batch.replay_of}"
    rows = f"rows {batch.first_row:,} to {batch.first_row + batch.rows - 1:,}"
    due = f", due {_time(batch.due)}" if batch.due else ""
    known = f"{batch.number}{kinship}: {batch.state.value}{due}, {rows}, {batch.body_bytes:,} bytes"
    return f"{known}, planned {_time(batch.planned)}, webhook-id {batch.batch_id}"


def _attempt(attempt: TracedAttempt) -> str:
    outcome = attempt.outcome or "under way"
    latency = "" if attempt.latency_ms is None else f", {attempt.latency_ms:,.0f} ms"
    status = "" if attempt.status is None else f"HTTP {attempt.status}"
    answer = printable(attempt.answer or status)
    made = f"batch {attempt.batch}, attempt {attempt.number}, {_time(attempt.started)}, ship run {attempt.ship_run}"
    return f"{made}, {outcome}{latency}" + (f": {answer}" if answer else "")


def _ship_run(run: TracedShipRun) -> str:
    ended = "no end on record" if run.finished is None else _time(run.finished)
    prints = f"configuration {run.config_fingerprint}, version {run.library_version}"
    return f"{run.run_id}{_orchestrated(run.orchestrator_run_id)}, {_time(run.started)} to {ended}, {prints}"


def _orchestrated(run_id: str | None) -> str:
    return f" (orchestrator's run {run_id})" if run_id else ""


def _say_pruned(pruned: Sequence[PrunedFiles]) -> None:
    if pruned:
        newest = f"{pruned[0].partition} on {pruned[0].pruned:%Y-%m-%d}"
        output.say(f"{len(pruned):,} partitions were pruned and could not be searched, the newest of them {newest}.")


def _facts(*facts: tuple[str, str]) -> None:
    for name, text in facts:
        click.echo(f"{name:<12}{text}")


def _list(title: str, lines: Sequence[str]) -> None:
    click.echo(f"{title}:" if lines else f"{title}: none")
    for line in lines:
        click.echo(f"  {line}")


def _time(moment: datetime) -> str:
    """To the millisecond, as the ledger has it; without what is zero."""
    form = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(" ", form) + " UTC"
