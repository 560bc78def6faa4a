"""Logs of Delta and Iceberg tables that are broken, misleading or of another place."""

import errno
import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from lake_tables import add, columns_of, commit_deletes, iceberg_table, lay_down_delta, puffin_deletes
from parquet_files import NOON
from test_delta import events
from test_export import exported
from test_files import DAY, NEXT, files_config, keys, opened
from test_iceberg import data_of

from statsig_export.errors import SourceError


def metadata_of(folder: Path) -> Path:
    return max((folder / "metadata").glob("*.metadata.json"))


def refused(folder: Path, words: str) -> SourceError:
    with pytest.raises(SourceError, match=words) as raised, opened(folder, "t") as source:
        keys(source)
    return raised.value


@pytest.mark.fault("F610")
@pytest.mark.parametrize("checkpoint", [False, True])
def test_partitions_whose_names_were_swapped_keep_their_values(tmp_path: Path, *, checkpoint: bool):
    """Delta's log has partitions under the names that the files had, delta-rs shows them under those of now."""
    table = events(1)
    described = [
        {**each, "metadata": {"delta.columnMapping.physicalName": each["name"], "delta.columnMapping.id": n}}
        for n, each in enumerate(columns_of(table), 1)
    ]
    swapped = {"value": "user_id", "user_id": "value"}
    for each in described:
        each["name"] = swapped.get(each["name"], each["name"])
    action = add(
        tmp_path / "t",
        "a.parquet",
        table.drop_columns(["value", "user_id"]),
        partitionValues={"value": "was value", "user_id": "was user_id"},
    )
    features = {"features": ["columnMapping"], "partitions": ["user_id", "value"]}
    lay_down_delta(tmp_path / "t", described, [action], **features, **{"columnMapping.mode": "name"})
    if checkpoint:
        DeltaTable(str(tmp_path / "t")).create_checkpoint()
    with opened(tmp_path, "t") as source:
        (frame,) = source.read_window(source.tables[0], DAY, NEXT)
    assert (frame["value"].tolist(), frame["user_id"].tolist()) == (["was user_id"], ["was value"])


@pytest.mark.fault("F611")
@pytest.mark.parametrize("path", ["../outside.parquet", "%2E%2E/outside.parquet", "a/../../outside.parquet"])
def test_a_log_that_names_files_out_of_its_folder_is_refused(tmp_path: Path, path: str):
    table = events(1)
    actions = [add(tmp_path / "t", "a.parquet", table), add(tmp_path / "t", "b.parquet", table)]
    (tmp_path / "t/b.parquet").rename(tmp_path / "outside.parquet")
    actions[1]["add"]["path"] = path
    lay_down_delta(tmp_path / "t", columns_of(table), actions)
    refused(tmp_path, r"it names files by a path with \.\. in it")


@pytest.mark.fault("F611")
def test_metadata_that_name_files_of_another_host_are_refused_at_once(tmp_path: Path):
    iceberg_table(tmp_path / "t", events(1))
    file = metadata_of(tmp_path / "t")
    file.write_text(file.read_text().replace("file:///", "file://elsewhere/"))
    refused(tmp_path, "it names files of file://elsewhere, and its log is not there")


@pytest.mark.fault("F611")
def test_an_iceberg_table_that_was_copied_is_refused_and_a_link_to_one_is_read(tmp_path: Path):
    """A copy's metadata name the files of the first, whatever became of the copy since."""
    iceberg_table(tmp_path / "first", events(1))
    shutil.copytree(tmp_path / "first", tmp_path / "t")
    assert "copied from" in refused(tmp_path, "it was copied or moved").hint
    (tmp_path / "link").symlink_to(tmp_path / "first")
    with opened(tmp_path, "link") as source:
        assert keys(source) == [1]


@pytest.mark.fault("F612")
@pytest.mark.parametrize("broken", [b"", b"\0" * 99, b"Obj\x01", b"{}"])
@pytest.mark.parametrize("which", ["m0.avro", "snap-", "deletes.avro", "deletes.puffin"])
def test_a_file_of_an_iceberg_tables_log_that_is_not_whole_ends_the_window_in_our_words(
    iceberg_with_deletes: Path, broken: bytes, which: str
):
    found = [path for path in iceberg_with_deletes.rglob("*") if which in path.name]
    file = max(found, key=lambda path: path.stat().st_mtime_ns)
    whole = file.read_bytes()
    file.write_bytes(broken)
    try:
        raised = refused(iceberg_with_deletes, "cannot be read")
    finally:
        file.write_bytes(whole)
    assert "run it again" in raised.hint


@pytest.fixture(scope="module")
def iceberg_with_deletes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    table = iceberg_table(folder / "t", events(1, 2))
    commit_deletes(table, folder / "t", puffin_deletes(table, folder / "t", data_of(table)[0], [0]))
    return folder


@pytest.mark.fault("F612")
def test_a_commit_of_a_delta_table_that_is_an_empty_file_is_not_taken_for_one_that_changed_nothing(tmp_path: Path):
    write_deltalake(str(tmp_path / "t"), events(1))
    write_deltalake(str(tmp_path / "t"), events(2), mode="append")
    last = tmp_path / "t/_delta_log/00000000000000000001.json"
    whole = last.read_bytes()
    last.write_bytes(b"")
    assert "run it again" in refused(tmp_path, f"{last.name} of its log is empty").hint
    last.write_bytes(whole)
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1, 2]


@pytest.mark.fault("F612")
@pytest.mark.parametrize("lost", [0, 2, 4])
def test_a_delta_table_whose_log_has_a_gap_is_refused(tmp_path: Path, lost: int):
    """Version 4 follows a checkpoint."""
    for n in range(6):
        write_deltalake(str(tmp_path / "t"), events(n), mode="append")
        if n == 3 and lost == 4:
            DeltaTable(str(tmp_path / "t")).create_checkpoint()
    (tmp_path / f"t/_delta_log/{lost:020}.json").unlink()
    refused(tmp_path, r"the log of .*/t \(Delta\) cannot be read")


@pytest.mark.fault("F613")
def test_a_commit_that_came_after_the_hint_was_written_is_read(tmp_path: Path):
    """Writers without a catalog write the hint last, and go on where they cannot."""
    table = iceberg_table(tmp_path / "t", events(1))
    folder = tmp_path / "t/metadata"
    Path(table.metadata_location.removeprefix("file://")).rename(folder / "v1.metadata.json")
    (folder / "version-hint.text").write_text("1\n")
    later = json.loads((folder / "v1.metadata.json").read_text()) | {"current-snapshot-id": -1, "refs": {}}
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1]
        (folder / "v2.metadata.json").write_text(json.dumps(later))
        assert keys(source) == []
        (folder / "v4.metadata.json").write_text("that of nobody")
        assert keys(source) == []


def test_file_names_with_odd_characters_are_read_as_they_are_also_beside_a_partition(tmp_path: Path):
    names = ["a b", "a[b]", "a%20b", "a'b", "a#b?", "é*", "a\\b", "x=a%2Fb/c", "a;b,{c}", 'q"']
    actions = []
    for n, name in enumerate(names):
        rows = events(n).drop_columns(["value"])
        action = add(tmp_path / "t", f"{name}.parquet", rows, partitionValues={"value": f"v{n}"})
        action["add"]["path"] = quote(f"{name}.parquet")
        actions.append(action)
    lay_down_delta(tmp_path / "t", columns_of(events(1)), actions, partitions=["value"])
    with opened(tmp_path, "t") as source:
        frame = pd.concat(list(source.read_window(source.tables[0], DAY, NEXT)))
    assert sorted(zip(frame["row_key"], frame["value"], strict=True)) == [(n, f"v{n}") for n in range(len(names))]


def test_times_of_96_bits_are_moments(tmp_path: Path):
    table = events(1)
    place = table.column_names.index("ingested_at")
    table = table.set_column(place, "ingested_at", table["ingested_at"].cast(pa.timestamp("us", "UTC")))
    action = add(tmp_path / "t", "a.parquet", table)
    pq.write_table(table, tmp_path / "t/a.parquet", use_deprecated_int96_timestamps=True)
    lay_down_delta(tmp_path / "t", columns_of(table), [action])
    with opened(tmp_path, "t") as source:
        assert keys(source) == [1]


@pytest.mark.fault("F615")
@pytest.mark.parametrize("logged", [True, False], ids=["delta", "parquet"])
def test_rows_without_a_key_are_not_planned_again_when_a_struct_gets_a_new_member(tmp_path: Path, *, logged: bool):
    """Nor when they are then written anew, as a compaction does."""

    def write(n: int, user: dict[str, object]) -> None:
        rows = {name: pa.array([value]) for name, value in {"event_name": "buy", "user_id": f"u-{n}"}.items()}
        table = pa.table({**rows, "timestamp": pa.array([NOON]), "user_object": [user]})
        if logged:
            write_deltalake(str(tmp_path / "t"), table, mode="append", schema_mode="merge")
        else:
            (tmp_path / "t").mkdir(exist_ok=True)
            pq.write_table(table, tmp_path / f"t/{n}.parquet")

    lacking = dict.fromkeys(("stable_id", "custom_ids", "event_value", "statsig_metadata", "company_metadata"), "")
    events = {"files": "t", "columns": lacking}
    config = files_config(tmp_path, {}, layout="cloud_exports", exposures={"table": ""}, custom_events=events)
    write(0, {"userID": "u", "custom": {"a": "1"}})
    before = exported(config)
    write(1, {"userID": "v", "custom": {"a": "1", "b": "2"}, "email": "e"})
    after = exported(config)
    if logged:
        DeltaTable(str(tmp_path / "t")).optimize.compact()
    assert len(before) == 1
    assert len(after) == len(exported(config)) == 2


@pytest.mark.fault("F616")
def test_a_file_of_a_table_that_may_not_be_read_is_not_told_as_one_that_was_cleaned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_deltalake(str(tmp_path / "t"), events(1))

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "refused")

    with opened(tmp_path, "t") as source:
        source.check_schema(source.tables[0])
        monkeypatch.setattr("statsig_export.source.readers.lakes.pq.read_schema", refuse)  # tests may run as root
        with pytest.raises(SourceError, match="EACCES") as raised:
            keys(source)
    assert "let these credentials read" in raised.value.hint
