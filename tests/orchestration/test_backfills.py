"""Backfills over a month of hours. What the UI's own backfill does, over a few days, is in test_dagster_dev.py."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster_folder import SECRET, START, TODAY, Project, event
from dagster_processes import backfill, dagster_dev, ended, environment, wait_for
from sqlalchemy import create_engine, insert

from statsig_export.dagster.delivery.grouping import MAX_PARTITIONS, MAX_RUNS
from statsig_export.dagster.keys import RANGE_START
from statsig_export.demo.dagster_stage import INSTANCE_SETTINGS
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, create_tables
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import due_partitions
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver
from torture.home import scratch_folder

HOURS = 720
FIRST = TODAY - timedelta(hours=HOURS)
WINDOWS = [f"{FIRST + timedelta(hours=hour):%Y-%m-%d-%H:%M}" for hour in range(HOURS)]
EVENTS = dg.AssetKey(["statsig", "events"])
EVERY_THIRD = range(0, HOURS, 3)
"""The hours in which something happened."""
LONG_S = 1_800


def hourly(project: Project, most: int) -> None:
    """Windows of an hour over a month; runs of at most so many."""
    start = f'start = "{START:%Y-%m-%dT%H:%M:%SZ}"'
    project.configure(start, f'every = "hour"\nstart = "{FIRST:%Y-%m-%dT%H:%M:%SZ}"')
    project.configure("[webhook]", f"[dagster]\nautomation = true\nmax_windows_a_run = {most}\n[webhook]")
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    create_tables(engine, "native")
    halves = [FIRST.replace(tzinfo=None) + timedelta(hours=hour, minutes=30) for hour in EVERY_THIRD]
    with engine.begin() as connection:
        connection.execute(insert(CUSTOM_EVENTS), [event("purchase", moment) for moment in halves])
    engine.dispose()


@pytest.fixture
def month(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """All of it in memory: 720 partitions write much to a disk."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "100")
    authentication = Authentication("hmac", secret=SECRET)
    with (
        scratch_folder() as folder,
        Receiver(auth=authentication, strict_delivery=True) as receiver,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        made = Project(folder, receiver, instance)
        made.config_path.write_text(project.config_path.read_text())
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        hourly(made, HOURS)
        yield made


def progress(project: Project, run_id: str) -> list[tuple[int, int]]:
    """The lines of the run's log that say "7 of 720: ..."."""
    said = [re.match(r"(\d+) of (\d+): ", entry.user_message) for entry in project.instance.all_logs(run_id)]
    return [(int(line[1]), int(line[2])) for line in said if line]


def test_days_of_hours_are_one_run_and_their_many_due_partitions_are_few_ship_runs(month: Project):
    """The last days of the month: what is due is more than three times what a ship run takes."""
    hours, busy = 300, 100
    exported = month.export(f"custom_event|{WINDOWS[-hours]}", f"custom_event|{WINDOWS[-1]}")

    assert exported.success
    assert len(month.materialized(*EVENTS.path)) == hours
    assert progress(month, exported.run_id) == [(number, hours) for number in range(1, hours + 1)]
    requests, _ = month.tick()
    lengths = [len(request.run_config["ops"]["ship"]["config"]["partitions"]) for request in requests]
    assert sum(lengths) == busy
    assert len(lengths) <= MAX_RUNS
    assert max(lengths) <= MAX_PARTITIONS
    assert all(month.carry_out(request).success for request in requests)
    assert len(month.receiver.events()) == len(month.shipped()) == busy

    again = month.export(f"custom_event|{WINDOWS[-hours]}", f"custom_event|{WINDOWS[30 - hours]}")

    assert again.success
    assert due_partitions(month.config) == []
    assert len(month.receiver.requests) == busy


@pytest.mark.parametrize(("most", "runs"), [(31, 2 * 24), (HOURS, 2)])
def test_a_backfill_of_two_categories_is_as_many_runs_as_the_configuration_has_it(
    project: Project, most: int, runs: int
):
    hourly(project, most)
    graph = project.definitions().resolve_asset_graph()
    keys = [f"{category}|{window}" for category in ("custom_event", "gate_exposure") for window in WINDOWS]

    requests = build_run_requests_with_backfill_policies(
        [AssetKeyPartitionKey(EVENTS, key) for key in keys], graph, project.instance
    )

    assert len(requests) == runs
    assert {request.tags[RANGE_START].split("|")[0] for request in requests} == {"custom_event", "gate_exposure"}


@pytest.mark.skipif("STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it")
@pytest.mark.parametrize(("most", "runs"), [(HOURS, 1), (31, 24)])
def test_a_month_of_hours_is_backfilled_from_the_ui_and_a_second_time_sends_nothing(
    project: Project, most: int, runs: int
):
    hourly(project, most)
    home, log = project.folder / "dev_home", project.folder / "dev.log"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE_SETTINGS)

    with dagster_dev(environment(home, project.config_path), log) as (dev, running):

        def backfilled() -> tuple[int, float]:
            """The number of its runs, and the seconds from the launch to the end of the last."""
            began, of = time.monotonic(), backfill(dev, "custom_event", WINDOWS)
            tags = [{"key": "dagster/backfill", "value": of}]
            wait_for(lambda: len(ended(dev, tags=tags)) == runs, running, log, LONG_S)
            return runs, time.monotonic() - began

        wait_for(dev.ready, running, log)
        once = backfilled()
        wait_for(lambda: len(project.receiver.events()) == len(EVERY_THIRD), running, log)
        ships = wait_for(lambda: ended(dev, pipelineName="ship_batches"), running, log)
        twice = backfilled()

    print(f"{HOURS} windows: {once[0]} runs in {once[1]:.0f} s, again in {twice[1]:.0f} s; ship runs: {len(ships)}")  # noqa: T201
    assert due_partitions(project.config) == []
    assert set(Counter(received["timeUUID"] for received in project.receiver.events()).values()) == {1}
    assert verify(project.config).differences == ()
