"""The trace of an event, for people: its ids, name and time; its JSON where it was asked for."""

from collections.abc import Sequence

import click

from statsig_export.cli import output
from statsig_export.cli.output import printable, utc
from statsig_export.ledger.history import PrunedFiles, TracedAttempt, TracedBatch, TracedExport, TracedShipRun
from statsig_export.lineage.trace_report import QuarantinedRow, SourceRow, Trace, TracedEvent
from statsig_export.windows import partition_key


def print_trace(traced: Trace) -> None:
    """From the source row to the last answer."""
    for event in traced.events:
        _print_event(event, traced.time_uuid)
    for row in traced.failed_rows:
        _print_quarantined(row, traced.time_uuid)
    _note_pruned(traced.pruned)


def _print_event(event: TracedEvent, time_uuid: str) -> None:
    _facts(
        ("Event", f"{printable(event.event_name)}, {utc(event.timestamp)}"),
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
    facts = [("Source", f"{row.table}, {where}")]
    if row.start is not None and row.end is not None:
        facts.append(("", f"{row.window_column} from {utc(row.start)} to {utc(row.end)}"))
    return facts


def _export(run: TracedExport, row: SourceRow | None) -> list[tuple[str, str]]:
    prints = f"configuration {run.config_fingerprint}, filter {run.filter_fingerprint}, version {run.library_version}"
    if run.privacy is not None:
        prints += f", privacy {run.privacy.fingerprint}"
        prints += f" with the key {run.privacy.key_check}" if run.privacy.key_check else ""
    statement = run.queries.get(row.table) if row else None
    return [
        ("Export run", run.run_id + _orchestrated(run.orchestrator_run_id)),
        ("", f"{utc(run.started)} to {utc(run.finished)}, {run.rows_read:,} rows read"),
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
    due = f", due {utc(batch.due)}" if batch.due else ""
    known = f"{batch.number}{kinship}: {batch.state.value}{due}, {rows}, {batch.body_bytes:,} bytes"
    return f"{known}, planned {utc(batch.planned)}, webhook-id {batch.batch_id}"


def _attempt(attempt: TracedAttempt) -> str:
    outcome = attempt.outcome or "under way"
    latency = "" if attempt.latency_ms is None else f", {attempt.latency_ms:,.0f} ms"
    status = "" if attempt.status is None else f"HTTP {attempt.status}"
    answer = printable(attempt.answer or status)
    made = f"batch {attempt.batch}, attempt {attempt.number}, {utc(attempt.started)}, ship run {attempt.ship_run}"
    made += f", then with webhook-id {attempt.sent_as}" if attempt.sent_as else ""
    return f"{made}, {outcome}{latency}" + (f": {answer}" if answer else "")


def _ship_run(run: TracedShipRun) -> str:
    ended = "no end on record" if run.finished is None else utc(run.finished)
    prints = f"configuration {run.config_fingerprint}, version {run.library_version}"
    return f"{run.run_id}{_orchestrated(run.orchestrator_run_id)}, {utc(run.started)} to {ended}, {prints}"


def _orchestrated(run_id: str | None) -> str:
    return f" (orchestrator's run {run_id})" if run_id else ""


def _note_pruned(pruned: Sequence[PrunedFiles]) -> None:
    if pruned:
        newest = f"{pruned[0].partition} on {pruned[0].pruned:%Y-%m-%d}"
        output.note(f"{len(pruned):,} partitions were pruned and could not be searched, the newest of them {newest}.")


def _facts(*facts: tuple[str, str]) -> None:
    for name, text in facts:
        click.echo(f"{name:<12}{printable(text, None)}")


def _list(title: str, lines: Sequence[str]) -> None:
    click.echo(f"{title}:" if lines else f"{title}: none")
    for line in lines:
        click.echo(f"  {printable(line, None)}")
