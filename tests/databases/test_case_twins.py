"""Columns and members of Parquet files whose names differ only in the case of letters, which DuckDB renames."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from lake_tables import iceberg_table
from parquet_files import EVENTS
from test_files import DAY, NEXT, files_config, opened

from statsig_export.cli.options import cli
from statsig_export.errors import SchemaError
from statsig_export.source.source import open_source


def write(file: Path, **columns: object) -> None:
    """One event; further columns in the order given, behind the others."""
    pq.write_table(pa.table({**EVENTS([1]), **columns}), file)


def value_read(folder: Path, **table: object) -> list[str]:
    """What is read as the event's value."""
    section = {"files": "a.parquet", **table}
    with open_source(files_config(folder, {}, exposures={"table": ""}, custom_events=section)) as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    return frame["value"].tolist()


@pytest.mark.fault("F677")
@pytest.mark.parametrize(
    "metadata",
    [{"email": "a", "Email": "b"}, {"deep": {"e": 1, "E": 2}}, {"list": [{"e": 1, "E": 2}]}],
    ids=["member", "deeper", "in a list"],
)
def test_a_nested_column_with_members_that_differ_only_in_case_is_refused_where_it_is_read(
    tmp_path: Path, metadata: dict[str, object]
):
    """Its events would have `Email_1`, which no path of [privacy] names."""
    write(tmp_path / "a.parquet", metadata=[metadata])
    told = r'column "metadata" has the wrong type .* members whose names differ only in case: (email, Email|e, E)\)'
    with pytest.raises(SchemaError, match=told):
        value_read(tmp_path)
    assert value_read(tmp_path, columns={"metadata": ""}) == ["1"]


@pytest.mark.fault("F677")
def test_members_that_somebody_has_named_so_are_no_twins(tmp_path: Path):
    write(tmp_path / "a.parquet", metadata=[{"email": "a", "Email_1": "b", "é": 1, "É": 2}], value_1=["x"])
    with opened(tmp_path, "a.parquet") as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    assert frame["metadata"].tolist() == ['{"email":"a","Email_1":"b","é":1,"É":2}']


@pytest.mark.fault("F677")
def test_a_column_is_never_read_for_another_whose_name_differs_only_in_case(tmp_path: Path):
    write(tmp_path / "a.parquet", Value=["2"])
    assert value_read(tmp_path) == ["1"]
    with pytest.raises(SchemaError, match=r'column "Value" .* name it as DuckDB does, "Value_1"'):
        value_read(tmp_path, columns={"value": "Value"})
    assert value_read(tmp_path, columns={"value": "Value_1"}) == ["2"]


@pytest.mark.fault("F677")
def test_the_first_of_two_columns_is_not_read_for_the_layouts_own(tmp_path: Path):
    table = pa.table({"Value": ["2"], **EVENTS([1])})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match=r'column "value" .* name it as DuckDB does, "value_1"'):
        value_read(tmp_path)
    assert value_read(tmp_path, columns={"value": "value_1"}) == ["1"]


@pytest.mark.fault("F677")
def test_twins_of_columns_that_nobody_reads_end_no_export(tmp_path: Path):
    write(tmp_path / "a.parquet", other=["x"], OTHER=["y"], more=[{"a": 1, "A": 2}])
    assert value_read(tmp_path) == ["1"]


@pytest.mark.fault("F677")
def test_of_an_iceberg_table_no_such_column_is_read_and_the_others_are(tmp_path: Path):
    """Delta allows no such names."""
    same = {**EVENTS([1]), "time_uuid": ["x"]}
    iceberg_table(tmp_path / "t", pa.table({**same, "Value": ["2"], "more": ["3"], "other": [{"a": 1, "A": 2}]}))
    assert value_read(tmp_path, files="t", columns={"value": "more"}) == ["3"]
    for name in ("value", "Value"):
        with pytest.raises(SchemaError, match=f'column "{name}" .* a name that differs from another column\'s only in'):
            value_read(tmp_path, files="t", columns={"value": name})
    with pytest.raises(SchemaError, match=r'column "other" .* members whose names differ only in case: a, A\)'):
        value_read(tmp_path, files="t", columns={"value": "more", "metadata": "other"})


@pytest.mark.fault("F677")
def test_init_leaves_such_a_column_out_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "a.parquet", metadata=[{"e": 1, "E": 2}])
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["init", "--files", "events=a.parquet"])
    assert result.exit_code == 0
    assert "its type or its values are not what is meant: metadata" in result.output
