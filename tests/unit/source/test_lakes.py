"""Which files of a table with a log may hold a row, and how a column of the table is read from a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from statsig_export.source.lakes.lake import Place, UnreadableTableError
from statsig_export.source.lakes.snapshot import Field, LakeFile, Stretch, may_hold, selected, shape_of
from statsig_export.source.lakes.view import groups_of, rows_of
from statsig_export.storage.errors import cause_of

DAY = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Stretch("t", DAY, DAY + timedelta(days=1))
OUTSIDE = Stretch("t", DAY, DAY + timedelta(days=1), outside=True)


def file_of(least: timedelta, greatest: timedelta, *whole: str) -> LakeFile:
    first = DAY.replace(tzinfo=None)
    return LakeFile("a", 0, {}, {"t": (first + least, first + greatest)}, frozenset(whole))


@pytest.mark.fault("F524")
@pytest.mark.parametrize(
    ("least", "greatest", "needed"),
    [
        (timedelta(0), timedelta(hours=1), (True, False)),
        (timedelta(days=-1), timedelta(milliseconds=-2), (False, True)),
        (timedelta(days=-1), timedelta(milliseconds=-1), (True, True)),  # what was cut off may be in the window
        (timedelta(hours=23), timedelta(days=1, milliseconds=-1), (True, True)),
        (timedelta(days=1), timedelta(days=2), (False, True)),
    ],
)
def test_a_file_is_left_out_only_where_its_greatest_time_and_a_millisecond_are_before(
    least: timedelta, greatest: timedelta, needed: tuple[bool, bool]
):
    file = file_of(least, greatest, "t")
    assert (may_hold(file, WINDOW), may_hold(file, OUTSIDE)) == needed


@pytest.mark.fault("F524")
def test_a_file_of_which_the_log_says_nothing_is_read_and_one_with_nulls_for_the_rows_outside():
    silent = LakeFile("a", 0)
    assert may_hold(silent, WINDOW)
    assert may_hold(silent, OUTSIDE)
    assert may_hold(file_of(timedelta(0), timedelta(hours=1)), OUTSIDE)
    assert may_hold(file_of(timedelta(days=5), timedelta(days=6)), None)
    assert may_hold(file_of(timedelta(days=5), timedelta(days=6)), Stretch("other", DAY, DAY))


@pytest.mark.fault("F522")
def test_a_member_that_was_renamed_within_a_list_is_an_error_where_the_column_is_read_and_nowhere_else(tmp_path: Path):
    inner = Field("a", "VARCHAR", 3, ("old",))
    element = Field("element", 'STRUCT("a" VARCHAR)', 2, (), None, (inner,))
    tags = Field("tags", 'STRUCT("a" VARCHAR)[]', 1, ("tags",), None, (), (element,))
    key = Field("id", "BIGINT", 9, ("id",))
    pq.write_table(pa.table({"id": [1], "tags": [[{"old": "x"}]]}), tmp_path / "a.parquet")
    file = LakeFile(str(tmp_path / "a.parquet"), 0)
    shape = shape_of(pq.read_schema(tmp_path / "a.parquet"))
    assert selected(tags, shape) is None
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW v AS {rows_of([key, tags], groups_of([file], {file.name: shape}), 'none')}")
    assert connection.execute("SELECT id FROM v WHERE id > 0").fetchall() == [(1,)]
    with pytest.raises(duckdb.Error, match="column tags: members of it that were renamed"):
        connection.execute("SELECT tags FROM v").fetchall()


@pytest.mark.fault("F525")
def test_a_partition_that_the_files_do_not_have_is_a_column_of_each_row(tmp_path: Path):
    """As of Hive's tables that became Iceberg's."""
    fields = [Field("id", "BIGINT", 1, ("id",)), Field("it's", "VARCHAR", 2, ("it's",))]
    files, shapes = [], {}
    for n, value in enumerate(["x'y", None]):
        path = tmp_path / f"[{n}]*.parquet"
        pq.write_table(pa.table({"id": [n]}), path)
        files.append(LakeFile(str(path), n, {"it's": value}))
        shapes[str(path)] = shape_of(pq.read_schema(path))
    rows = duckdb.connect().execute(f"{rows_of(fields, groups_of(files, shapes), 'none')} ORDER BY 1").fetchall()
    assert rows == [(0, "x'y"), (1, None)]


def test_the_default_of_a_column_is_what_older_files_have():
    added = Field("plan", "VARCHAR", 7, (), "it's free")
    assert selected(added, shape_of([pa.field("id", pa.int64())])) == "CAST('it''s free' AS VARCHAR)"


@pytest.mark.fault("F611")
@pytest.mark.parametrize(
    "name", ["s3://other/t/a.parquet", "s3://lake/t/../../o/a.parquet", "../a.parquet", "gs://lake/a"]
)
def test_a_file_of_another_bucket_or_by_a_path_that_leads_out_is_refused(name: str):
    place = Place(fsspec.filesystem("s3", skip_instance_cache=True), "lake/t")
    assert place.named("s3a://lake/elsewhere/a.parquet") == "s3://lake/elsewhere/a.parquet"
    with pytest.raises(UnreadableTableError, match="it names files"):
        place.named(name)


@pytest.mark.fault("F611")
def test_an_error_that_is_among_its_own_causes_has_a_cause():
    """Pyiceberg raises such a one for a file that it cannot open."""
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert cause_of(first).words == "ValueError"
