"""Folders named `key=value` of a name that the files in them have a column of."""

from datetime import timedelta
from pathlib import Path

import pytest
from parquet_files import NOON, write_events
from test_files import DAY, NEXT, files_config, keys

from statsig_export.errors import SchemaError
from statsig_export.source.source import open_source

CUSTOM_EVENTS = {"files": "lake/**/*.parquet"}


def frame_of(folder: Path, **table: object):
    section = {**CUSTOM_EVENTS, **table}
    with open_source(files_config(folder, {}, exposures={"table": ""}, custom_events=section)) as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    return frame


@pytest.mark.fault("F679")
@pytest.mark.parametrize(
    "folder", ["timestamp=2026-11-01", "TIMESTAMP=2026-11-01 00%3A00%3A00", "ingested_at=2026-11-01"]
)
def test_the_day_of_a_folder_is_never_taken_for_the_time_that_its_files_have(tmp_path: Path, folder: str):
    """The event would be told to have happened at midnight, or its window to be empty."""
    write_events(tmp_path / "lake" / folder / "a.parquet", [1], moments=[NOON])
    with pytest.raises(
        SchemaError, match=r"has the wrong type .*the name of the folder .*=\.\.\., .* files' own TIMESTAMP"
    ):
        frame_of(tmp_path)


@pytest.mark.fault("F679")
def test_a_folder_of_a_column_that_nobody_reads_or_that_says_the_same_stops_nothing(tmp_path: Path):
    write_events(tmp_path / "lake/loaded=2026-11-01/user_id=007/value=7/a.parquet", [1], loaded=NOON)
    frame = frame_of(tmp_path)
    assert (frame["user_id"].tolist(), frame["value"].tolist()) == (["007"], ["7"])


@pytest.mark.fault("F679")
def test_a_folder_that_only_some_files_are_in_gives_no_column(tmp_path: Path):
    write_events(tmp_path / "lake/a.parquet", [1], moments=[NOON])
    write_events(tmp_path / "lake/timestamp=2026-11-01/b.parquet", [2], moments=[NOON + timedelta(minutes=1)])
    with open_source(files_config(tmp_path, {}, exposures={"table": ""}, custom_events=CUSTOM_EVENTS)) as source:
        assert keys(source) == [1, 2]
