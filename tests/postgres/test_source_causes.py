"""What an error of PostgreSQL's says: which it is, where, and what to do; the same by rows and through ADBC."""

import re
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from source_databases import read, source_at
from sqlalchemy import Engine, create_engine, make_url

from statsig_export.databases.causes import cause_of
from statsig_export.errors import SourceError
from statsig_export.layouts.native_tables import EXPOSURES, create_tables

NOON = "2026-11-01 12:00"
SECRET = "text of a row"
ROWS = 30_000
COLUMNS = tuple(column.name for column in EXPOSURES.columns if column.name != "id")


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Of a database whose exposures are a view; the rows are in `kept`."""
    engine = create_engine(postgres_url)
    create_tables(engine, "native")
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE exposures RENAME TO kept")
        connection.exec_driver_sql(
            f"INSERT INTO kept (id, name, ingested_at) SELECT n, '{SECRET}', '{NOON}'"  # noqa: S608
            f" FROM generate_series(1, {ROWS}) n"
        )
    yield engine
    engine.dispose()


def view(engine: Engine, name: str) -> None:
    """Make the view `exposures`, whose column `name` is this expression."""
    columns = ", ".join(f"{name} AS name" if column == "name" else f'"{column}"' for column in COLUMNS)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE VIEW exposures AS SELECT id, {columns} FROM kept")  # noqa: S608


@pytest.mark.fault("F205")
@pytest.mark.parametrize("reader", ["fastest", "plain"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            f"(CASE WHEN id < {ROWS} THEN '1' ELSE name END)::int::text",
            "22P02 InvalidTextRepresentation, at .*the view",
        ),
        (f"(1 / ({ROWS} - id))::text", "22012 DivisionByZero, at .*the view"),
        ("name || pg_sleep(0.001)::text", "57014 QueryCanceled: statement timeout, at .*raise it for this user"),
    ],
)
def test_a_read_that_fails_halfway_says_by_its_sqlstate_why(
    engine: Engine, postgres_url: str, reader: str, name: str, says: str
):
    view(engine, name)
    url = f"{postgres_url}&options=-c%20statement_timeout%3D2000"
    with source_at(url, reader=reader) as source, pytest.raises(SourceError, match=says) as raised:
        read(source)
    assert SECRET not in str(raised.value)
    assert "run the window again" in str(raised.value)


@pytest.mark.fault("F204")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"database": "nowhere"}, "3D000 InvalidCatalogName, at /.*no such database"),
        ({"username": "nobody_at_all"}, "28000 no such role, at /.*its user and password"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, "ECONNREFUSED connection refused, at 127.0.0.1:1"),
        ({"host": "no-host.invalid", "query": {}}, "EAI_NONAME .*, at no-host.invalid:5432.*its host's name"),
        ({"query": {"host": "/nowhere"}}, "ENOENT no server listens at this socket, at /nowhere:5432"),
        ({"username": "no_login"}, "28000 the role may not log in, at /.*LOGIN"),
        ({"username": "no_connect"}, "42501 no right to CONNECT, at /.*grant this user CONNECT"),
        ({"query": {"host": "127.0.0.1", "port": "99999"}}, "08001 no such port"),
    ],
)
def test_a_connection_that_fails_says_which_part_of_the_url_to_check(
    postgres_url: str, change: dict[str, object], says: str
):
    plain = make_url(postgres_url)
    with closing(psycopg.connect(plain.set(drivername="postgresql").render_as_string(), autocommit=True)) as owner:
        owner.execute(f'REVOKE CONNECT ON DATABASE "{plain.database}" FROM PUBLIC')
        for role, may in (("no_login", "NOLOGIN"), ("no_connect", "LOGIN")):
            owner.execute(f"DROP ROLE IF EXISTS {role}")
            owner.execute(f"CREATE ROLE {role} {may}")
    url = plain.set(password="hunter2", **change)  # type: ignore[arg-type]
    with (
        source_at(url.render_as_string(hide_password=False)) as source,
        pytest.raises(SourceError, match=says) as raised,
    ):
        source.check_schema(source.tables[0])
    assert "hunter2" not in str(raised.value)


@pytest.mark.fault("F339")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ('FATAL:  pg_hba.conf rejects connection for host "10.0.0.1", user "ada"', "28000 pg_hba.conf rejects it"),
        ('no pg_hba.conf entry for host "10.0.0.1", no encryption', "28000 .*without TLS"),
        ("server does not support SSL, but SSL was required", "08001 TLS: the server has none"),
        ("FATAL:  SSL required", "08001 TLS: the server wants it"),
        ('root certificate file "/root/.postgresql/root.crt" does not exist', "TLS: the root certificate's file"),
        ("SSL error: certificate verify failed", "TLS: .*authority of sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "TLS: .*another host's"),
    ],
)
def test_what_a_server_says_before_it_has_a_code_is_known_by_its_words(words: str, says: str):
    assert re.match(f".*{says}", str(cause_of(psycopg.OperationalError(words))))
