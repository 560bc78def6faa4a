"""Delta and Iceberg tables in an S3 over HTTP as a source, with the credentials that reach plain files there."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from first_contact import init, planned, written
from lake_tables import add, columns_of, lay_down_delta, stored_vector
from parquet_files import EVENTS
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from s3_server import S3Server, s3_server
from test_source_on_s3 import DAYS, exported, keys, source_of, verb

from statsig_export.errors import SourceError
from statsig_export.source.source import open_source
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import window_from_key


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


def writing(s3: S3Server) -> dict[str, str]:
    return {**s3.environ(), "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1"}


def iceberg(s3: S3Server, name: str, table: pa.Table) -> Table:
    options = {"s3.endpoint": s3.url, "s3.access-key-id": "anyone", "s3.secret-access-key": "anything"}
    options["s3.region"] = "us-east-1"  # else it is asked for on the internet
    catalog = SqlCatalog("test", uri="sqlite:///:memory:", warehouse="s3://lake/warehouse", **options)
    catalog.create_namespace("statsig")
    made = catalog.create_table(f"statsig.{name}", table.schema, location=f"s3://lake/{name}")
    made.append(table)
    return made


def upload(s3: S3Server, folder: Path, prefix: str) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            key = f"{prefix}/{file.relative_to(folder)}"
            s3.client().put_object(Bucket="lake", Key=key, Body=file.read_bytes())


def shipped(folder: Path, *named: str) -> set[str]:
    """What `init`, `plan` and `run` make of two tables of Statsig's own export, a row each."""
    words = [word for name in named for word in ("--files", name)]
    assert init(folder, *words).exit_code == 0
    assert written(folder)["source"]["layout"] == "cloud_exports"
    assert planned(folder, "", "2026-11-01", "2026-11-02") == 2
    with Receiver() as receiver:
        hook = {"FIVETRAN_WEBHOOK_URL": receiver.url, "FIVETRAN_WEBHOOK_SECRET": "s"}
        for sent in (2, 0):
            result = verb(folder, "run", *DAYS, "--json", **hook)
            assert json.loads(result.stdout)["sent"] == sent, result.output
            assert result.stderr == "", result.stderr
        return {event["eventName"] for event in receiver.events()}


@pytest.mark.acceptance
def test_delta_and_iceberg_tables_in_a_bucket_are_found_planned_exported_and_shipped(s3: S3Server, tmp_path: Path):
    write_deltalake("s3://lake/exposures", pa.table(exported("exposures")), storage_options=writing(s3))
    metadata = iceberg(s3, "events", pa.table(exported("events"))).metadata_location
    assert shipped(tmp_path, "exposures=s3://lake/exposures", f"events={metadata}") == {"statsig::gate_exposure", "buy"}


@pytest.mark.parametrize("form", ["delta", "iceberg"])
def test_the_log_is_read_with_the_keys_that_the_configuration_names(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
):
    """delta-rs and pyiceberg would look for others by themselves."""
    if form == "delta":
        table = pa.table(EVENTS([1, 2]))
        (tmp_path / "t").mkdir()
        vector = stored_vector(tmp_path / "t", [1])
        action = add(tmp_path / "t", "a.parquet", table, deletionVector=vector)
        lay_down_delta(tmp_path / "t", columns_of(table), [action], ["deletionVectors"])
        upload(s3, tmp_path / "t", "t")
    else:
        iceberg(s3, "t", pa.table(EVENTS([1, 2]))).delete("id = 2")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    key, secret = s3.user({"Version": "2012-10-17", "Statement": [statement]})
    s3.ask_for_credentials()
    for name in s3.environ():
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKE_SECRET", secret)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    connect = {"key": key, "secret": "env:LAKE_SECRET", "endpoint_url": s3.url}
    assert keys(tmp_path, "s3://lake/t", **connect) == [1]
    with pytest.raises(SourceError, match=r"InvalidAccessKeyId|NoCredentials") as raised:
        keys(tmp_path, "s3://lake/t", **{**connect, "key": "nobody"})
    assert secret not in f"{raised.value} {raised.value.hint}"


@pytest.mark.fault("F526")
def test_a_table_in_a_bucket_is_read_anew_after_a_vacuum_and_a_new_table_of_its_name(s3: S3Server, tmp_path: Path):
    options = writing(s3)
    for n in range(3):
        write_deltalake("s3://lake/t", pa.table(EVENTS([n])), mode="append", storage_options=options)
    config = source_of(tmp_path, "s3://lake/t")
    window = window_from_key("2026-11-01", config.windows)
    with open_source(config) as source:

        def read() -> list[int]:
            frames = source.read_window(source.tables[0], window.start, window.end)
            return sorted(int(key) for frame in frames for key in frame["row_key"])

        assert read() == [0, 1, 2]
        table = DeltaTable("s3://lake/t", storage_options=options)
        table.optimize.compact()
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        assert read() == [0, 1, 2]
        for found in s3.client().list_objects_v2(Bucket="lake", Prefix="t/")["Contents"]:
            s3.client().delete_object(Bucket="lake", Key=found["Key"])
        write_deltalake("s3://lake/t", pa.table(EVENTS([7])), storage_options=options)
        assert read() == [7]
        for found in s3.client().list_objects_v2(Bucket="lake", Prefix="t/part")["Contents"]:
            s3.client().delete_object(Bucket="lake", Key=found["Key"])
        write_deltalake("s3://lake/t", pa.table(EVENTS([8])), mode="append", storage_options=options)
        with pytest.raises(SourceError, match=r"s3://lake/t \(Delta\) cannot be read") as raised:
            read()
        assert "run it again" in raised.value.hint
