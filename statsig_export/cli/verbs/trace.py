"""The verb trace: an event's source row, file, batches and attempts."""

from dataclasses import asdict
from datetime import datetime

import click

from statsig_export.cli import output, trace_output
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import TIME, as_json, config_of
from statsig_export.errors import ConfigError
from statsig_export.lineage.trace import trace
from statsig_export.lineage.trace_report import Trace

_FROM = click.option("--from", "start", type=TIME, help="Only windows that end after this. ISO 8601, UTC by default.")


_TO = click.option("--to", "end", type=TIME, help="Only windows that start before this.")


@click.command("trace")
@click.argument("time_uuid")
@_FROM
@_TO
@click.option("--event", "with_event", is_flag=True, help="Also print the event's JSON as it is sent.")
@as_json
@click.pass_context
def command(
    ctx: click.Context, time_uuid: str, start: datetime | None, end: datetime | None, *, with_event: bool, json_: bool
) -> None:
    """Find an event by its timeUUID: its source row, export run, file and batches, and every attempt to send it.

    Exit codes: 0 forwarded; 1 failed or still pending; 2 not in the ledger.
    """
    traced = trace(config_of(ctx.obj), time_uuid, start=start, end=end, with_event=with_event)
    if not traced.found:
        raise _not_known(traced)
    if json_:
        output.print_json(_object(traced), _attempts(traced))
    else:
        trace_output.print_trace(traced)
    ctx.exit(DONE if traced.all_forwarded else NOT_ALL_DONE)


def _not_known(traced: Trace) -> ConfigError:
    """One line: what was searched, what could not be searched, and where else to look."""
    searched = f"{traced.files_searched:,} files searched"
    if traced.pruned:
        newest = traced.pruned[0]
        more = f" and {len(traced.pruned) - 1:,} more" if len(traced.pruned) > 1 else ""
        searched += f", the files of {newest.partition} (pruned on {newest.pruned:%Y-%m-%d}){more} are gone"
    row = traced.derived_from
    derived = f"; it was derived from {row.table}, {row.key_column} = {row.key}" if row is not None else ""
    return ConfigError(
        f"{output.printable(traced.time_uuid)} is not known to this ledger ({searched}){derived}",
        hint="a row that the filter left out, or whose window was never exported, leaves no trace by its id:"
        " `statsig-export plan --from ... --to ...` counts what its window comes to, by rule and by reason",
    )


def _object(traced: Trace) -> dict[str, object]:
    """The dataclasses of lineage/trace_report.py, key by key; times in ISO 8601."""
    events = [
        {**asdict(event), "partition": event.partition, "counted_as": event.counted_as} for event in traced.events
    ]
    return {key: _plain(value) for key, value in {**asdict(traced), "events": events}.items()}


def _attempts(traced: Trace) -> list[dict[str, object]]:
    """A line per attempt: the partition, and what it was."""
    return [
        {"time_uuid": traced.time_uuid, "partition": event.partition, "counted_as": event.counted_as}
        | {key: _plain(value) for key, value in asdict(attempt).items()}
        for event in traced.events
        for attempt in event.attempts
    ]


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
