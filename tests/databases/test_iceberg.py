"""Iceberg tables as a source, on a disk: what their metadata say counts, and nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from lake_tables import commit_deletes, equality_deletes, iceberg_table, position_deletes, puffin_deletes
from parquet_files import NOON
from pyiceberg.table import Table
from pyiceberg.types import LongType, StringType
from real_databases import RealDatabase
from test_delta import events, tables_of, whole_export
from test_every_database import filled
from test_export import config_of, exported, lay_down
from test_files import DAY, NEXT, files_config, keys, opened

from statsig_export.config import Config
from statsig_export.errors import SourceError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.source.source import open_source


def data_of(table: Table) -> list[str]:
    return [task.file.file_path for task in table.scan().plan_files()]


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"native"}))
def test_every_layout_gives_the_same_rows_from_delta_and_iceberg_tables_as_from_a_database(
    database_of: Callable[[str], RealDatabase], tmp_path: Path, layout: str
):
    """The native one is exported as a whole."""
    stored = database_of("duckdb")
    for table in LAYOUTS[layout]:
        lay_down(stored, table)
    for role, rows in tables_of(stored, layout).items():
        write_deltalake(str(tmp_path / "delta" / role), rows)
        iceberg_table(tmp_path / "iceberg" / role, rows)

    def read(config: Config) -> list[pd.DataFrame]:
        with open_source(config) as source:
            return [frame for table in source.tables for frame in source.read_window(table, DAY, NEXT)]

    expected = read(config_of(stored, tmp_path, "plain", layout=layout))
    assert len(expected) == len(LAYOUTS[layout])
    for form in ("delta", "iceberg"):
        roles = {table.role.value: f"{form}/{table.role}" for table in LAYOUTS[layout]}
        for found, reference in zip(read(files_config(tmp_path, roles, layout=layout)), expected, strict=True):
            pd.testing.assert_frame_equal(found, reference)


def test_iceberg_tables_are_found_and_give_the_same_events_as_a_database(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    whole_export(database_of, tmp_path, lambda role, rows: iceberg_table(tmp_path / role, rows))


@pytest.mark.fault("F520")
def test_rows_are_the_same_events_after_their_files_were_rewritten_and_none_is_planned_again(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    stored = filled(database_of("duckdb"))
    made = {role: iceberg_table(tmp_path / role, table) for role, table in tables_of(stored, "native").items()}
    config = files_config(tmp_path, {"exposures": "exposures", "custom_events": "custom_events"})
    before = exported(config)
    for table in made.values():
        rows = table.scan().to_arrow()
        table.overwrite(rows.sort_by([("id", "descending")]))

    pd.testing.assert_frame_equal(exported(config), before)  # of all generations


@pytest.mark.fault("F521")
@pytest.mark.parametrize("deletes", [position_deletes, puffin_deletes])
def test_rows_that_are_deleted_by_their_positions_are_not_read_also_across_row_groups(
    tmp_path: Path, deletes: Callable[..., object]
):
    """As Spark's merge-on-read does, of version 2 and 3 of the format."""
    table = iceberg_table(tmp_path / "t", events(*range(10_000)), **{"write.parquet.row-group-limit": "2000"})
    table.append(events(20_000))
    (of,) = [name for name in data_of(table) if pq.read_metadata(name.removeprefix("file://")).num_rows == 10_000]
    gone = [0, 1_999, 2_000, 9_999, *range(5_000, 6_000)]
    commit_deletes(table, tmp_path / "t", deletes(table, tmp_path / "t", of, gone))
    with opened(tmp_path, "t") as source:
        assert keys(source) == sorted({*range(10_000), 20_000} - {*gone})
        assert source.count_rows(source.tables[0], DAY, NEXT) == 10_001 - len(gone)


@pytest.mark.fault("F521")
def test_a_table_whose_rows_are_deleted_by_equality_is_refused(tmp_path: Path):
    """Flink writes it so, and read without them the deleted rows would come back."""
    table = iceberg_table(tmp_path / "t", events(1, 2))
    commit_deletes(table, tmp_path / "t", equality_deletes(table, tmp_path / "t", [1]))
    with pytest.raises(SourceError, match="deleted by equality"), opened(tmp_path, "t") as source:
        keys(source)


@pytest.mark.fault("F522")
def test_columns_that_were_renamed_dropped_and_added_anew_are_found_by_their_ids(tmp_path: Path):
    """Also members of a struct."""
    first = events(1)
    user = pa.array([{"userID": "u", "email": "e"}])
    table = iceberg_table(tmp_path / "t", first.set_column(first.column_names.index("user"), "user", user))
    with table.update_schema() as change:
        change.rename_column("value", "was_value").rename_column("user_id", "who")
        change.rename_column("user.userID", "user_id")
    with table.update_schema() as change:
        change.add_column("value", StringType()).add_column(("user", "userID"), StringType())
    columns = {"columns": {"user_id": "who"}, "files": "t"}
    with open_source(files_config(tmp_path, {}, exposures={"table": ""}, custom_events=columns)) as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    assert frame["user"].tolist() == ['{"user_id":"u","email":"e","userID":null}']
    assert frame["user_id"].tolist() == ["u"]
    assert frame["value"].isna().tolist() == [True]


@pytest.mark.fault("F522")
def test_files_without_ids_that_were_added_to_a_table_are_read_by_the_names_it_keeps_for_them(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(1))
    (tmp_path / "elsewhere").mkdir()
    pq.write_table(events(2, value="7"), tmp_path / "elsewhere/a.parquet")
    table.add_files([f"file://{tmp_path}/elsewhere/a.parquet"])
    with table.update_schema() as change:
        change.rename_column("value", "worth")
    columns = {"columns": {"value": "worth"}, "files": "t"}
    with open_source(files_config(tmp_path, {}, exposures={"table": ""}, custom_events=columns)) as source:
        frame = pd.concat(list(source.read_window(source.tables[0], DAY, NEXT)))
    assert dict(zip(frame["row_key"], frame["value"], strict=True)) == {1: "1", 2: "7"}
    with table.transaction() as change:
        change.remove_properties("schema.name-mapping.default")
    with (
        open_source(files_config(tmp_path, {}, exposures={"table": ""}, custom_events=columns)) as source,
        pytest.raises(SourceError, match=r"1 of its files have no field ids, such as .*/elsewhere/a\.parquet"),
    ):
        keys(source)


@pytest.mark.fault("F523")
def test_a_column_that_came_later_is_null_before_and_a_wider_type_is_taken(tmp_path: Path):
    first = events(1).drop_columns(["value"])
    table = iceberg_table(tmp_path / "t", first.set_column(0, "id", pa.array([1], pa.int32())))
    with table.update_schema() as change:
        change.update_column("id", LongType()).add_column("value", StringType())
    table.append(events(2**40, value="9.5").select(table.schema().as_arrow().names))
    with opened(tmp_path, "t") as source:
        frame = pd.concat(list(source.read_window(source.tables[0], DAY, NEXT)))
    values = dict(zip(frame["row_key"], frame["value"], strict=True))
    assert values[2**40] == "9.5"
    assert pd.isna(values[1])


@pytest.mark.fault("F524")
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_files_that_have_no_row_of_a_window_are_not_opened(tmp_path: Path, zone: str | None):
    """By the bounds in the manifest; those that are made of Delta's statistics may be a millisecond short."""
    times = {n: NOON + timedelta(days=n) for n in range(3)}
    tables = []
    for n, at in times.items():
        rows = events(n, at=at)
        place = rows.column_names.index("ingested_at")
        tables.append(rows.set_column(place, "ingested_at", rows["ingested_at"].cast(pa.timestamp("us", zone))))
    table = iceberg_table(tmp_path / "t", tables[0])
    table.append(tables[1])
    table.append(tables[2])
    for name in data_of(table):
        path = Path(name.removeprefix("file://"))
        if pq.read_table(path, columns=["id"])["id"][0].as_py() == 2:
            path.write_bytes(b"no Parquet")
    with opened(tmp_path, "t") as source:
        assert keys(source) == [0]
        assert keys(source, NEXT, NEXT + timedelta(days=1)) == [1]
        with pytest.raises(SourceError, match=r"t \(Iceberg\) cannot be read"):
            keys(source, NEXT, NEXT + timedelta(days=2))


@pytest.mark.fault("F526")
def test_a_window_is_of_one_snapshot_whatever_is_committed_while_it_is_read(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(*range(20_000)))
    with opened(tmp_path, "t") as source:
        read = source.read_window(source.tables[0], DAY, NEXT, chunk_rows=1_000)
        first = next(read)
        table.delete("id >= 5")
        table.append(events(90_000))
        assert len(first) + sum(map(len, read)) == 20_000
        assert keys(source) == [0, 1, 2, 3, 4, 90_000]


@pytest.mark.fault("F526")
def test_a_file_that_was_taken_away_ends_the_window(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(1))
    (name,) = data_of(table)
    Path(name.removeprefix("file://")).unlink()
    with pytest.raises(SourceError, match=r"t \(Iceberg\) cannot be read") as raised, opened(tmp_path, "t") as source:
        keys(source)
    assert "run it again" in raised.value.hint


@pytest.mark.fault("F528")
def test_the_newest_metadata_is_read_or_the_file_that_is_named(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(1))
    old = table.metadata_location.removeprefix("file://")
    table.append(events(2))
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1, 2]
        table.append(events(3))
        assert keys(source) == [1, 2, 3]
    with opened(tmp_path, old) as source:
        assert keys(source) == [1]


@pytest.mark.fault("F528")
def test_a_second_file_of_the_highest_number_is_an_error_that_says_to_name_one(tmp_path: Path):
    """A writer that lost against another leaves it: its rows were never committed."""
    table = iceberg_table(tmp_path / "t", events(1))
    newest = Path(table.metadata_location.removeprefix("file://"))
    other = newest.with_name(f"{newest.name[:5]}-00000000-aaaa.metadata.json")
    other.write_bytes(newest.read_bytes())
    with pytest.raises(SourceError, match="2 files of the highest number"), opened(tmp_path, "t") as source:
        keys(source)
    with opened(tmp_path, str(newest)) as source:
        assert keys(source) == [1]


@pytest.mark.fault("F528")
def test_the_hint_of_a_table_without_a_catalog_says_which_metadata_count(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(1))
    folder = tmp_path / "t/metadata"
    Path(table.metadata_location.removeprefix("file://")).rename(folder / "v1.metadata.json")
    (folder / "00002-a.metadata.json").write_text("that of a writer that did not come to its end")
    (folder / "version-hint.text").write_text("1\n")
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1]


@pytest.mark.fault("F528")
def test_metadata_that_name_files_elsewhere_are_refused(tmp_path: Path):
    """Of a table that was copied from a bucket to a disk."""
    table = iceberg_table(tmp_path / "t", events(1))
    newest = Path(table.metadata_location.removeprefix("file://"))
    newest.write_text(newest.read_text().replace(f"file://{tmp_path}", "s3://bucket"))
    with pytest.raises(SourceError, match="it names files of s3://"), opened(tmp_path, "t") as source:
        keys(source)


def test_a_table_without_a_snapshot_has_no_row(tmp_path: Path):
    table = iceberg_table(tmp_path / "t", events(1))
    newest = Path(table.metadata_location.removeprefix("file://"))
    metadata = json.loads(newest.read_text()) | {"current-snapshot-id": -1, "refs": {}, "snapshots": []}
    newest.write_text(json.dumps(metadata))
    with opened(tmp_path, "t") as source:
        assert keys(source) == []
