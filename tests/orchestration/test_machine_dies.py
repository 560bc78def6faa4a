"""A machine that dies with exports and a shipment under way: workers, daemon and code server are killed at once."""

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, START, Project
from dagster_processes import as_if_away_for, daemon, environment, kill_all, wait_for
from sqlalchemy import create_engine, text

from statsig_export.dagster.keys import DELIVERED, EVENTS, EXPORT_JOB, SHIP_JOB, WORKER_TAG
from statsig_export.dagster.runs import LIVE, partition_keys_of
from statsig_export.export.export import export_window
from statsig_export.export.gaps import missing_windows
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions, exported, status
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.windows import window_at

POOLS = ("fivetran_webhook", "fivetran_exports")
NOT_STARTED, STARTING = dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING
STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
PATIENCE_S = 900
"""A hundred windows are exported, and shown, beside whatever else the machine does."""


@pytest.fixture
def instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """No dagster.yaml at all: no run monitoring, no retries, the default queue."""
    home = project.folder / "plain_home"
    home.mkdir()
    with dg.DagsterInstance.from_config(str(home)) as plain:
        yield plain


@pytest.fixture
def hours(project: Project) -> Project:
    """Windows of an hour, many to a run; one of them is exported, and its shipment takes long."""
    project.fill(DAYS)
    project.configure("[windows]", '[windows]\nevery = "hour"')
    project.automate()
    export_window(project.config, window_at(START + timedelta(hours=12), project.config.windows))
    project.receiver.play([Rule(actions=(Action(delay=300.0),))])
    slow_down(project)
    return project


def slow_down(project: Project) -> None:
    """Make each read of the custom events take a while, so that exports are under way when the shipment is."""
    counting = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000000) SELECT count(*) FROM n"
    _on_source(
        project,
        "ALTER TABLE custom_events RENAME TO kept",
        f"CREATE VIEW custom_events AS SELECT * FROM kept WHERE ({counting}) > 0",  # noqa: S608
    )


def speed_up(project: Project) -> None:
    _on_source(project, "DROP VIEW custom_events", "ALTER TABLE kept RENAME TO custom_events")


def _on_source(project: Project, *statements: str) -> None:
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def last_tick(project: Project, minutes_ago: int, before: str) -> str:
    """Move the schedule's minute: its last tick was so long ago. Returns the new setting."""
    setting = f'settle = "{(datetime.now(UTC) - timedelta(minutes=minutes_ago)).minute}m"'
    project.configure(before, setting)
    return setting


def scheduled(instance: dg.DagsterInstance) -> bool:
    return any(state.name == "export_schedule" for state in instance.all_instigator_state())


def at_work(instance: dg.DagsterInstance) -> dict[str, str]:
    """Runs that have told their process -> their jobs. None while any other run is about to have one: such a run is
    ended after three minutes, and its windows wait for the tick after that.
    """
    begun = instance.get_runs(dg.RunsFilter(statuses=[NOT_STARTED, STARTING, STARTED]))
    return {run.run_id: run.job_name for run in begun} if all(WORKER_TAG in run.tags for run in begun) else {}


def half_way(project: Project, instance: dg.DagsterInstance) -> set[str]:
    """The runs under way: a request is open, and of an export's windows the ledger has some, and not all."""
    runs = at_work(instance) if project.receiver.connections else {}
    exports = {run for run, job in runs.items() if job == EXPORT_JOB}
    begun = exports & {line.run for line in exported(project.config)}
    return {*runs} if SHIP_JOB in runs.values() and begun and left_by(project, instance, begun) else set()


def stopped_half_way(machine: subprocess.Popen[bytes], project: Project, instance: dg.DagsterInstance) -> set[str]:
    """The same of a machine that stands still, and goes on if it is not half way any more."""
    if not half_way(project, instance):
        return set()
    os.killpg(machine.pid, signal.SIGSTOP)
    found = half_way(project, instance)
    if not found:
        os.killpg(machine.pid, signal.SIGCONT)
    return found


def left_by(project: Project, instance: dg.DagsterInstance, runs: set[str]) -> set[str]:
    """The windows that these runs carry and have not exported."""
    carrying = instance.get_runs(dg.RunsFilter(run_ids=list(runs)))
    carried = {key.partition("|")[2] for run in carrying for key in partition_keys_of(run, project.config)}
    return carried & {window.key for window in missing_windows(project.config, datetime.now(UTC))}


def places_taken(instance: dg.DagsterInstance) -> set[str]:
    pools = [instance.event_log_storage.get_concurrency_info(pool) for pool in POOLS]
    return {run for pool in pools for run in (*pool.active_run_ids, *pool.pending_run_ids)}


def recovered(project: Project, instance: dg.DagsterInstance, at: datetime) -> bool:
    """Everything that was closed is exported, shipped and shown, and no run is under way or holds a place."""
    if instance.get_runs_count(dg.RunsFilter(statuses=LIVE)) or missing_windows(project.config, at):
        return False
    held = {line.partition for line in exported(project.config)}
    shown = all(held <= set(instance.get_materialized_partitions(asset)) for asset in (EVENTS, DELIVERED))
    return shown and not due_partitions(project.config) and not places_taken(instance)


@pytest.mark.fault("F306", "F327", "F331")
@pytest.mark.skipif("STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it")
def test_a_machine_that_dies_while_it_exports_and_ships_leaves_nothing_stuck_lost_or_unseen(
    hours: Project, instance: dg.DagsterInstance
):
    environ, log = environment(hours.folder / "plain_home", hours.config_path), hours.folder / "daemon.log"
    setting = last_tick(hours, 30, 'settle = "1s"')
    with daemon(environ, log) as installed:
        wait_for(lambda: scheduled(instance), installed, log)
    as_if_away_for(instance, 1)
    with daemon(environ, log) as machine:
        killed = wait_for(lambda: stopped_half_way(machine, hours, instance), machine, log)
        kill_all(machine)
    at = datetime.now(UTC)
    left = left_by(hours, instance, killed)
    assert left
    assert places_taken(instance) & killed

    hours.receiver.play([])
    speed_up(hours)
    last_tick(hours, 15, setting)  # the one that the machine, when it is back, has missed
    as_if_away_for(instance, 1)
    with daemon(environ, log) as again:
        wait_for(lambda: recovered(hours, instance, at), again, log, PATIENCE_S)

    ended = instance.get_runs(dg.RunsFilter(run_ids=list(killed)))
    assert {run.status for run in ended} == {FAILED}
    received = {event["timeUUID"] for event in hours.receiver.events()}
    accounts = [line.account for line in status(hours.config)]
    assert len(received) == 5 * len(DAYS) == sum(account.forwarded for account in accounts)
    assert sum(account.events for account in accounts) == 6 * len(DAYS)
    assert all(a.events == a.forwarded + a.filtered + a.failed + a.pending for a in accounts)
    assert not any(account.pending for account in accounts)
    assert verify(hours.config).differences == ()
