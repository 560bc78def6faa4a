# ruff: noqa: S608 - the rows of these tests are written as SQL literals
"""Redshift's dialect and driver, run for real against a PostgreSQL that has what Redshift has and PostgreSQL has not.
JSON_SERIALIZE is in both.

It shows that psycopg2 connects, finds the columns and streams, and that the statements run; not that Redshift itself
agrees. The statements as such are pinned in tests/databases/statements/redshift.sql.
"""

from collections.abc import Iterator

import pandas as pd
import psycopg
import pytest
from source_databases import unplaced
from sqlalchemy import make_url
from test_source_postgres import DAY, NEXT_DAY, NOON, read, source_at

from statsig_export.errors import SourceError
from statsig_export.vocabulary import Category

STAND_IN = """
CREATE DOMAIN super AS text;
CREATE VIEW svv_columns AS
    SELECT table_schema, table_name, column_name, coalesce(domain_name, data_type) AS data_type, ordinal_position
    FROM information_schema.columns;
CREATE TABLE exposures (id bigint, time_uuid varchar, exposure_type varchar, name varchar, rule_id varchar,
    gate_value boolean, group_name varchar, reason varchar, unit_type varchar, user_id varchar, "user" super,
    metadata super, statsig_metadata varchar, "timestamp" timestamptz, ingested_at timestamptz);
CREATE TABLE custom_events (id bigint, time_uuid varchar, event_name varchar, user_id varchar, "user" super,
    value double precision, metadata varchar, statsig_metadata varchar, "timestamp" timestamp, ingested_at timestamp)
"""


@pytest.fixture
def redshift(postgres_url: str) -> Iterator[psycopg.Connection]:
    url = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(STAND_IN)
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET timezone = 'America/New_York'")
        yield connection


@pytest.fixture
def redshift_url(redshift: psycopg.Connection, postgres_url: str) -> str:
    del redshift  # only for what it made
    query = dict(make_url(postgres_url).query)
    return (
        make_url(postgres_url)
        .set(drivername="redshift+psycopg2", query={**query, "sslmode": "disable"})
        .render_as_string(hide_password=False)
    )


def test_rows_are_read_with_super_as_json_text_and_times_in_utc(redshift: psycopg.Connection, redshift_url: str):
    redshift.execute(
        'INSERT INTO exposures (id, exposure_type, name, gate_value, "user", statsig_metadata, timestamp, ingested_at)'
        """ VALUES (1, 'gate', 'Grüße', true, '{"a" : 1}', '{"cut": "sho', %s, %s),"""
        " (2, 'layer', 'n', null, null, null, null, %s)",
        ["2026-11-01 07:00:00-05", f"{NOON}+00", f"{NOON}+00"],
    )
    with source_at(redshift_url) as source:
        frame = read(source)
        layers = read(source, categories=[Category.LAYER_EXPOSURE])
        assert source.count_rows(source.tables[0], DAY, NEXT_DAY) == 2
        assert unplaced(source) == 0
    assert frame["row_key"].tolist() == [1, 2]
    assert frame["user"].tolist() == ['{"a" : 1}', pd.NA]
    assert frame["statsig_metadata"].tolist() == ['{"cut": "sho', pd.NA]
    assert frame["timestamp"].dropna().tolist() == [pd.Timestamp("2026-11-01 12:00:00")]
    assert layers["row_key"].tolist() == [2]


def test_a_double_keeps_all_its_digits(redshift: psycopg.Connection, redshift_url: str):
    redshift.execute(
        f"INSERT INTO custom_events (id, value, ingested_at) VALUES (1, 0.1::float8 + 0.2, '{NOON}'), (2, 7, '{NOON}')"
    )
    with source_at(redshift_url) as source:
        assert read(source, "custom_events")["value"].tolist() == ["0.30000000000000004", "7"]


def test_a_read_streams_through_a_cursor_in_the_server(redshift: psycopg.Connection, redshift_url: str):
    redshift.execute(f"INSERT INTO exposures (id, ingested_at) SELECT n, '{NOON}' FROM generate_series(1, 3000) n")
    with source_at(redshift_url) as source:
        chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=1000)
        next(chunks)
        (running,) = redshift.execute(
            "SELECT query FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD % FROM \"statsig_export\"'"
        ).fetchone() or (None,)
        assert running is not None
        assert sum(len(chunk) for chunk in chunks) == 2000


def test_a_connection_that_drops_halfway_is_a_source_error(redshift: psycopg.Connection, redshift_url: str):
    redshift.execute(f"INSERT INTO exposures (id, ingested_at) SELECT n, '{NOON}' FROM generate_series(1, 3000) n")
    with source_at(redshift_url) as source:
        chunks = source.read_window(source.tables[0], DAY, NEXT_DAY, chunk_rows=1000)
        next(chunks)
        redshift.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'FETCH FORWARD%'")
        with pytest.raises(SourceError, match=r"reading table exposures failed: (57P01|08006) "):
            list(chunks)
        assert len(read(source)) == 3000


def test_a_missing_table_is_named_with_the_near_miss(redshift: psycopg.Connection, redshift_url: str):
    redshift.execute("ALTER TABLE exposures RENAME TO exposure")
    with source_at(redshift_url) as source, pytest.raises(SourceError, match="did you mean exposure"):
        source.check_schema(source.tables[0])
