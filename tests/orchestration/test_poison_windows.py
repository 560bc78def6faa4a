"""A window that cannot be exported, among others: what the run records, what it says, and what is asked for next."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster_folder import DAYS, Project, what_failed
from sqlalchemy import create_engine, text

from statsig_export.shipping.status import status
from statsig_export.vocabulary import Category

POISONED = DAYS[2]


def poison(project: Project, *days: str) -> None:
    """Make custom_events a view in which a row of each of these days is read with an error."""
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE custom_events RENAME TO kept"))
        columns = [row.name for row in connection.execute(text("PRAGMA table_info(kept)"))]
        named = ", ".join(
            f"CASE WHEN substr(ingested_at, 1, 10) IN ({', '.join(map(repr, days))}) THEN json('{{') ELSE value END"
            " AS value"
            if column == "value"
            else f'"{column}"'
            for column in columns
        )
        connection.execute(text(f"CREATE VIEW custom_events AS SELECT {named} FROM kept"))  # noqa: S608
    engine.dispose()


def partitions(*days: str) -> set[str]:
    return {f"{category}|{day}" for category in Category for day in days}


@pytest.mark.fault("F293")
def test_a_window_that_cannot_be_read_keeps_none_of_the_others_from_being_exported_and_recorded(project: Project):
    project.fill()
    poison(project, POISONED)

    result = project.export_days()

    others = [day for day in DAYS if day != POISONED]
    assert not result.success
    assert project.materialized("statsig", "events") == partitions(*others)
    assert {line.window for line in status(project.config)} == set(others)
    said = what_failed(result)
    assert said.startswith(f"window {POISONED} was not exported: reading table custom_events failed: ")
    told = project.metadata("statsig", "events", partition=f"custom_event|{DAYS[3]}")
    assert told["planned"] == 2
    (record,) = [run for run in project.instance.get_runs() if run.run_id == result.run_id]
    assert record.tags["dagster/max_retries"] == "0"


@pytest.mark.fault("F293")
def test_many_windows_that_cannot_be_read_stop_no_later_one_while_the_source_answers(project: Project):
    project.fill()
    poison(project, *DAYS[:3])

    result = project.export_days()

    assert project.materialized("statsig", "events") == partitions(DAYS[3])
    assert f"2 more failed: {DAYS[1]}, {DAYS[2]}" in what_failed(result)


@pytest.mark.fault("F368")
def test_a_window_that_has_not_settled_keeps_none_of_the_others_from_being_exported(project: Project):
    """Dagster offers a window as soon as it has ended: *Materialize all* asks for it, too."""
    project.fill()
    settle = datetime.now(UTC) - datetime.fromisoformat(f"{DAYS[3]}T00:00:00+00:00")
    project.configure('settle = "1s"', f'settle = "{int(settle / timedelta(hours=1))}h"')

    result = project.export_days()

    assert not result.success
    assert project.materialized("statsig", "events") == partitions(*DAYS[:3])
    said = what_failed(result)
    assert said.startswith(f"window {DAYS[3]} was not exported: it is not closed yet, rows may arrive until ")
    (record,) = [run for run in project.instance.get_runs() if run.run_id == result.run_id]
    assert record.tags["dagster/max_retries"] == "0"


@pytest.mark.fault("F369")
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (f"custom_event|{DAYS[0]}", f"gate_exposure|{DAYS[1]}"),
        (f"gate_exposure|{DAYS[1]}", f"custom_event|{DAYS[0]}"),
    ],
)
def test_a_range_backwards_is_one_failed_run_that_says_what_to_do(project: Project, first: str, last: str):
    project.fill(DAYS[:2])

    result = project.export(first, last)

    assert what_failed(result).startswith(f"no partition is between {first} and {last}. name the earlier window")
    (record,) = [run for run in project.instance.get_runs() if run.run_id == result.run_id]
    assert record.tags["dagster/max_retries"] == "0"
