"""Which Parquet files a pattern means: formats with a log, folders, links, and what may not be listed."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from parquet_files import EVENTS, write_events
from test_files import DAY, NEXT, files_config, keys, opened

from statsig_export.errors import SourceError
from statsig_export.source.source import open_source


@pytest.mark.fault("F478")
@pytest.mark.parametrize(
    ("log", "named"),
    [
        ("_delta_log/00000000000000000000.json", "Delta"),
        ("metadata/v1.metadata.json", "Iceberg"),
        ("metadata/00001-5f.gz.metadata.json", "Iceberg"),
        ("metadata/snap-1-1-a.avro", "Iceberg"),
        (".hoodie/hoodie.properties", "Hudi"),
    ],
)
@pytest.mark.parametrize(
    "pattern",
    ["lake", "lake/events", "lake/events/data/dt=2026-11-01", "lake/*/data/**/*.parquet", "lake/**/a.parquet"],
)
def test_files_of_which_a_log_says_which_count_are_refused_wherever_the_pattern_begins(
    tmp_path: Path, pattern: str, log: str, named: str
):
    """Read as plain Parquet, rows that were deleted would come back without a word."""
    write_events(tmp_path / "lake/events/data/dt=2026-11-01/a.parquet", [1])
    write_events(tmp_path / "lake/plain/a.parquet", [2])
    mark = tmp_path / "lake/events" / log
    mark.parent.mkdir()
    mark.write_text("{}")
    told = rf"source\.custom_events\.files: .*/lake/events .*{named}"
    with pytest.raises(SourceError, match=told), opened(tmp_path, pattern) as source:
        keys(source)
    with opened(tmp_path, "lake/plain") as source:  # beside it there is no log
        assert keys(source) == [2]


@pytest.mark.fault("F478")
def test_a_folder_that_is_just_called_metadata_is_no_log(tmp_path: Path):
    write_events(tmp_path / "events/a.parquet", [1])
    (tmp_path / "events/metadata").mkdir()
    (tmp_path / "events/metadata/readme.json").write_text("{}")
    with opened(tmp_path, "events") as source:
        assert keys(source) == [1]


@pytest.mark.fault("F479")
@pytest.mark.parametrize("pattern", ["events/*.parquet", "events/*", "events", "events/[bd]*"])
def test_a_folder_that_a_pattern_matches_means_its_parquet_files_as_spark_writes_them(tmp_path: Path, pattern: str):
    write_events(tmp_path / "events/day1.parquet/part-0.snappy.parquet", [1])
    (tmp_path / "events/day1.parquet/_SUCCESS").touch()
    write_events(tmp_path / "events/day2.parquet", [2])
    with opened(tmp_path, pattern) as source:
        assert keys(source) == [1, 2]


@pytest.mark.fault("F479")
@pytest.mark.parametrize("pattern", ["events", "events/day*"])
def test_a_folder_means_its_parquet_files_however_their_ending_is_written(tmp_path: Path, pattern: str):
    write_events(tmp_path / "events/day1/a.PARQUET", [1])
    write_events(tmp_path / "events/day2/b.Parquet", [2])
    write_events(tmp_path / "events/day2/c.csv", [3])
    with opened(tmp_path, pattern) as source:
        assert keys(source) == [1, 2]


@pytest.mark.fault("F480")
def test_links_to_folders_are_followed_and_a_file_with_two_names_is_read_once(tmp_path: Path):
    write_events(tmp_path / "elsewhere/a.parquet", [1], without=["ingested_at"])
    write_events(tmp_path / "events/dt=2026-11-01/b.parquet", [2], without=["ingested_at"])
    (tmp_path / "events/a_link").symlink_to(tmp_path / "events/dt=2026-11-01")
    (tmp_path / "events/latest").symlink_to(tmp_path / "events/dt=2026-11-01")
    (tmp_path / "events/dt=2026-11-01/c.parquet").symlink_to(tmp_path / "events/dt=2026-11-01/b.parquet")
    (tmp_path / "events/dt=2026-11-01/loop").symlink_to(tmp_path / "events")
    (tmp_path / "events/dt=2026-11-01/more").symlink_to(tmp_path / "elsewhere")
    table: dict[str, object] = {"files": "events", "window_column": "dt"}
    with open_source(files_config(tmp_path, {}, exposures={"table": ""}, custom_events=table)) as source:
        assert keys(source) == [1, 2]


@pytest.mark.fault("F481")
def test_a_folder_below_that_may_not_be_listed_is_an_error_and_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Denied by a patch, as root may list everything."""
    write_events(tmp_path / "events/dt=1/a.parquet", [1])
    write_events(tmp_path / "events/dt=2/b.parquet", [2])
    listed = LocalFileSystem.ls

    def denied(self: LocalFileSystem, path: str, **options: Any) -> Any:  # noqa: ANN401 - as fsspec has it
        if str(path).endswith("dt=2"):
            raise PermissionError(13, "Permission denied", path)
        return listed(self, path, **options)

    monkeypatch.setattr(LocalFileSystem, "ls", denied)
    with pytest.raises(SourceError, match=r"events cannot be listed \(EACCES"), opened(tmp_path, "events") as source:
        keys(source)


@pytest.mark.fault("F482")
def test_a_link_that_leads_nowhere_is_named_and_no_other_file(tmp_path: Path):
    write_events(tmp_path / "events/a.parquet", [1])
    (tmp_path / "events/b.parquet").symlink_to(tmp_path / "gone")
    told = r"events/b\.parquet cannot be read \(it is not there\)"
    with pytest.raises(SourceError, match=told), opened(tmp_path, "events") as source:
        keys(source)


@pytest.mark.fault("F511")
def test_patterns_of_two_tables_that_match_the_same_file_are_refused(tmp_path: Path):
    write_events(tmp_path / "data/events/a.parquet", [1])
    files = {"custom_events": "data/events", "exposures": "data/**/*.parquet"}
    told = r"source\.\w+\.files: 1 files are those of the table \w+ too, such as .*/events/a\.parquet"
    with open_source(files_config(tmp_path, files)) as source:
        assert source._database.columns("custom_events", None)
        with pytest.raises(SourceError, match=told):
            source._database.columns("exposures", None)


@pytest.mark.fault("F512")
def test_a_column_of_which_the_writer_saw_no_value_is_null(tmp_path: Path):
    """Arrow, and so pandas, gives it a type of its own."""
    nothing = pa.nulls(1)
    table = pa.table({**EVENTS([1]), "user_id": nothing, "value": nothing, "metadata": nothing, "timestamp": nothing})
    pq.write_table(table, tmp_path / "a.parquet")
    with opened(tmp_path, "a.parquet") as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    assert frame[["user_id", "value", "metadata", "timestamp"]].isna().all(axis=None)
    assert frame["row_key"].tolist() == [1]
