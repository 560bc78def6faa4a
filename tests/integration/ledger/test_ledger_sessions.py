"""What a server, a role or the environment sets for every session, and the ledger's transactions cannot work under."""

from contextlib import closing

import psycopg
import pytest
from home import ExportHome
from psycopg import sql
from rows import custom_event
from sqlalchemy import make_url, text

from statsig_export.ledger.database import open_to_write
from statsig_export.maintenance.verify import verify


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def shipped(home: ExportHome, ledger_url: str) -> int:
    home.environ["LEDGER"] = ledger_url
    home.add([custom_event(key, event_name="café") for key in range(1, 26)])
    home.set("webhook", max_events=2, concurrency=4)
    home.export()
    home.ship()
    assert verify(home.config).differences == ()
    return home.account().forwarded


@pytest.mark.fault("F685")
@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_requests_side_by_side_are_recorded_whatever_the_databases_default_isolation_is(
    home: ExportHome, postgres_url: str, level: str
):
    with psycopg.connect(plain(postgres_url), autocommit=True) as admin:
        database = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}").format(database, level))

    assert shipped(home, postgres_url) == 25
    with closing(open_to_write(make_url(postgres_url))) as ledger, ledger.write() as connection:
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"


@pytest.mark.fault("F686")
@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_database_without_an_encoding_can_be_the_ledger(home: ExportHome, postgres_url: str, driver: str):
    name = f"ascii_{make_url(postgres_url).database}"
    with psycopg.connect(plain(postgres_url), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        try:
            url = make_url(postgres_url).set(drivername=f"postgresql+{driver}", database=name)
            assert shipped(home, url.render_as_string(hide_password=False)) == 25
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.fault("F686")
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_an_encoding_in_the_environment_is_not_that_of_the_ledger(
    home: ExportHome, postgres_url: str, encoding: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    assert shipped(home, postgres_url) == 25
