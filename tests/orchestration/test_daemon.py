"""The real daemon, killed -9 in the middle of shipping and started again, and what the webhook received of it all."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, Project
from dagster_processes import ROOT, as_if_away_for, daemon, environment, kill_all, wait_for
from sqlalchemy import select

from statsig_export.dagster.pools import SHIP_RUNS_AT_ONCE
from statsig_export.export.export import export_window
from statsig_export.ledger.tables import ship_runs
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions, status
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

pytestmark = [pytest.mark.acceptance, pytest.mark.home_on_disk]

POOL = "fivetran_webhook"
EVENTS, DELIVERED = dg.AssetKey(["statsig", "events"]), dg.AssetKey(["fivetran", "statsig_events"])


@pytest.fixture
def instance(project: Project) -> Iterator[dg.DagsterInstance]:
    """Set up as deploy/dagster-sqlite.yaml has it, with one place in the pool instead of two."""
    home = project.folder / "daemon_home"
    home.mkdir()
    shutil.copy(ROOT / "deploy" / "dagster-sqlite.yaml", home / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.event_log_storage.set_concurrency_slots(POOL, 1)
        yield instance


def ended_well(instance: dg.DagsterInstance, job: str) -> int:
    """How many runs of a job have."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]))


def at_once(project: Project) -> int:
    """The most ship runs that were ever under way together, as the ledger tells."""
    with ledger_of(project.config) as ledger, ledger.database.read() as connection:
        spans = connection.execute(select(ship_runs.c.started_ms, ship_runs.c.finished_ms)).all()
    return max(sum(start <= moment <= (end or moment) for start, end in spans) for moment, _ in spans)


@pytest.fixture
def days(project: Project) -> list[str]:
    """Two days, exported one by one from the command line, so that each is a ship run; the webhook takes its time."""
    exported = DAYS[:2]
    project.fill(exported)
    project.keep_schedule_quiet()
    project.automate()
    for day in exported:
        export_window(project.config, window_from_key(day, project.config.windows))
    project.receiver.play([Rule(actions=(Action(delay=1.0),))])
    return exported


def partitions_of(days: list[str]) -> set[str]:
    return {f"{category}|{day}" for category in ("gate_exposure", "custom_event") for day in days}


@pytest.mark.fault("F66")
def test_a_daemon_that_is_killed_loses_and_doubles_nothing_and_catches_up_on_what_it_missed(
    project: Project, instance: dg.DagsterInstance, days: list[str]
):
    environ, log = environment(Path(instance.root_directory), project.config_path), project.folder / "daemon.log"

    with daemon(environ, log) as first:
        wait_for(lambda: project.receiver.wait_for(2, 0.1), first, log)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert ended_well(instance, "ship_batches") < len(days)
        as_if_away_for(instance, 30)
        with daemon(environ, log) as second:
            wait_for(lambda: ended_well(instance, "ship_batches") == len(days), second, log)
            wait_for(lambda: ended_well(instance, "export_events") == 1, second, log)

    received = Counter(event["timeUUID"] for event in project.receiver.events())
    assert len(received) == 5 * len(days)
    assert set(received.values()) == {1}
    assert verify(project.config).differences == ()
    assert sum(line.account.forwarded for line in status(project.config)) == len(received)
    assert at_once(project) == 1 < SHIP_RUNS_AT_ONCE
    assert instance.get_materialized_partitions(DELIVERED) >= partitions_of(days)
    caught_up = {f"{category}|{day}" for category in Category for day in DAYS[2:]}  # the ledger has the others
    assert caught_up <= set(instance.get_materialized_partitions(EVENTS))


@pytest.mark.skipif("STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it")
def test_a_machine_that_dies_with_all_its_runs_is_recovered_from_when_their_time_is_over(
    project: Project, instance: dg.DagsterInstance, days: list[str]
):
    environ, log = environment(Path(instance.root_directory), project.config_path), project.folder / "daemon.log"

    with daemon(environ, log) as first:
        wait_for(lambda: project.receiver.connections, first, log)
        kill_all(first)
    (dead,) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    instance.add_run_tags(dead.run_id, {"dagster/max_runtime": "1"})  # as if its hour were over
    with daemon(environ, log) as second:
        wait_for(lambda: not due_partitions(project.config), second, log)
        wait_for(lambda: ended_well(instance, "ship_batches") == len(days), second, log)

    again = [request for request in project.receiver.requests if request.attempt == 2]
    received = Counter(event["timeUUID"] for event in project.receiver.events())
    assert len(received) == 5 * len(days)
    unknown = {event["timeUUID"] for request in again for event in request.events}  # nobody knew whether it had arrived
    assert unknown
    assert all(times == 1 or (times == 2 and key in unknown) for key, times in received.items())
    assert verify(project.config).differences == ()
    assert instance.get_materialized_partitions(DELIVERED) == partitions_of(days)
