"""`ledger_sensor`: shows in Dagster what the ledger knows, whoever exported and shipped it, and whatever became of the
run. A tick without news looks at four counts of the ledger; one with news does a bounded part of the work.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.claims import claim_keys
from statsig_export.dagster.keys import NO_PREFIX, SYNC_JOB, Names, names_of
from statsig_export.dagster.reconciling.cursor import OVERLAP_MS, Cursor, Place
from statsig_export.dagster.reconciling.differences import Difference, asset_totals, difference
from statsig_export.dagster.reconciling.picture import Picture
from statsig_export.dagster.resources import ExportResource
from statsig_export.shipping.changes import LedgerChanges, ledger_changes

BUDGET = timedelta(seconds=10)
"""Dagster ends a tick after 60 s, a proxy before the code server maybe after 15. On SQLite a materialization is two
writes to the disk.
"""
AT_ONCE = 100
"""Partitions that are compared together."""
MOST_A_TICK = 2_000
"""Partitions."""
EVERYTHING_SHOWN = "Dagster shows all that the ledger holds"
ANOTHER_SHOWS = "another tick, or a run of {job}, is showing what the ledger holds"
_LOCK_PATIENCE = timedelta(minutes=2)

Report = Callable[[dg.AssetMaterialization], None]


def ledger_sensor_of(status: dg.DefaultSensorStatus, names: Names = NO_PREFIX) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=names("ledger_sensor"),
        evaluation_fn=names.with_resource(_tick),
        asset_selection=[names.events, names.delivered],  # their pages lead to it; it requests no run
        minimum_interval_seconds=30,
        default_status=status,
        description="Shows what the ledger holds and Dagster does not: of the command line, and of runs that were "
        "killed. Sends nothing and starts no run.",
    )


def _tick(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SensorResult:
    config = statsig_export.config()
    claim_keys(context, config, statsig_export.config_path)
    with ledger_changes(config) as ledger:
        if ledger is None:
            return dg.SensorResult(skip_reason="there is no ledger yet: nothing was exported", cursor=context.cursor)
        cursor = Cursor.read(context.cursor, _whose(config, ledger))
        picture = Picture(context.instance, datetime.now(UTC).timestamp())
        begun = _begun(cursor, ledger, picture)
        if begun is None:
            return dg.SensorResult(skip_reason=_idle(cursor), cursor=cursor.written())
        with ledger.alone() as alone:
            if not alone:
                said = ANOTHER_SHOWS.format(job=names_of(config)(SYNC_JOB))
                return dg.SensorResult(skip_reason=said, cursor=context.cursor)
            done = _walked(config, ledger, picture, begun)
    return dg.SensorResult(skip_reason=_said(done), cursor=done.cursor.written())


def show_everything(config: Config, picture: Picture, report: Report) -> tuple[int, int]:
    """Report all that Dagster does not show, without a cursor. Returns how many partitions were compared, and how many
    materializations reported. Raises LedgerError; TimeoutError where somebody else shows it all the while.
    """
    compared = reported = after = 0
    with ledger_changes(config) as ledger:
        if ledger is None:
            return 0, 0
        stops = time.monotonic() + _LOCK_PATIENCE.total_seconds()
        while time.monotonic() < stops:
            with ledger.alone() as alone:
                if not alone:
                    time.sleep(0.5)
                    continue
                while ids := ledger.ids_since(0, (), after, AT_ONCE):
                    found = difference(config, ledger, picture, ids)
                    reported += len(_reported(config, found, report, lambda: False))
                    compared, after = compared + len(ids), ids[-1]
                return compared, reported
    raise TimeoutError(ANOTHER_SHOWS.format(job=names_of(config)(SYNC_JOB)))


def _whose(config: Config, ledger: LedgerChanges) -> str:
    windows = config.windows
    return f"{ledger.ledger_id} {config.webhook.name} {windows.every} {windows.start.isoformat()}"


def _begun(cursor: Cursor, ledger: LedgerChanges, picture: Picture) -> Cursor | None:
    """The cursor on its way: the pass that is not through, or a new one; None where nothing is new."""
    if cursor.walk is not None:
        return cursor
    mark, place = ledger.mark(), cursor.place
    picture.look_up(cursor.waits_for)
    ended = [run for run in cursor.waits_for if not picture.is_under_way(run)]
    if mark == place.mark and not ended:
        return None
    # A run may have been recorded late, by a machine whose clock is wrong, or be gone: then everything is compared.
    since_ms = place.until_ms if ledger.runs_until(place.until_ms) == place.runs else 0
    until_ms = max(0, min(ledger.last_finished_ms(), round(picture.now * 1000)) - OVERLAP_MS)
    return cursor.begun(since_ms, ended, Place(mark, until_ms, ledger.runs_until(until_ms)))


@dataclass(frozen=True, slots=True)
class _Walked:
    cursor: Cursor
    reported: int


def _walked(config: Config, ledger: LedgerChanges, picture: Picture, cursor: Cursor) -> _Walked:
    """Go on with the pass until it is through, or the tick has done enough."""
    stops, reported, compared = time.monotonic() + BUDGET.total_seconds(), 0, 0
    while cursor.walk is not None:
        walk = cursor.walk
        ids = ledger.ids_since(walk.since_ms, walk.runs, walk.after, AT_ONCE)
        if not ids:
            return _Walked(cursor.done(), reported)
        found = difference(config, ledger, picture, ids)
        done = _reported(config, found, picture.instance.report_runless_asset_event, lambda: time.monotonic() > stops)
        reported, compared = reported + len(done), compared + len(ids)
        is_cut = len(done) < len(found.missing)
        cursor = cursor.gone_on(found.missing[len(done)][0] - 1 if is_cut else ids[-1], found.waits_for)
        if is_cut or compared >= MOST_A_TICK or time.monotonic() > stops:
            break
    return _Walked(cursor, reported)


def _reported(
    config: Config, found: Difference, report: Report, stopping: Callable[[], bool]
) -> list[dg.AssetMaterialization]:
    """Report until the time is over, one at least, with the asset's own numbers in the last one of each asset."""
    last = {event.asset_key: event for _, event in found.missing}
    done = list[dg.AssetMaterialization]()
    for _, event in found.missing:
        if done and stopping():
            break
        report(asset_totals(config, event) if event is last[event.asset_key] else event)
        done.append(event)
    return done


def _said(done: _Walked) -> str:
    if done.cursor.walk is not None:
        return f"materializations reported: {done.reported}; the next tick goes on"
    return f"materializations reported: {done.reported}" if done.reported else _idle(done.cursor)


def _idle(cursor: Cursor) -> str:
    waits = len(cursor.waits_for)
    return f"{EVERYTHING_SHOWN}, but for runs that will report for themselves: {waits}" if waits else EVERYTHING_SHOWN


ledger_sensor = ledger_sensor_of(dg.DefaultSensorStatus.STOPPED)
