"""What the sensors do with an instance that has years of runs on record."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster_folder import DAYS, Project
from sqlalchemy import Engine, event

from statsig_export.dagster.keys import DESTINATION_TAG, SHIP_JOB

pytestmark = pytest.mark.home_on_disk

STEPS = 1_000
"""Of SQLite's machine, between two counts."""


@contextmanager
def counted() -> Iterator[list[int]]:
    """How many times a thousand steps every SQLite connection that is opened meanwhile takes."""
    taken = [0]

    def count() -> int:
        taken[0] += 1
        return 0

    def watch(connection: object, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_progress_handler(count, STEPS)

    event.listen(Engine, "connect", watch)
    try:
        yield taken
    finally:
        event.remove(Engine, "connect", watch)


def ended_runs(project: Project, count: int) -> None:
    """So many ship runs that ended well long ago: one by Dagster, the others as copies of its rows."""
    create_run_for_test(
        project.instance,
        job_name=SHIP_JOB,
        status=dg.DagsterRunStatus.SUCCESS,
        tags={DESTINATION_TAG: project.config.webhook.name},
    )
    database = Path(project.instance.root_directory) / "history" / "runs.db"
    with closing(sqlite3.connect(database)) as history, history:
        for table in ("runs", "run_tags"):
            names = [row[1] for row in history.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
            told = ", ".join("run_id || '-' || nth" if name == "run_id" else name for name in names)
            history.execute(
                f"WITH RECURSIVE n(nth) AS (SELECT 1 UNION ALL SELECT nth + 1 FROM n LIMIT {count}) "  # noqa: S608
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {told} FROM {table}, n"
            )


@pytest.mark.fault("F602")
def test_a_tick_looks_up_no_more_of_the_runs_that_ended_long_ago_than_it_needs(project: Project):
    project.fill(DAYS[:1])
    project.export_days(DAYS[0], DAYS[0])
    project.tick()
    with counted() as few:
        assert project.tick()[0]
    ended_runs(project, 20_000)
    with counted() as many:
        assert project.tick()[0]

    assert many[0] < few[0] + 500
