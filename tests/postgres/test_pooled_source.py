"""The source's address is a pooler: a real PgBouncer, mostly in transaction mode, before a real PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from home import Home
from pgbouncer import pooled
from source_databases import source_at
from sqlalchemy import create_engine, make_url

from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.native_tables import create_tables
from statsig_export.source.discovery import Discovery
from statsig_export.source.source import Source

DAY = datetime(2026, 11, 1, tzinfo=UTC)
READERS = ["fastest", "plain"]


@pytest.fixture
def filled_url(postgres_url: str) -> str:
    """The server itself, with the native tables and an exposure."""
    engine = create_engine(postgres_url)
    create_tables(engine, "native")
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO exposures (name, ingested_at) VALUES ('g', '2026-11-01 12:00')")
    engine.dispose()
    return postgres_url


@pytest.fixture
def pooler(filled_url: str) -> Iterator[str]:
    """One session for everybody, so that what is left on it is met by the next."""
    with pooled(filled_url, "transaction", default_pool_size=1, query_wait_timeout=5) as through:
        yield through


def connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, prepare_threshold=None)


def left_on_the_session(url: str) -> dict[str, object]:
    """Every setting, and what else outlives a transaction, as somebody else finds it who gets the session next."""
    with closing(connect(url)) as other:
        found = dict(other.execute("SELECT name, setting FROM pg_settings").fetchall())
        for kept in ("pg_prepared_statements", "pg_cursors"):
            found[kept] = other.execute(f"SELECT count(*) FROM {kept}").fetchone()  # noqa: S608
        found["locks"] = other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    return {str(name): value for name, value in found.items()}


def rows(source: Source) -> int:
    """The rows of all tables, each looked at and read more often than a driver waits before it prepares."""
    return sum(
        len(frame)
        for table in source.tables
        for hour in range(6)
        for frame in source.read_window(table, DAY + timedelta(hours=hour * 4), DAY + timedelta(hours=hour * 4 + 4))
    )


@pytest.mark.fault("F200")
@pytest.mark.parametrize("reader", READERS)
def test_a_source_behind_a_pooler_of_one_session_is_read_and_the_run_says_by_what(
    pooler: str, reader: str, tmp_path: Path
):
    home = Home(tmp_path, source_url=pooler, settings={"source": {"reader": reader}})
    home.export("2026-11-01")

    assert home.account().events == 1
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger:
        ((version,),) = ledger.execute("SELECT library_version FROM export_runs").fetchall()
    assert version.endswith("+adbc" if reader == "fastest" else "+psycopg")


@pytest.mark.fault("F201")
@pytest.mark.parametrize("reader", READERS)
def test_nothing_that_a_read_sets_is_left_to_others_who_use_the_pooler(pooler: str, reader: str):
    before = left_on_the_session(pooler)
    with source_at(pooler, reader=reader) as source:
        assert rows(source) == 1
        assert source.count_outside(source.tables[0], DAY, DAY + timedelta(days=2)).rows == {}
        chunks = source.read_window(source.tables[0], DAY, DAY + timedelta(days=1))
        next(chunks)
        chunks.close()
    with Discovery(make_url(pooler)) as discovery:
        assert len(discovery.tables().found) == 2

    assert left_on_the_session(pooler) == before


@pytest.mark.fault("F201")
@pytest.mark.parametrize("reader", READERS)
def test_within_a_read_the_session_waits_for_no_lock_forever_cannot_write_and_says_who_it_is(pooler: str, reader: str):
    names = ("lock_timeout", "transaction_read_only", "application_name")
    settings = ", ".join(f"current_setting('{name}')" for name in names)
    with source_at(pooler, reader=reader) as source:
        (chunk,) = source._database.chunks(f"SELECT {settings}", 1)
    row = [column[0].as_py() for column in chunk.columns] if reader == "fastest" else list(chunk[0])

    assert row == ["1min", "on", "statsig-export"]


@pytest.mark.fault("F335")
@pytest.mark.parametrize("reader", READERS)
def test_a_double_has_all_its_digits_whatever_was_left_on_the_session(pooler: str, reader: str):
    with closing(connect(pooler)) as other:
        other.execute("SET extra_float_digits = 0")
    with source_at(pooler, reader=reader) as source:
        (chunk,) = source._database.chunks("SELECT CAST(0.1::float8 + 0.2::float8 AS TEXT)", 1)
    (text,) = [column[0].as_py() for column in chunk.columns] if reader == "fastest" else chunk[0]

    assert text == "0.30000000000000004"
    assert left_on_the_session(pooler)["extra_float_digits"] == "0"


@pytest.mark.fault("F202")
def test_where_adbc_gets_no_connection_the_plain_driver_reads_and_the_reader_says_so(
    filled_url: str, caplog: pytest.LogCaptureFixture
):
    with (
        pooled(filled_url, "transaction", max_client_conn=1) as through,  # which the look at the catalog has
        source_at(through) as source,
    ):
        assert source.reader == "adbc"
        assert rows(source) == 1
        assert source.reader == "psycopg"
    assert "ADBC cannot connect (53300 TooManyConnections): the rows are read with psycopg" in caplog.text


@pytest.mark.fault("F202")
def test_arguments_that_only_the_plain_driver_knows_are_honoured_by_it(filled_url: str):
    with source_at(filled_url, connect={"autocommit": False}) as source:
        assert (rows(source), source.reader) == (1, "psycopg")
    with source_at(filled_url, connect={"application_name": "ours"}) as source:
        (chunk,) = source._database.chunks("SELECT current_setting('application_name')", 1)
        assert (chunk.column(0)[0].as_py(), source.reader) == ("ours", "adbc")


@pytest.mark.fault("F203")
@pytest.mark.parametrize(("ignored", "says"), [("", "takes no `options`"), ("options", "ignores its `options`")])
@pytest.mark.parametrize("place", ["url", "connect"])
def test_a_pooler_that_does_not_pass_the_search_path_on_is_refused(
    filled_url: str, ignored: str, says: str, place: str
):
    settings = {"ignore_startup_parameters": ignored} if ignored else {}
    given = {"options": "-csearch_path=elsewhere"}
    with pooled(filled_url, "transaction", **settings) as through:
        url = make_url(through).update_query_dict(given if place == "url" else {}).render_as_string(hide_password=False)
        with (
            source_at(url, connect=given if place == "connect" else {}) as source,
            pytest.raises(ConfigError, match=f"source.url: .*{says}"),
        ):
            rows(source)


@pytest.mark.fault("F203")
@pytest.mark.parametrize("reader", READERS)
def test_a_pooler_that_gives_every_statement_another_session_is_refused(filled_url: str, reader: str):
    with (
        pooled(filled_url, "statement") as through,
        source_at(through, reader=reader) as source,
        pytest.raises(ConfigError, match="pool_mode = statement"),
    ):
        rows(source)


@pytest.mark.fault("F203")
def test_a_pool_that_others_use_up_is_an_error_that_says_so(filled_url: str):
    with ExitStack() as until:
        through = until.enter_context(pooled(filled_url, "transaction", default_pool_size=1, query_wait_timeout=1))
        other = until.enter_context(closing(connect(through)))
        other.execute("BEGIN")
        source = until.enter_context(source_at(through))
        with pytest.raises(SourceError, match=r"query_wait_timeout.*raise its pool size"):
            rows(source)
