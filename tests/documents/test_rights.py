"""The rights that a database's page grants are enough, and are no more than reading."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from blocks import ROOT, blocks
from first_contact import init, planned
from sqlalchemy import create_engine, make_url

from statsig_export.layouts.native_tables import create_tables

PAGE = ROOT / "docs/how-to/databases/postgresql.md"


def test_the_role_of_the_page_reads_by_the_index_of_the_page_and_does_nothing_else(postgres_url: str, tmp_path: Path):
    plain = make_url(postgres_url).set(drivername="postgresql")
    owner = plain.render_as_string(hide_password=False)
    with closing(psycopg.connect(owner, autocommit=True)) as connection:
        connection.execute("create schema analytics")
        engine = create_engine(postgres_url, connect_args={"options": "-csearch_path=analytics"})
        create_tables(engine, "native")
        engine.dispose()
        connection.execute(
            "insert into analytics.custom_events (id, event_name, ingested_at, timestamp)"
            " values (1, 'purchase', '2026-11-20 12:00', '2026-11-20 12:00')"
        )
        try:
            for block in blocks(PAGE, "sql"):
                for statement in filter(str.strip, block.text.split(";")):
                    connection.execute(statement)
            reader = plain.set(username="statsig_reader", password="change me").render_as_string(hide_password=False)
            done = init(tmp_path, "--schema", "analytics", STATSIG_DATABASE_URL=reader)
            assert done.exit_code == 0, done.output
            assert planned(tmp_path, reader) == 1
            with (
                closing(psycopg.connect(reader.replace("change me", "change%20me"))) as as_reader,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                as_reader.execute("delete from analytics.custom_events")
        finally:
            connection.execute("drop owned by statsig_reader")
            connection.execute("drop role statsig_reader")
