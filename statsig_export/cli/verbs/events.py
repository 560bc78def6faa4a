"""The verb events: how often each event occurs, and whether the filter lets it through."""

from collections.abc import Iterable
from datetime import datetime

import click
from rich.markup import escape
from rich.table import Table

from statsig_export.cli import output, progress, tables
from statsig_export.cli.options import Invocation
from statsig_export.cli.output import printable, utc
from statsig_export.cli.verb_options import as_json, config_of, optional_range
from statsig_export.export.volumes import EventVolume, EventVolumes, event_volumes


@click.command("events")
@optional_range(
    "Start, inclusive; by default, the last day of closed windows.", "End, exclusive. ISO 8601, UTC by default."
)
@click.option("--all", "all_", is_flag=True, help="List every custom event, not only the most frequent.")
@as_json
@click.pass_obj
def command(invocation: Invocation, start: datetime | None, end: datetime | None, *, all_: bool, json_: bool) -> None:
    """Count the events in the source, as the table of Statsig's Event Filtering dialog: Tracking, Event, Volume."""
    with progress.event_count("read") as advance:
        volumes = event_volumes(config_of(invocation), start, end, on_progress=advance)
    if json_:
        report = _volumes(volumes)
        output.print_json(report, [*map(_volume, (*volumes.exposures_and_changes, *volumes.custom_events))])
    else:
        _print(volumes, None if all_ else tables.MOST_ROWS)


def _print(volumes: EventVolumes, most: int | None) -> None:
    """The dialog's table, with the `most` frequent custom events; None for all."""
    table = Table(title=f"Volume from {utc(volumes.start)} to {utc(volumes.end)}", title_justify="left")
    for name in ("Tracking", "Event", "Volume", "Filtered by"):
        table.add_column(name, justify="right" if name == "Volume" else "left", overflow="fold")
    _add_volumes(table, volumes.exposures_and_changes)
    table.add_section()
    _add_volumes(table, volumes.custom_events[:most])
    tables.print_table(table)
    rest = () if most is None else volumes.custom_events[most:]
    if rest:
        click.echo(f"... and {len(rest):,} more names with {_sum(rest):,} events: --all lists them.")
    if volumes.unnamed:
        output.note(f"{volumes.unnamed:,} more events have other names: there are too many names to list.")
    if volumes.failed_rows:
        output.note(f"{volumes.failed_rows:,} rows have no usable name, time or metadata: `plan --failed` lists them.")


def _add_volumes(table: Table, lines: Iterable[EventVolume]) -> None:
    for line in lines:
        name, rule = (escape(printable(text)) for text in (line.event_name, line.rule or ""))
        table.add_row("on" if line.tracking else "off", name, f"{line.volume:,}", rule)


def _sum(lines: Iterable[EventVolume]) -> int:
    return sum(line.volume for line in lines)


def _volumes(volumes: EventVolumes) -> dict[str, object]:
    return {
        "from": volumes.start.isoformat(),
        "to": volumes.end.isoformat(),
        "exposures_and_changes": [_volume(line) for line in volumes.exposures_and_changes],
        "custom_events": [_volume(line) for line in volumes.custom_events],
        "unnamed": volumes.unnamed,
        "failed_rows": volumes.failed_rows,
    }


def _volume(line: EventVolume) -> dict[str, object]:
    return {
        "tracking": line.tracking,
        "event": line.event_name,
        "volume": line.volume,
        "category": line.category.value,
        "rule": line.rule,
    }
