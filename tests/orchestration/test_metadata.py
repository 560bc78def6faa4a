from datetime import datetime, timedelta

import pytest
from dagster_folder import DAYS, Project
from sqlalchemy import create_engine, insert

from statsig_export.dagster.metadata import MOST, OTHERS, largest, newest
from statsig_export.layouts.native_tables import CUSTOM_EVENTS


@pytest.mark.fault("F74")
def test_of_many_counts_the_largest_are_shown_and_the_rest_in_one():
    counts = {f"custom_events.events.event {number}": number for number in range(200)}
    shown = largest(counts)

    assert len(shown) == MOST + 1
    assert sum(shown.values()) == sum(counts.values())
    assert shown["custom_events.events.event 199"] == 199
    assert shown[OTHERS] == sum(range(150))
    assert largest({"duplicate": 1}) == {"duplicate": 1}


@pytest.mark.fault("F74")
def test_of_many_files_or_runs_the_newest_are_shown():
    assert newest([str(number) for number in range(60)]) == [str(number) for number in range(10, 60)]
    assert newest(["a"]) == ["a"]


@pytest.mark.fault("F74")
def test_a_filter_that_names_hundreds_of_events_does_not_flood_the_page_of_a_partition(project: Project):
    project.fill([DAYS[0]])
    names = [f"an event {number}" for number in range(120)]
    noon = datetime.fromisoformat(DAYS[0]) + timedelta(hours=12)
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        rows = [{"event_name": name, "timestamp": noon, "ingested_at": noon} for name in names]
        connection.execute(insert(CUSTOM_EVENTS), rows)
    engine.dispose()
    switched_off = ", ".join(f'"{name}" = false' for name in names)
    project.configure("debug_ping = false", f"debug_ping = false, {switched_off}")
    project.export(f"custom_event|{DAYS[0]}")
    told = project.metadata("statsig", "events", partition=f"custom_event|{DAYS[0]}")

    assert told["filtered"] == 121
    assert isinstance(told["filtered by"], dict)
    assert len(told["filtered by"]) == MOST + 1
