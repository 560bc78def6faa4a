"""The verb events: each event's volume, and whether the filter lets it through."""

from datetime import datetime

import click

from statsig_export.cli import output, trace_output
from statsig_export.cli.options import TIME, Invocation, as_json
from statsig_export.export.volumes import EventVolume, EventVolumes


@click.command
@click.option("--from", "start", type=TIME, help="Start, inclusive; by default the last day of closed windows.")
@click.option("--to", "end", type=TIME, help="End, exclusive. ISO 8601, UTC by default.")
@click.option("--all", "all_", is_flag=True, help="Every custom event, not only the most frequent ones.")
@as_json
@click.pass_obj
def events(invocation: Invocation, start: datetime | None, end: datetime | None, *, all_: bool, json_: bool) -> None:
    """The table of Statsig's Event Filtering dialog: Tracking, Event, Volume, as the source holds them."""
    from statsig_export.export.volumes import event_volumes

    with output.progress("read") as advance:
        volumes = event_volumes(invocation.config(), start, end, on_progress=advance)
    if json_:
        output.print_json(_volumes(volumes))
    else:
        trace_output.print_volumes(volumes, None if all_ else output.MOST_ROWS)


def _volumes(volumes: "EventVolumes") -> dict[str, object]:
    return {
        "from": volumes.start.isoformat(),
        "to": volumes.end.isoformat(),
        "exposures_and_changes": [_volume(line) for line in volumes.exposures_and_changes],
        "custom_events": [_volume(line) for line in volumes.custom_events],
        "unnamed": volumes.unnamed,
        "failed_rows": volumes.failed_rows,
    }


def _volume(line: "EventVolume") -> dict[str, object]:
    return {
        "tracking": line.tracking,
        "event": line.event_name,
        "volume": line.volume,
        "category": line.category.value,
        "rule": line.rule,
    }
