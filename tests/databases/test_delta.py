"""Delta tables as a source, on a disk: what their log says counts, and nothing else."""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from first_contact import init, planned
from lake_tables import add, column, columns_of, commit, inline_vector, lay_down_delta, stored_vector
from parquet_files import EVENTS, NOON
from real_databases import RealDatabase
from sqlalchemy import make_url
from test_every_database import filled
from test_export import config_of, exported, lay_down
from test_files import DAY, NEXT, files_config, keys, opened

from statsig_export.errors import SourceError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.lineage.frames import failed_rows
from statsig_export.source.source import open_source


def events(*numbers: int, at: datetime = NOON, **more: object) -> pa.Table:
    return pa.table(EVENTS(numbers, [at] * len(numbers), **more))


def tables_of(database: RealDatabase, layout: str) -> dict[str, pa.Table]:
    """The tables of a layout in a DuckDB file, by their role; a column without a value is text."""
    with duckdb.connect(make_url(database.url).database or "") as connection:
        return {table.role.value: connection.table(table.table).to_arrow_table() for table in LAYOUTS[layout]}


def looked_at(folder: Path, tables: Mapping[str, str]) -> dict[str, Any]:
    """What `init` finds, and how many events `plan` would send by what it wrote."""
    folder.mkdir()
    words = [word for name, place in tables.items() for word in ("--files", f"{name}={place}")]
    report: dict[str, Any] = json.loads(init(folder, "--json", *words).stdout)
    return {**report, "planned": planned(folder, "", "2026-11-01", "2026-11-02")}


def test_delta_tables_are_found_and_give_the_same_events_as_a_database(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    whole_export(database_of, tmp_path, lambda role, rows: write_deltalake(str(tmp_path / role), rows))


def whole_export(
    database_of: Callable[[str], RealDatabase], folder: Path, write: Callable[[str, pa.Table], object]
) -> None:
    reference, stored = database_of("sqlite"), database_of("duckdb")
    for table in LAYOUTS["native"]:
        lay_down(reference, table)
        lay_down(stored, table)
    tables = tables_of(stored, "native")
    for role, rows in tables.items():
        write(role, rows)
    config = files_config(folder, {role: role for role in tables})

    found = exported(config)
    report = looked_at(folder / "look", {role: str(folder / role) for role in tables})

    assert (report["layout"], report["planned"]) == ("native", len(tables))
    assert failed_rows(config).empty
    assert len(found) == len(tables)
    pd.testing.assert_frame_equal(found, exported(config_of(reference, folder, "plain")))


@pytest.mark.fault("F520")
def test_rows_are_the_same_events_after_the_table_was_compacted_and_none_is_planned_again(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    stored = filled(database_of("duckdb"))
    for role, table in tables_of(stored, "native").items():
        for first in range(0, table.num_rows, 3):
            write_deltalake(str(tmp_path / role), table.slice(first, 3), mode="append")
    config = files_config(tmp_path, {"exposures": "exposures", "custom_events": "custom_events"})
    before = exported(config)
    for role in ("exposures", "custom_events"):
        DeltaTable(str(tmp_path / role)).optimize.z_order(["event_name" if role == "custom_events" else "name"])
        DeltaTable(str(tmp_path / role)).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    pd.testing.assert_frame_equal(exported(config), before)  # of all generations


@pytest.mark.fault("F521")
@pytest.mark.parametrize("vector", ["inline", "stored"])
def test_rows_that_a_deletion_vector_deletes_are_not_read_also_across_row_groups(tmp_path: Path, vector: str):
    table = events(*range(10_000))
    (tmp_path / "t").mkdir()
    gone = [0, 1_999, 2_000, 9_999, *range(5_000, 6_000)]
    described = inline_vector(gone) if vector == "inline" else stored_vector(tmp_path / "t", gone)
    action = add(tmp_path / "t", "a.parquet", table, deletionVector=described)
    pq.write_table(table, tmp_path / "t/a.parquet", row_group_size=2_000)
    other = add(tmp_path / "t", "b.parquet", events(20_000))
    lay_down_delta(tmp_path / "t", columns_of(table), [action, other], ["deletionVectors"])
    with opened(tmp_path, "t") as source:
        assert keys(source) == sorted({*range(10_000), 20_000} - {*gone})
        assert source.count_rows(source.tables[0], DAY, NEXT) == 10_001 - len(gone)


@pytest.mark.fault("F522")
@pytest.mark.parametrize("mode", ["name", "id"])
def test_columns_that_were_renamed_are_found_by_what_the_files_call_them(tmp_path: Path, mode: str):
    """Also members of a struct, and a new column that has the name of a dropped one."""
    number = {b"PARQUET:field_id": b"%d"}
    table = events(1)
    physical = {name: f"col-{n}" for n, name in enumerate(table.column_names)}
    user = pa.array(
        [{"col-a": "u", "userID": "that of a dropped member"}],
        pa.struct([("col-a", pa.string()), ("userID", pa.string())]),
    )
    fields = [
        pa.field(physical[f.name], f.type, metadata={b"PARQUET:field_id": b"%d" % n})
        for n, f in enumerate(table.schema, 1)
    ]
    at = table.column_names.index("user")
    inner = pa.struct(
        [
            pa.field("col-a", pa.string(), metadata={b"PARQUET:field_id": b"51"}),
            pa.field("userID", pa.string(), metadata={b"PARQUET:field_id": b"52"}),
        ]
    )
    fields[at] = pa.field(physical["user"], inner, metadata={b"PARQUET:field_id": b"%d" % (at + 1)})
    arrays = [*table.columns[:at], user.cast(inner), *table.columns[at + 1 :], pa.array(["old"])]
    stored = pa.table(
        arrays, pa.schema([*fields, pa.field("value", pa.string(), metadata={b"PARQUET:field_id": b"99"})])
    )
    del number
    described = [
        {**each, "metadata": {"delta.columnMapping.physicalName": physical[each["name"]], "delta.columnMapping.id": n}}
        for n, each in enumerate(columns_of(table), 1)
    ]
    described[at]["type"] = {
        "type": "struct",
        "fields": [column("userID", "string", "col-a", 51), column("email", "string", "col-x", 53)],
    }
    lay_down_delta(
        tmp_path / "t",
        described,
        [add(tmp_path / "t", "a.parquet", stored)],
        ["columnMapping"],
        **{"columnMapping.mode": mode},
    )
    with opened(tmp_path, "t") as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    assert frame["user"].tolist() == ['{"userID":"u","email":null}']
    assert frame["value"].tolist() == ["1"]


@pytest.mark.fault("F523")
def test_a_column_that_came_later_is_null_before_and_one_of_another_type_is_as_the_table_says(tmp_path: Path):
    first = events(1).drop_columns(["value"]).set_column(0, "id", pa.array([1], pa.int32()))
    second = events(2, value="9.5")
    actions = [add(tmp_path / "t", "a.parquet", first), add(tmp_path / "t", "b.parquet", second)]
    lay_down_delta(tmp_path / "t", columns_of(second), actions, ["typeWidening"])
    with opened(tmp_path, "t") as source:
        frame = pd.concat(list(source.read_window(source.tables[0], DAY, NEXT)))
    values = dict(zip(frame["row_key"], frame["value"], strict=True))
    assert values[2] == "9.5"
    assert pd.isna(values[1])


@pytest.mark.fault("F524")
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_row_in_the_last_millisecond_of_a_files_statistics_is_read(tmp_path: Path, zone: str | None):
    """Delta cuts the greatest time to a millisecond, so the next window begins after what is written there."""
    last = NEXT.replace(tzinfo=None) + timedelta(microseconds=500)
    table = events(1, at=last)
    table = table.set_column(
        table.column_names.index("ingested_at"), "ingested_at", table["ingested_at"].cast(pa.timestamp("us", zone))
    )
    write_deltalake(str(tmp_path / "t"), table)
    with opened(tmp_path, "t") as source:
        (file,) = source._database._lake("custom_events")._lake.snapshot().files  # type: ignore[attr-defined]
        assert file.spans["ingested_at"][1] < last
        assert keys(source) == []
        assert keys(source, NEXT, NEXT + timedelta(days=1)) == [1]


@pytest.mark.fault("F524")
def test_files_that_have_no_row_of_a_window_are_not_opened(tmp_path: Path):
    """By statistics, or by a partition; what has none is read."""
    write_deltalake(str(tmp_path / "t"), events(1))
    write_deltalake(str(tmp_path / "t"), events(2, at=NOON + timedelta(days=1)), mode="append")
    DeltaTable(str(tmp_path / "t")).create_checkpoint()
    for path in (tmp_path / "t").glob("*.parquet"):
        if pq.read_table(path, columns=["id"])["id"][0].as_py() == 2:
            path.write_bytes(b"no Parquet")
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1]
        with pytest.raises(SourceError, match=r"t \(Delta\) cannot be read"):
            keys(source, NEXT, NEXT + timedelta(days=1))


@pytest.mark.fault("F525")
def test_a_partition_is_a_column_whatever_characters_it_has_and_may_be_the_window_column(tmp_path: Path):
    table = events(1, 2, 3)
    odd = ["a b/c%20=é", None, ""]
    table = table.set_column(table.column_names.index("value"), "value", pa.array(odd))
    days = pa.array([date(2026, 11, 1), date(2026, 11, 1), date(2026, 11, 2)])
    table = table.drop_columns(["ingested_at"]).append_column("dt", days)
    write_deltalake(str(tmp_path / "t"), table, partition_by=["dt", "value"])
    tables: dict[str, Any] = {"exposures": {"table": ""}, "custom_events": {"files": "t", "window_column": "dt"}}
    with open_source(files_config(tmp_path, {}, **tables)) as source:
        frame = pd.concat(list(source.read_window(source.tables[0], DAY, NEXT)))
    values = dict(zip(frame["row_key"], frame["value"], strict=True))
    assert sorted(values) == [1, 2]
    assert values[1] == odd[0]
    assert pd.isna(values[2])


@pytest.mark.fault("F526")
def test_a_window_is_of_one_version_whatever_is_committed_while_it_is_read(tmp_path: Path):
    write_deltalake(str(tmp_path / "t"), events(*range(20_000)))
    with opened(tmp_path, "t") as source:
        read = source.read_window(source.tables[0], DAY, NEXT, chunk_rows=1_000)
        first = next(read)
        DeltaTable(str(tmp_path / "t")).delete("id >= 5")
        write_deltalake(str(tmp_path / "t"), events(90_000), mode="append")
        assert len(first) + sum(map(len, read)) == 20_000
        assert keys(source) == [0, 1, 2, 3, 4, 90_000]


@pytest.mark.fault("F526")
def test_a_file_that_a_vacuum_has_taken_away_ends_the_window_and_the_next_reads_the_newest_version(tmp_path: Path):
    for n in range(3):
        write_deltalake(str(tmp_path / "t"), events(n), mode="append")
    table = DeltaTable(str(tmp_path / "t"))
    with opened(tmp_path, "t") as source:
        source.check_schema(source.tables[0])
        lake = source._database._lake("custom_events")._lake  # type: ignore[attr-defined]
        old = lake.snapshot()
        table.optimize.compact()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lake, "snapshot", lambda: old)  # the vacuum came after the log was read
            with pytest.raises(SourceError, match=r"t \(Delta\) cannot be read") as raised:
                keys(source)
        assert "run it again" in raised.value.hint
        assert keys(source) == [0, 1, 2]


@pytest.mark.fault("F527")
@pytest.mark.parametrize("pattern", ["t/*.parquet", "t/dt=1", "t/dt=1/*.parquet", "*/*.parquet"])
def test_a_pattern_within_a_table_is_refused_with_the_line_that_names_the_table(tmp_path: Path, pattern: str):
    table = events(1)
    lay_down_delta(
        tmp_path / "t",
        columns_of(table),
        [add(tmp_path / "t", name, table) for name in ("a.parquet", "dt=1/a.parquet")],
    )
    with (
        pytest.raises(SourceError, match="is a table in the format Delta") as raised,
        opened(tmp_path, pattern) as source,
    ):
        keys(source)
    assert f'files = "{tmp_path}/t"' in raised.value.hint


@pytest.mark.fault("F527")
def test_what_a_table_asks_its_readers_to_know_and_is_not_known_is_refused(tmp_path: Path):
    table = events(1)
    lay_down_delta(tmp_path / "t", columns_of(table), [add(tmp_path / "t", "a.parquet", table)], ["rowsFromTheMoon"])
    with pytest.raises(SourceError, match="rowsFromTheMoon"), opened(tmp_path, "t") as source:
        keys(source)


def test_the_log_is_read_from_its_last_checkpoint_and_a_row_that_is_gone_stays_gone(tmp_path: Path):
    write_deltalake(str(tmp_path / "t"), events(0), configuration={"delta.logRetentionDuration": "interval 0 days"})
    for n in range(1, 12):
        write_deltalake(str(tmp_path / "t"), events(n), mode="append")
    table = DeltaTable(str(tmp_path / "t"))
    table.delete("id = 3")
    table.create_checkpoint()
    table.cleanup_metadata()
    commit(tmp_path / "t", 13, [add(tmp_path / "t", "late.parquet", events(50))])
    with opened(tmp_path, "t") as source:
        assert keys(source) == [0, 1, 2, *range(4, 12), 50]


@pytest.mark.fault("F524")
def test_a_window_column_that_a_checkpoint_has_no_statistics_of_skips_no_file(tmp_path: Path):
    """Of other columns the log has some (`delta.dataSkippingStatsColumns`)."""
    settings = {"delta.dataSkippingStatsColumns": "id"}
    write_deltalake(str(tmp_path / "t"), events(1), configuration=settings)
    DeltaTable(str(tmp_path / "t")).create_checkpoint()
    write_deltalake(str(tmp_path / "t"), events(2), mode="append")
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1, 2]
        assert keys(source, NEXT, NEXT + timedelta(days=1)) == []


@pytest.mark.fault("F524")
def test_the_rows_in_no_window_are_counted_from_the_files_that_can_have_one(tmp_path: Path):
    write_deltalake(str(tmp_path / "t"), events(1, 2))
    write_deltalake(str(tmp_path / "t"), events(3, at=NOON - timedelta(days=9)), mode="append")
    table = events(4)
    empty = pa.nulls(1, pa.timestamp("us"))
    place = table.column_names.index("ingested_at")
    write_deltalake(str(tmp_path / "t"), table.set_column(place, "ingested_at", empty), mode="append")
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("us"))  # a year that Python's times do not have
    write_deltalake(str(tmp_path / "t"), table.set_column(place, "ingested_at", far), mode="append")
    with opened(tmp_path, "t") as source:
        outside = source.count_outside(source.tables[0], DAY, NEXT)
        assert keys(source) == [1, 2]
    assert {place.value: rows for place, rows in outside.rows.items()} == {
        "before_start": 1,
        "unplaced": 1,
        "in_future": 1,
    }
