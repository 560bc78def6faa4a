"""Parquet files as a source, on a disk: whole exports of every layout, and what files do that tables do not."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from first_contact import init, planned, written
from home import Home
from parquet_files import EVENTS, write_events, write_layout
from real_databases import RealDatabase
from test_every_database import filled
from test_export import config_of, exported, lay_down

from statsig_export.cli.options import cli
from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.lineage.frames import failed_rows
from statsig_export.source.source import Source, open_source
from statsig_export.testing.webhook.receiver import Receiver

DAY = datetime.fromisoformat("2026-11-01T00:00:00Z")
NEXT = datetime.fromisoformat("2026-11-02T00:00:00Z")


def files_config(folder: Path, files: Mapping[str, str], **source: object) -> Config:
    """Tables by their role; those of the layout native, unless `source` says otherwise."""
    tables = {role: {"files": pattern} for role, pattern in files.items()}
    home = Home(folder, ledger_url=f"sqlite:///{folder}/files-ledger.db")
    document = {**home.document, "source": {**tables, **source}, "storage": {"url": "files-of-files"}}
    return parse_config(document, folder=folder, environ=home.environ)


def opened(folder: Path, pattern: str, **source: object) -> Source:
    return open_source(files_config(folder, {"custom_events": pattern}, exposures={"table": ""}, **source))


def keys(source: Source, start: datetime = DAY, end: datetime = NEXT) -> list[int]:
    return sorted(int(key) for frame in source.read_window(source.tables[0], start, end) for key in frame["row_key"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_events_from_files_as_from_a_database(
    database_of: Callable[[str], RealDatabase], tmp_path: Path, layout: str
):
    reference, stored = database_of("sqlite"), database_of("duckdb")
    for table in LAYOUTS[layout]:
        lay_down(reference, table)
        lay_down(stored, table)
    files = write_layout(stored, LAYOUTS[layout], tmp_path)

    config = files_config(tmp_path, files, layout=layout)
    events = exported(config)

    assert failed_rows(config).empty
    assert len(events) == len(LAYOUTS[layout])
    pd.testing.assert_frame_equal(events, exported(config_of(reference, tmp_path, "plain", layout=layout)))


def test_rows_with_all_that_databases_tell_apart_give_the_same_events_from_files(
    database_of: Callable[[str], RealDatabase], tmp_path: Path
):
    reference, stored = filled(database_of("sqlite")), filled(database_of("duckdb"))
    config = files_config(tmp_path, write_layout(stored, LAYOUTS["native"], tmp_path))

    other = config_of(reference, tmp_path, "plain")
    pd.testing.assert_frame_equal(exported(config), exported(other))
    order = ["category", "row_key"]
    failed = [failed_rows(each).sort_values(order, ignore_index=True) for each in (config, other)]
    pd.testing.assert_frame_equal(*failed)


def test_a_folder_means_its_parquet_files_and_not_those_that_are_being_written(tmp_path: Path):
    write_events(tmp_path / "events/dt=2026-11-01/a.parquet", [1])
    write_events(tmp_path / "events/dt=2026-11-02/b.parquet", [2])
    write_events(tmp_path / "events/_temporary/0/c.parquet", [3])
    write_events(tmp_path / "events/.hidden.parquet", [4])
    (tmp_path / "events/_SUCCESS").touch()
    with opened(tmp_path, "events") as source:
        assert keys(source) == [1, 2]


def test_a_partition_in_a_folders_name_may_be_the_window_column(tmp_path: Path):
    """So only the rows of the files of its day are read."""
    write_events(tmp_path / "events/dt=2026-11-01/a.parquet", [1], without=["ingested_at"])
    write_events(tmp_path / "events/dt=2026-11-02/b.parquet", [2], without=["ingested_at"])
    source = {"exposures": {"table": ""}, "custom_events": {"files": "events", "window_column": "dt"}}
    with open_source(files_config(tmp_path, {}, **source)) as by_day:
        assert keys(by_day) == [1]
        sql = by_day.read_window(by_day.tables[0], DAY, NEXT).statement
        (plan,) = by_day._database._connection().execute(f"EXPLAIN {sql}").fetchall()
    assert "Scanning Files: 1/2" in plan[1]


def test_only_the_row_groups_of_a_window_are_read(tmp_path: Path):
    """All others are spoilt, which whoever reads one of them notices."""
    moments = [datetime(2026, 11, 1 + n // 24, n % 24) for n in range(240)]
    write_events(tmp_path / "events.parquet", list(range(240)), moments=moments, row_group_size=24)
    groups = pq.read_metadata(tmp_path / "events.parquet")
    second, end = groups.row_group(1).column(0), groups.row_group(9).column(9)
    first = second.dictionary_page_offset or second.data_page_offset
    with (tmp_path / "events.parquet").open("r+b") as file:
        file.seek(first)
        file.write(b"\xff" * (end.data_page_offset - first))
    with opened(tmp_path, "events.parquet") as source:
        assert keys(source) == list(range(24))
        with pytest.raises(SourceError, match=r"events\.parquet cannot be read"):
            keys(source, NEXT, NEXT + timedelta(days=1))


@pytest.mark.fault("F467")
def test_a_column_that_only_some_files_have_is_null_in_the_others_in_whatever_order(tmp_path: Path):
    write_events(tmp_path / "a.parquet", [1], without=["value", "metadata"])
    write_events(tmp_path / "b.parquet", [2], value="9.5")
    with opened(tmp_path, "*.parquet") as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    values = dict(zip(frame["row_key"], frame["value"], strict=True))
    assert values[2] == "9.5"
    assert pd.isna(values[1])


@pytest.mark.fault("F467")
def test_a_file_that_comes_while_windows_are_read_is_read_by_the_next_also_with_a_new_column(tmp_path: Path):
    write_events(tmp_path / "a.parquet", [1])
    with opened(tmp_path, "*.parquet") as source:
        assert keys(source) == [1]
        write_events(tmp_path / "b.parquet", [2], more="new")
        write_events(tmp_path / "0.parquet", [3], user_id=7)  # of another type, and the first by its name
        assert keys(source) == [1, 2, 3]


@pytest.mark.fault("F468")
@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_a_file_that_is_replaced_or_removed_while_it_is_read_ends_the_window(tmp_path: Path, change: str):
    for n in range(3):
        write_events(tmp_path / f"{n}.parquet", list(range(n * 5_000, (n + 1) * 5_000)))
    with opened(tmp_path, "*.parquet") as source:
        read = source.read_window(source.tables[0], DAY, NEXT, chunk_rows=1_000)
        next(read)
        if change == "replaced":
            write_events(tmp_path / "new", list(range(90_000, 95_000)))
            (tmp_path / "new").rename(tmp_path / "2.parquet")
        else:
            (tmp_path / "2.parquet").unlink()
        with pytest.raises(SourceError, match=r"files were replaced or removed .*: 1, such as .*/2\.parquet"):
            list(read)


@pytest.mark.fault("F529")
def test_a_file_that_is_replaced_between_two_windows_is_read_as_it_is_now(tmp_path: Path):
    """Though what a file says of itself is kept, and the new one has the size and the time of the old."""
    write_events(tmp_path / "a.parquet", [1, 2])
    write_events(tmp_path / "new", [3, 4], moments=[datetime(2026, 11, 2, 1)] * 2)
    old = (tmp_path / "a.parquet").stat()
    os.utime(tmp_path / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
    with opened(tmp_path, "*.parquet") as source:
        assert keys(source) == [1, 2]
        assert (tmp_path / "new").stat().st_size == old.st_size
        (tmp_path / "new").rename(tmp_path / "a.parquet")
        assert keys(source) == []
        assert keys(source, NEXT, NEXT + timedelta(days=1)) == [3, 4]


@pytest.mark.fault("F469")
@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("none/*.parquet", r"source\.custom_events\.files: there is no .*/none \(.*/none/\*\.parquet\)"),
        ("there/*.csv", r"source\.custom_events\.files: no file matches it \(.*/there/\*\.csv\)"),
        ("there/empty", r"source\.custom_events\.files: no file matches it"),
        ("broken/*", r"broken/cut\.parquet is no Parquet file, or is not written to its end"),
        ("text.parquet", r"text\.parquet is no Parquet file"),
        ("nobody://x/*.parquet", r"source\.custom_events\.files: nobody://x/\*\.parquet cannot be opened"),
        ("gone/a.parquet", r"source\.custom_events\.files: there is no .*/gone/a\.parquet"),
    ],
)
def test_files_that_are_not_there_or_no_parquet_are_told_with_the_key_that_names_them(
    tmp_path: Path, pattern: str, told: str
):
    write_events(tmp_path / "there/a.parquet", [1])
    (tmp_path / "there/empty").mkdir()
    write_events(tmp_path / "broken/cut.parquet", list(range(100)))
    os.truncate(tmp_path / "broken/cut.parquet", 700)
    (tmp_path / "text.parquet").write_text("id,event_name\n1,secret purchase\n")
    with pytest.raises(SourceError, match=told) as raised, opened(tmp_path, pattern) as source:
        keys(source)
    assert "secret purchase" not in str(raised.value)


@pytest.mark.fault("F469")
def test_files_that_do_not_agree_on_a_type_are_an_error_without_a_value(tmp_path: Path):
    write_events(tmp_path / "a.parquet", [1])
    table = pa.table({**EVENTS([2]), "ingested_at": ["secret text"]})
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(SourceError) as raised, opened(tmp_path, "*.parquet") as source:
        keys(source)
    assert "secret" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.fault("F470")
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"url": "sqlite:///a.db", "exposures": {"files": "a"}}, "tables are files or are in a database: remove url"),
        ({"exposures": {"files": "a"}}, r"\[source\.custom_events\] has no files, where another table has"),
        ({"exposures": {"files": "s3://key:secret@b/a"}}, "a URL with a password before its host is a secret"),
        (
            {"exposures": {"files": "a", "schema": "s"}, "custom_events": {"table": ""}},
            r"\[source\.exposures\] has files and a schema",
        ),
        ({"exposures": {"files": "env:NOWHERE"}}, "the environment variable NOWHERE is not set"),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_the_configuration(tmp_path: Path, source: dict[str, Any], told: str):
    with pytest.raises(ConfigError, match=told):
        open_source(parse_config({"source": source}, folder=tmp_path, environ={}))


@pytest.mark.fault("F470")
def test_a_name_with_a_wildcard_in_it_is_that_file_alone(tmp_path: Path):
    write_events(tmp_path / "events/[1]*.parquet", [1])
    write_events(tmp_path / "events/1b.parquet", [2])
    with opened(tmp_path, "events") as source:
        assert keys(source) == [1, 2]


@pytest.mark.fault("F471")
def test_nothing_is_downloaded_for_a_file_that_is_far_away(tmp_path: Path):
    """DuckDB would install its extension for a URL that it does not know, from the network, without a word."""
    write_events(tmp_path / "a.parquet", [1])
    with opened(tmp_path, "a.parquet") as source:
        settings = source._database._connection()
        named = ("autoinstall_known_extensions", "autoload_known_extensions")
        assert [settings.execute(f"SELECT current_setting('{name}')").fetchone() for name in named] == [(False,)] * 2


def test_init_finds_the_layout_of_files_and_plan_reads_them_by_what_it_wrote(tmp_path: Path):
    write_events(tmp_path / "data/shop events/a.parquet", [1, 2])
    report = json.loads(init(tmp_path, "--json", "--files", "shop=data/shop events").stdout)
    source = written(tmp_path)["source"]

    assert (report["layout"], report["tables_looked_at"]) == ("native", 1)
    assert "url" not in source
    assert source["custom_events"]["files"] == "data/shop events"
    assert source["exposures"] == {"table": ""}
    assert planned(tmp_path, "", "2026-11-01", "2026-11-02") == 2


def test_init_of_files_says_what_cannot_be(tmp_path: Path):
    for words, told in {
        ("--files", "a"): "--files is not NAME=PATTERN",
        ("--files", "a=b", "--layout", "native"): "leave out --url, --schema, --layout and --tables",
        ("--files", "a=b/*.parquet"): "--files: there is no",
    }.items():
        result = init(tmp_path, *words)
        assert told in result.stderr
        assert result.exit_code in {2, 3}
    assert not (tmp_path / "export.toml").exists()


def test_check_and_status_need_no_database_where_tables_are_files(tmp_path: Path):
    write_events(tmp_path / "data/a.parquet", [1])
    init(tmp_path, "--files", "custom_events=data")
    with Receiver() as receiver:
        environ = {"FIVETRAN_WEBHOOK_URL": receiver.url, "FIVETRAN_WEBHOOK_SECRET": "s"}
        days = ["--from", "2026-11-01", "--to", "2026-11-02"]
        for words, code in ((["run", *days], 0), (["status", *days], 0), (["check"], 1), (["verify"], 0)):
            config = str(tmp_path / "export.toml")
            result = CliRunner().invoke(cli, ["--config", config, *words], env=environ)
            assert result.exit_code == code, (words, result.output)
        assert "closed windows are not exported" in CliRunner().invoke(cli, ["--config", config, "check"]).output
        assert len(receiver.events()) == 1
