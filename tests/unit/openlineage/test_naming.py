"""What OpenLineage calls our datasets: as its naming conventions have it, and without any secret."""

import pytest
from openlineage.client.naming import dataset
from sqlalchemy.engine import make_url

from statsig_export.layouts.placement import source_tables
from statsig_export.openlineage.naming import destination_name, files_name, source_files_name, table_name
from statsig_export.settings import SourceSettings, TableSettings
from statsig_export.vocabulary import Category


def named(url: str, schema: str | None = None) -> tuple[str, str]:
    settings = SourceSettings(exposures=TableSettings.model_validate({"schema": schema}))
    name = table_name(make_url(url), source_tables(settings)[0])
    return name.namespace, name.name


def official(naming: dataset.DatasetNaming) -> tuple[str, str]:
    return naming.get_namespace(), naming.get_name()


@pytest.mark.parametrize(
    ("url", "schema", "naming"),
    [
        (
            "postgresql+psycopg://ann:secret@db.example:6543/app",
            None,
            dataset.Postgres("db.example", "6543", "app", "public", "exposures"),
        ),
        ("postgresql://db.example/app", "events", dataset.Postgres("db.example", "5432", "app", "events", "exposures")),
        ("mysql+pymysql://ann:secret@db.example/app", None, dataset.MySQL("db.example", "3306", "app", "exposures")),
        ("mariadb+pymysql://db.example:3307/app", None, dataset.MySQL("db.example", "3307", "app", "exposures")),
        (
            "snowflake://ann:secret@org-account/app/events?warehouse=w",
            None,
            dataset.Snowflake("org", "account", "app", "events", "exposures"),
        ),
        (
            "trino://reader@trino.example:8443/hive/events",
            None,
            dataset.Trino("trino.example", "8443", "hive", "events", "exposures"),
        ),
        (
            "awsathena+rest://@athena.eu-west-1.amazonaws.com/events?s3_staging_dir=s3://bucket/",
            None,
            dataset.Athena("eu-west-1", "AwsDataCatalog", "events", "exposures"),
        ),
        ("bigquery://project/events", None, dataset.BigQuery("project", "events", "exposures")),
        ("bigquery://project/events", "other", dataset.BigQuery("project", "other", "exposures")),
        (
            "redshift+psycopg2://ann:secret@mine.abc123.eu-west-1.redshift.amazonaws.com/app",
            None,
            dataset.Redshift("mine", "eu-west-1", "5439", "app", "public", "exposures"),
        ),
    ],
)
def test_a_table_has_the_name_that_the_official_client_would_give_it(
    url: str, schema: str | None, naming: dataset.DatasetNaming
):
    assert named(url, schema) == official(naming)


@pytest.mark.parametrize("backend", ["sqlite", "duckdb"])
def test_a_table_in_a_file_is_named_by_the_file(backend: str):
    assert named(f"{backend}:////srv/events.db") == (f"{backend}:///srv/events.db", "exposures")


def test_a_database_without_a_host_is_on_this_machine():
    assert named("postgresql:///app?host=/run/postgresql")[0] == "postgres://localhost:5432"


@pytest.mark.parametrize(
    ("url", "naming"),
    [
        ("/srv/files/", dataset.LocalFileSystem("/srv/files/events/category=custom_event")),
        ("file:///srv/files", dataset.LocalFileSystem("/srv/files/events/category=custom_event")),
        ("s3://bucket/some/where", dataset.S3("bucket", "some/where/events/category=custom_event")),
        ("s3://key:secret@bucket", dataset.S3("bucket", "events/category=custom_event")),
        ("simplecache::gs://bucket/where/", dataset.GCS("bucket", "where/events/category=custom_event")),
    ],
)
def test_files_are_named_by_their_bucket_or_folder(url: str, naming: dataset.DatasetNaming):
    name = files_name(url, Category.CUSTOM_EVENT)

    assert (name.namespace, name.name) == official(naming)


def test_the_destination_is_known_by_its_configured_name_alone():
    name = destination_name("fivetran")

    assert (name.namespace, name.name) == ("webhook", "fivetran")


@pytest.mark.parametrize(
    ("pattern", "namespace", "name"),
    [
        ("/srv/events/*.parquet", "file", "/srv/events"),
        ("/srv/events/dt=*/part-?.parquet", "file", "/srv/events"),
        ("/srv/events", "file", "/srv/events"),
        ("s3://bucket/events/*.parquet", "s3://bucket", "events"),
        ("s3://bucket/*.parquet", "s3://bucket", ""),
        ("s3://bucket/events/metadata/00001-5f.metadata.json", "s3://bucket", "events"),
    ],
)
def test_files_of_a_source_are_named_by_the_folder_before_the_first_wildcard(pattern: str, namespace: str, name: str):
    found = source_files_name(pattern)
    assert (found.namespace, found.name) == (namespace, name)
