"""What one may write as a database's URL, and what is said of the rest."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from source_databases import read, source_at
from sqlalchemy import URL, create_engine, make_url

from statsig_export.config import parse_config
from statsig_export.database_urls import read_url
from statsig_export.errors import ConfigError, SourceError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.native_tables import create_tables
from statsig_export.ledger.database import open_to_read, open_to_write
from statsig_export.openlineage.naming import table_name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a folder" / "events.db"
    file.parent.mkdir()
    engine = create_engine(f"sqlite:///{file}")
    create_tables(engine, "native")
    engine.dispose()
    return file


@pytest.mark.fault("F207")
@pytest.mark.parametrize(
    ("written", "driver"),
    [
        ("postgresql://ada@host/events", "postgresql+psycopg"),
        ("mysql://ada@host/events", "mysql+pymysql"),
        ("mariadb://ada@host/events", "mariadb+pymysql"),
        ("mysql+mysqldb://ada@host/events", "mysql+mysqldb"),
    ],
)
def test_a_bare_name_means_the_driver_that_its_extra_installs(written: str, driver: str):
    config = parse_config({"source": {"url": "env:DB"}}, folder=Path.cwd(), environ={"DB": written})

    assert config.source_url().drivername == driver


@pytest.mark.fault("F207")
@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("postgres://ada:hunter2@host/events", "write postgresql://"),
        ("jdbc:postgresql://ada:hunter2@host/events", "write postgresql://"),
        ("postgresql+asyncpg://ada:hunter2@host/events", "asyncpg is an asynchronous driver.*write postgresql://"),
        ("mysql+aiomysql://ada:hunter2@host/events", "aiomysql is an asynchronous driver.*write mysql://"),
        ("sqlite+aiosqlite:///events.db", "aiosqlite is an asynchronous driver.*write sqlite://"),
        ("postgresql+psycopg_async://ada:hunter2@host/events", "asynchronous driver"),
        ("postgresql://ada:hun@ter2@host/events", "%40"),
    ],
)
def test_a_url_that_cannot_be_read_is_a_configuration_error_that_says_what_to_write(written: str, says: str):
    with pytest.raises(ConfigError, match=says) as raised:
        source_at(written)
    for secret in ("hunter2", "hun@", "ter2", "ada"):
        assert secret not in str(raised.value)


@pytest.mark.fault("F338")
@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("postgresql://ada:p@hunter2?x/y@host/events", "%40.*%3F"),
        ("mysql+pymysql://ada:p@hunter2?x=/y@host:3306/events", "%40.*%3F"),
        (" postgresql://ada:hunter2@host/events\n", "blanks, a line's end or quotes"),
        ('"postgresql://ada:hunter2@host/events"', "blanks, a line's end or quotes"),
        ("host=host user=ada password=hunter2 dbname=events", "libpq's.*write postgresql://"),
        (
            "postgresql://ada:hunter2@host:port/events",
            "@host:5432/database, its port a number",
        ),
        ("pg://ada:hunter2@host/events", "write postgresql://"),
    ],
)
def test_what_is_nearly_a_url_is_told_by_what_is_wrong_and_shows_no_part_of_a_password(written: str, says: str):
    with pytest.raises(ConfigError, match=says) as raised:
        source_at(written)
    for secret in ("hunter2", "ada"):
        assert secret not in str(raised.value)


@pytest.mark.fault("F338")
@pytest.mark.parametrize(
    "url", ["postgresql://ada@host/events?sslmode=require", "snowflake://ada%40corp.com:x@account/db?role=a@b"]
)
def test_a_sign_of_mail_behind_a_question_mark_alone_is_no_host(url: str):
    assert read_url(url, "source.url", Path).host in {"host", "account"}


@pytest.mark.fault("F207")
@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("postgresql+psycopg3://ada:hunter2@host/events", "did you mean postgresql[+]psycopg://"),
        ("postgresql+pyscopg2://ada:hunter2@host/events", "did you mean postgresql[+]psycopg2://"),
        ("postgressql://ada:hunter2@host/events", "did you mean postgresql://"),
        ("postgresql+pg8000://ada:hunter2@host/events", "install the package of pg8000, or write postgresql://"),
        ("oracle://ada:hunter2@host/events", "install the package that brings"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_and_not_another(written: str, says: str):
    with pytest.raises(SourceError, match=says) as raised:
        source_at(written)
    assert "hunter2" not in str(raised.value)


@pytest.mark.fault("F208")
@pytest.mark.parametrize(
    "written",
    [
        "sqlite:///file:{path}?mode=ro&uri=true",
        "sqlite:///file://{path}?mode=ro&uri=true",
        "sqlite:///file:a%20folder/events.db?mode=ro&uri=true",
        "sqlite:///file:{path}?immutable=1",
        "sqlite:///{path}?mode=ro",
        "sqlite:///a folder/events.db?immutable=1",
    ],
)
def test_a_sqlite_file_is_read_by_its_uri_and_told_by_its_path(file: Path, written: str):
    folder = file.parent.parent
    document = {"source": {"url": "env:DB"}}
    config = parse_config(document, folder=folder, environ={"DB": written.format(path=file)})
    url = config.source_url()
    with source_at(url.render_as_string(hide_password=False)) as source:
        assert len(read(source)) == 0
        with source._database._connect() as connection, pytest.raises(Exception, match=r"readonly|read-only"):
            connection.exec_driver_sql("DELETE FROM exposures")
    assert table_name(url, LAYOUTS["native"][0]).namespace == f"sqlite://{file}"


@pytest.mark.fault("F208")
def test_a_uri_of_a_file_that_is_not_there_names_the_file(tmp_path: Path):
    with pytest.raises(SourceError, match=f"no SQLite database at {tmp_path}/no file.db"):
        source_at(f"sqlite:///file:{tmp_path}/no%20file.db?mode=ro&uri=true")


@pytest.mark.fault("F208")
def test_a_ledger_is_not_opened_by_a_uri(tmp_path: Path):
    with pytest.raises(ConfigError, match="a ledger is opened by its path"):
        open_to_write(make_url(f"sqlite:///file:{tmp_path}/ledger.db?uri=true"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F208")
def test_a_tilde_is_the_users_folder_unless_there_is_one_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ada")
    document = {
        "source": {"url": "sqlite:///~/events.db"},
        "ledger": {"url": "sqlite:///~/ledger.db"},
        "storage": {"url": "~/files"},
    }
    config = parse_config(document, folder=tmp_path, environ={})
    assert config.source_url().database == "/home/ada/events.db"
    assert config.ledger_url().database == "/home/ada/ledger.db"
    assert config.storage_url() == "/home/ada/files"

    (tmp_path / "~").mkdir()
    sqlite3.connect(tmp_path / "~" / "ledger.db").close()
    assert config.ledger_url().database == f"{tmp_path}/~/ledger.db"


@pytest.mark.fault("F355")
@pytest.mark.parametrize(
    "written",
    [
        "bigquery://project/dataset?credentials_base64=hunter2",
        "bigquery://project/dataset?credentials_path=/nowhere/hunter2",
        "bigquery://project/dataset?arraysize=hunter2",
        "bigquery://project/dataset?dry_run=hunter2",
        "snowflake://ada@account/db?numpy=hunter2",
        "mysql+pymysql://ada@host/db?connect_timeout=hunter2",
        "sqlite:///{path}?timeout=hunter2",
        "sqlite:///{path}?check_same_thread=hunter2",
    ],
)
def test_a_parameter_of_a_url_that_the_dialect_cannot_take_is_an_error_of_the_configuration(file: Path, written: str):
    with pytest.raises(ConfigError, match="one of these is refused by") as raised:
        source_at(written.format(path=file))
    assert "hunter2" not in str(raised.value)


@pytest.mark.fault("F355")
@pytest.mark.parametrize("parameter", ["timeout=hunter2", "check_same_thread=hunter2", "uri=hunter2"])
@pytest.mark.parametrize("open_it", [open_to_write, open_to_read])
def test_a_parameter_of_the_ledgers_url_that_the_dialect_cannot_take_is_an_error_of_the_configuration(
    tmp_path: Path, parameter: str, open_it: Callable[[URL], object]
):
    with pytest.raises(ConfigError, match="sqlite refuses one of its parameters") as raised:
        open_it(make_url(f"sqlite:///{tmp_path}/ledger.db?{parameter}"))
    assert "hunter2" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
