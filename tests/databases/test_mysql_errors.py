"""What MySQL and MariaDB say of an error, and what is left on their sessions: needs a server that you name."""

import os
import socket
import threading
from contextlib import closing

import pytest
from real_databases import RealDatabase
from source_databases import DAY, NEXT_DAY, NOON, read, source_at
from sqlalchemy import create_engine, make_url

from statsig_export.errors import SourceError
from statsig_export.layouts.native_tables import create_tables
from statsig_export.source.discovery import Discovery

SERVER = os.environ.get("STATSIG_EXPORT_TEST_DATABASE", "")

pytestmark = pytest.mark.skipif(not SERVER, reason="STATSIG_EXPORT_TEST_DATABASE names no server")


@pytest.fixture
def native(database_of) -> RealDatabase:
    database: RealDatabase = database_of("mysql")
    engine = create_engine(database.url)
    create_tables(engine, "native")
    engine.dispose()
    return database


@pytest.mark.fault("F209")
def test_a_session_is_after_a_read_as_it_was_before(native: RealDatabase):
    settings = "SELECT @@SESSION.time_zone, @@SESSION.lock_wait_timeout, @@SESSION.sql_select_limit"
    own = {"init_command": "SET SESSION time_zone = '+03:00', lock_wait_timeout = 77, sql_select_limit = 5"}
    with source_at(native.url, connect=own) as source:
        (within,) = source._database.chunks(settings, 1)
        read(source)
        with closing(source._database._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute(settings)
            after = cursor.fetchone()
            cursor.close()

    assert within[0] == ("+00:00", 60, 2**64 - 1)
    assert after == ("+03:00", 77, 5)


@pytest.mark.fault("F344")
@pytest.mark.parametrize("setting", ["sql_select_limit = 5", "sql_mode = 'ONLY_FULL_GROUP_BY,ANSI_QUOTES'"])
def test_no_setting_of_the_session_takes_rows_away_or_ends_a_count(native: RealDatabase, setting: str):
    row = {"name": "g", "exposure_type": "gate", "ingested_at": NOON}
    native.insert("exposures", [row] * 12)
    native.insert("exposures", [{**row, "ingested_at": time} for time in ("1999-01-01", "2998-01-01")])
    with source_at(native.url, connect={"init_command": f"SET SESSION {setting}"}) as source:
        assert len(read(source)) == 12
        assert source.count_outside(source.tables[0], DAY, NEXT_DAY).rows == {"before_start": 1, "in_future": 1}


@pytest.mark.fault("F339")
@pytest.mark.parametrize(
    ("account", "says"),
    [
        ("REQUIRE SSL", r"1045 .*ssl_ca"),
        ("PASSWORD EXPIRE", r"(1820|1862) .*has expired"),
        ("ACCOUNT LOCK", r"(4151|3118) .*ACCOUNT UNLOCK"),
    ],
)
def test_a_user_that_is_kept_out_is_told_why(native: RealDatabase, account: str, says: str):
    native.run("DROP USER IF EXISTS kept_out@'%', kept_out@localhost")
    native.run(f"CREATE USER kept_out@localhost IDENTIFIED BY 'hunter2' {account}")
    native.run("GRANT SELECT ON *.* TO kept_out@localhost")
    url = make_url(SERVER).set(username="kept_out", password="hunter2").render_as_string(hide_password=False)
    with source_at(url) as source, pytest.raises(SourceError, match=says):
        source.check_schema(source.tables[0])


@pytest.mark.fault("F339")
def test_what_is_no_mysql_server_is_told_by_its_host_and_port():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        closer = threading.Thread(target=hang_up)
        closer.start()
        url = f"mysql+pymysql://ada@127.0.0.1:{server.getsockname()[1]}/events"
        with source_at(url) as source, pytest.raises(SourceError, match=r"2013 .*its host and port"):
            source.check_schema(source.tables[0])
        closer.join()


@pytest.mark.fault("F209")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"username": "nobody_at_all", "password": "hunter2"}, r"(1045|1698) ER_ACCESS_DENIED"),
        ({"database": "nowhere"}, r"1049 ER_BAD_DB_ERROR.*no such database"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, r"ECONNREFUSED .*MySQL 2003, at 127.0.0.1:1\."),
        ({"host": "no-host.invalid", "query": {}}, r"EAI_NONAME .*at no-host.invalid:3306\."),
    ],
)
def test_a_connection_that_fails_says_which_part_of_the_url_to_check(change: dict[str, object], says: str):
    url = make_url(SERVER).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
    with source_at(url) as source, pytest.raises(SourceError, match=says) as raised:
        source.check_schema(source.tables[0])
    assert "hunter2" not in str(raised.value)


@pytest.mark.fault("F209")
def test_a_view_of_what_is_gone_says_so_by_its_number(native: RealDatabase):
    native.run("DROP TABLE exposures")
    native.run("CREATE TABLE kept (id INT)")
    try:
        native.run("CREATE VIEW exposures AS SELECT * FROM kept")
        native.run("DROP TABLE kept")
        with native.source() as source, pytest.raises(SourceError, match=r"1356 ER_VIEW_INVALID, at .*mend the view"):
            source.check_schema(source.tables[0])
    finally:
        native.run("DROP VIEW IF EXISTS exposures")


@pytest.mark.fault("F341")
def test_init_looks_at_the_urls_database_and_at_others_only_where_it_is_empty(native: RealDatabase):
    native.run("DROP DATABASE IF EXISTS other_database")
    native.run("CREATE DATABASE other_database")
    try:
        native.run("CREATE TABLE other_database.custom_events AS SELECT * FROM custom_events")
        native.run("DROP TABLE exposures")
        with Discovery(make_url(native.url)) as discovery:
            assert {(table.schema, table.name) for table in discovery.tables().found} == {(None, "custom_events")}
            named = discovery.tables("other_database").found
        assert {(table.schema, table.name) for table in named} == {("other_database", "custom_events")}
        native.run("DROP TABLE custom_events")
        with Discovery(make_url(native.url)) as discovery:
            assert "other_database" in {table.schema for table in discovery.tables().found}
    finally:
        native.run("DROP DATABASE other_database")
