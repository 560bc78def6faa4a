"""Parquet files in an S3 over HTTP as a source: what Statsig's own export to S3 leaves."""

import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from first_contact import init, planned, written
from home import Home
from parquet_files import EVENTS, NOON
from s3_server import S3Server, s3_server
from s3fs.core import S3File, S3FileSystem
from statsig_tables import COLUMNS

from statsig_export.cli.options import cli
from statsig_export.config import parse_config
from statsig_export.errors import SourceError
from statsig_export.source.source import open_source
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import window_from_key

DAYS = ["--from", "2026-11-01", "--to", "2026-11-02"]
SECRET = "wJalrXUtnFEMI-K7MDENG"
VALUES: dict[str, object] = {
    "exposure_type": "check_gate",
    "name": "checkout",
    "experiment_group": "pass",
    "unit_id": "u",
    "unit_type": "user_id",
    "user_id": "u",
    "event_name": "buy",
    "user_dimensions": '{"country":"NZ"}',
}


def exported(table: str) -> dict[str, Any]:
    """One row of a table of Statsig's own export, with all columns that Statsig documents."""
    kinds = {"time": pa.timestamp("us"), "float": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}
    return {
        name: pa.array([NOON if kind == "time" else VALUES.get(name)], kinds.get(kind, pa.string()))
        for name, kind in COLUMNS[f"cloud_exports.{table}"].items()
    }


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with an empty bucket `lake`, open to all, named by the environment."""
    server.reset()
    server.client().create_bucket(Bucket="lake")
    for name, value in server.environ().items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    return server


def put(s3: S3Server, key: str, columns: dict[str, Any], **options: object) -> None:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    s3.client().put_object(Bucket="lake", Key=key, Body=file.getvalue())


def verb(folder: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "export.toml"), *words], env=environ)


def source_of(folder: Path, pattern: str, **connect: object) -> Any:  # noqa: ANN401
    home = Home(folder)
    tables = {"exposures": {"table": ""}, "custom_events": {"files": pattern}}
    document = {**home.document, "source": {**tables, "connect": connect}}
    return parse_config(document, folder=folder, environ={**home.environ, **os.environ})


def keys(folder: Path, pattern: str, **connect: object) -> list[int]:
    window = window_from_key("2026-11-01", source_of(folder, pattern).windows)
    with open_source(source_of(folder, pattern, **connect)) as source:
        frames = list(source.read_window(source.tables[0], window.start, window.end))
    return sorted(int(key) for frame in frames for key in frame["row_key"])


def test_statsigs_export_to_a_bucket_is_found_planned_exported_and_shipped(s3: S3Server, tmp_path: Path):
    put(s3, "statsig/exposures/2026-11-01/part-0.parquet", exported("exposures"))
    put(s3, "statsig/events/2026-11-01/part-0.parquet", exported("events"))
    named = [
        "--files",
        "exposures=s3://lake/statsig/exposures",
        "--files",
        "events=s3://lake/statsig/events/*/*.parquet",
    ]
    assert init(tmp_path, *named).exit_code == 0
    assert written(tmp_path)["source"]["layout"] == "cloud_exports"
    assert planned(tmp_path, "", "2026-11-01", "2026-11-02") == 2

    with Receiver() as receiver:
        hook = {"FIVETRAN_WEBHOOK_URL": receiver.url, "FIVETRAN_WEBHOOK_SECRET": "s"}
        result = verb(tmp_path, "run", *DAYS, "--json", **hook)
        assert json.loads(result.stdout)["sent"] == 2, result.output
        assert {event["eventName"] for event in receiver.events()} == {"statsig::gate_exposure", "buy"}


def test_keys_of_its_own_are_named_in_the_configuration(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(s3, "a.parquet", EVENTS([1]))
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    key, secret = s3.user({"Version": "2012-10-17", "Statement": [statement]})
    s3.ask_for_credentials()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKE_SECRET", secret)
    connect = {"key": key, "secret": "env:LAKE_SECRET", "endpoint_url": s3.url}
    assert keys(tmp_path, "s3://lake/*.parquet", **connect) == [1]


@pytest.mark.fault("F469")
def test_a_bucket_that_lets_nobody_in_or_is_not_there_is_told_without_a_secret(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    put(s3, "a.parquet", EVENTS([1]))
    with pytest.raises(SourceError, match=r"cannot be listed \(NoSuchBucket\)"):
        keys(tmp_path, "s3://nowhere/*.parquet")
    with pytest.raises(
        SourceError, match=r"no file matches it \(s3://lake/none/\*\.parquet\)|there is no s3://lake/none"
    ):
        keys(tmp_path, "s3://lake/none/*.parquet")
    s3.ask_for_credentials()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(SourceError, match=r"cannot be listed \(InvalidAccessKeyId\)") as raised:
        keys(tmp_path, "s3://lake/*.parquet")
    assert SECRET not in f"{raised.value}"


@pytest.mark.fault("F469")
def test_a_file_that_may_be_listed_but_not_read_is_named(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(s3, "a.parquet", EVENTS([1]))
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
    key, secret = s3.user({"Version": "2012-10-17", "Statement": [statement]})
    s3.ask_for_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(
        SourceError, match=r"source\.custom_events\.files: .* cannot be read \(PermissionError\)"
    ) as raised:
        keys(tmp_path, "s3://lake/*.parquet")
    assert secret not in f"{raised.value}"


@pytest.mark.fault("F468")
def test_an_object_that_is_written_anew_while_it_is_read_ends_the_window(s3: S3Server, tmp_path: Path):
    noise = np.random.default_rng(1)
    rows = 20_000
    texts = [noise.bytes(600).hex() for _ in range(rows)]
    columns = EVENTS(list(range(rows))) | {"metadata": [f'{{"x":"{text}"}}' for text in texts]}
    put(s3, "a.parquet", columns, row_group_size=2_048)
    config = source_of(tmp_path, "s3://lake/*.parquet")
    window = window_from_key("2026-11-01", config.windows)
    with open_source(config) as source:
        read = source.read_window(source.tables[0], window.start, window.end, chunk_rows=1_000)
        next(read)
        put(s3, "a.parquet", columns | {"id": list(range(rows, 2 * rows))}, row_group_size=2_048)
        with pytest.raises(SourceError, match="files were replaced or removed while they were read: 1"):
            list(read)


def test_only_the_columns_of_the_layout_are_fetched(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a file of 24 MB."""
    noise = np.random.default_rng(1)
    columns = EVENTS(list(range(1_000))) | {"picture": [noise.bytes(24_000) for _ in range(1_000)]}
    put(
        s3,
        "events/a.parquet",
        dict(sorted(columns.items(), key=lambda column: column[0] == "picture")),
        row_group_size=1_000,
    )
    fetched: list[int] = []
    fetch = S3File._fetch_range

    def counted(file: S3File, start: int, end: int) -> bytes:
        fetched.append(end - start)
        return fetch(file, start, end)

    asked: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def noted(filesystem: S3FileSystem, method: str, *words: object, **named: object) -> object:
        asked[method] += 1
        return await call(filesystem, method, *words, **named)

    monkeypatch.setattr(S3File, "_fetch_range", counted)
    monkeypatch.setattr(S3FileSystem, "_call_s3", noted)
    assert len(keys(tmp_path, "s3://lake/events/*.parquet")) == 1_000
    assert 0 < sum(fetched) < 12_000_000
    assert asked["head_object"] == 0  # the listing has said it


@pytest.mark.fault("F478")
@pytest.mark.parametrize("pattern", ["s3://lake/events", "s3://lake/events/dt=1/*.parquet", "s3://lake/*/*/a.parquet"])
def test_a_delta_table_in_a_bucket_is_refused_wherever_the_pattern_begins(s3: S3Server, tmp_path: Path, pattern: str):
    put(s3, "events/dt=1/a.parquet", EVENTS([1]))
    s3.client().put_object(Bucket="lake", Key="events/_delta_log/00000000000000000000.json", Body=b"{}")
    with pytest.raises(SourceError, match=r"s3://lake/events .*Delta"):
        keys(tmp_path, pattern)


@pytest.mark.fault("F479")
def test_a_folder_that_a_pattern_matches_is_read_from_a_bucket_and_its_own_mark_is_no_file(
    s3: S3Server, tmp_path: Path
):
    put(s3, "events/day1.parquet/part-0.parquet", EVENTS([1]))
    put(s3, "events/day2.parquet", EVENTS([2]))
    for mark in ("events/", "events/day1.parquet/", "events/day1.parquet/_SUCCESS"):
        s3.client().put_object(Bucket="lake", Key=mark, Body=b"")
    assert keys(tmp_path, "s3://lake/events/*.parquet") == [1, 2]
    assert keys(tmp_path, "s3://lake/events") == [1, 2]
