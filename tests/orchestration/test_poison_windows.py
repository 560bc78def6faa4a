"""A window that cannot be exported, among others: what the run records, what it says, and what is asked for next."""

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
