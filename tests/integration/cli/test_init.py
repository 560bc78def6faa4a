"""`init` on real databases: what it proposes, what it writes, and the first plan."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text
from statsig_tables import Laid

from statsig_export.cli.options import cli
from statsig_export.config import load_config
from statsig_export.source.source import open_source
from statsig_export.testing.webhook.receiver import Receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/source.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def init(folder: Path, *words: str, **environ: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(folder / "export.toml"), "init", *words], env=environ)


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def written(folder: Path) -> Mapping[str, dict]:
    return tomllib.loads((folder / "export.toml").read_text())


def laid_down(folder: Path, receiver: Receiver, url: str, layout: str) -> Laid:
    tables = Laid(folder, receiver, url, layout)
    tables.create("sqlite" if url.startswith("sqlite") else "redshift")
    return tables


def event(**columns: object) -> dict[str, object]:
    row = {
        "user_id": "u",
        "timestamp": "2026-11-18 12:00:00",
        "event_name": "purchase",
        "user_object": '{"userID":"u"}',
    }
    return {**row, **columns}


@pytest.mark.parametrize("layout", ["cloud_exports", "warehouse_native", "statsig_events"])
def test_the_layout_is_proposed_by_the_tables_that_are_there(tmp_path: Path, receiver: Receiver, url: str, layout: str):
    laid_down(tmp_path, receiver, url, layout)
    result = init(tmp_path, "--json", STATSIG_DATABASE_URL=url)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["layout"] == layout
    assert written(tmp_path)["source"]["layout"] == layout
    config = load_config(tmp_path / "export.toml", {"STATSIG_DATABASE_URL": url})
    with open_source(config) as source:
        for table in source.tables:
            source.check_schema(table)


def test_the_first_plan_is_of_the_newest_closed_window_and_windows_start_with_the_oldest_row(
    tmp_path: Path, receiver: Receiver, url: str
):
    tables = laid_down(tmp_path, receiver, url, "cloud_exports")
    tables.add("events", [event(), event(timestamp="2026-11-03 09:00:00"), event(event_name="later")])
    result = init(tmp_path, STATSIG_DATABASE_URL=url)

    assert written(tmp_path)["windows"]["start"] == "2026-11-03T00:00:00Z"
    assert "The layout that fits is cloud_exports" in result.stdout
    assert "custom_events: events, 100% of the columns" in result.stdout
    assert "2026-11-18" in result.stdout
    assert "2 events would be sent; nothing was sent or written." in result.stdout


def test_what_the_database_lacks_is_left_out_of_the_configuration(tmp_path: Path, receiver: Receiver, url: str):
    laid_down(tmp_path, receiver, url, "cloud_exports")
    execute(
        url,
        "DROP TABLE exposures",
        "ALTER TABLE events DROP COLUMN stable_id",
        "ALTER TABLE events RENAME TO product_events",
    )
    result = init(tmp_path, "--json", STATSIG_DATABASE_URL=url)
    source = written(tmp_path)["source"]

    assert source["exposures"] == {"table": ""}
    assert source["custom_events"] == {
        "table": "product_events",
        "identity": "product_events",
        "columns": {"stable_id": ""},
    }
    assert json.loads(result.stdout)["tables"]["custom_events"]["columns_missing"] == ["stable_id"]


def test_columns_that_may_be_custom_ids_are_shown_and_left_for_the_user_to_decide(
    tmp_path: Path, receiver: Receiver, url: str
):
    laid_down(tmp_path, receiver, url, "warehouse_native")
    result = init(tmp_path, "--json", STATSIG_DATABASE_URL=url)

    assert json.loads(result.stdout)["tables"]["exposures"]["may_be_custom_ids"] == ["company_id"]
    assert '# custom_ids = { "company_id" = "company_id" }' in (tmp_path / "export.toml").read_text()
    assert "custom_ids" not in written(tmp_path)["source"]["exposures"]


def test_tables_in_another_schema_are_found_where_it_is_named(tmp_path: Path, postgres_url: str):
    execute(
        postgres_url,
        "CREATE SCHEMA lake",
        "CREATE TABLE lake.sdk_events (id BIGINT, received_at TIMESTAMP, event JSON, statsig_metadata JSON)",
    )
    result = init(tmp_path, "--schema", "lake", "--json", STATSIG_DATABASE_URL=postgres_url)

    assert json.loads(result.stdout)["layout"] == "sdk_log"
    assert written(tmp_path)["source"]["sdk_events"]["schema"] == "lake"
    assert written(tmp_path)["source"]["sdk_events"]["identity"] == "lake.sdk_events"
    assert json.loads(result.stdout)["plan"] is None


def test_a_database_with_nothing_of_statsigs_gets_the_defaults_and_is_told_so(tmp_path: Path):
    execute(f"sqlite:///{tmp_path}/other.db", "CREATE TABLE users (id INTEGER)")
    result = init(tmp_path, STATSIG_DATABASE_URL=f"sqlite:///{tmp_path}/other.db")

    assert result.exit_code == 0
    assert "No table of this database looks like one of Statsig's" in result.stderr
    assert written(tmp_path)["source"]["layout"] == "native"


def test_without_a_database_the_defaults_are_written_and_said_to_be_such(tmp_path: Path):
    result = init(tmp_path, STATSIG_DATABASE_URL="")

    assert result.exit_code == 0
    assert "STATSIG_DATABASE_URL is not set" in result.stderr
    assert written(tmp_path)["source"]["layout"] == "native"


@pytest.mark.parametrize("layout", ["native", "sdk_log", "statsig_events", "cloud_exports", "warehouse_native"])
def test_a_layout_that_is_named_is_written_without_a_look_at_the_database(tmp_path: Path, layout: str):
    result = init(tmp_path, "--layout", layout, STATSIG_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")

    assert result.exit_code == 0
    assert load_config(tmp_path / "export.toml", {}).source.layout == layout


def test_a_database_that_cannot_be_reached_is_an_error_of_the_source_and_nothing_is_written(tmp_path: Path):
    result = init(tmp_path, STATSIG_DATABASE_URL="postgresql+psycopg://nobody:hidden@127.0.0.1:1/none")

    assert result.exit_code == 3
    assert "hidden" not in result.stderr
    assert not (tmp_path / "export.toml").exists()


def test_a_url_with_a_password_is_refused_on_the_command_line(tmp_path: Path):
    result = init(tmp_path, "--url", "postgresql://somebody:hidden@127.0.0.1/db")

    assert result.exit_code == 2
    assert "hidden" not in result.stderr


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path):
    result = init(tmp_path, "--url", f"sqlite:///{tmp_path}/typo.db")

    assert result.exit_code == 3
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.fault("F257", "F258")
@pytest.mark.parametrize("words", [["--layout", "native"], ["--tables"], []])
@pytest.mark.parametrize(
    "url",
    [
        *(
            "postgresql://reader:canary@db/app",
            "postgresql://db/app?password=canary",
            "bigquery://p/d?credentials_base64=canary",
        ),
        *("postgresql://reader:canary/stats", "canary", "env:canary-9"),
    ],
)
def test_a_url_with_a_secret_is_refused_before_a_file_is_written(tmp_path: Path, url: str, words: list[str]):
    result = init(tmp_path, "--url", url, *words)

    assert result.exit_code == 2
    assert "canary" not in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F340")
def test_a_relative_file_is_looked_at_where_the_written_configuration_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "export"
    folder.mkdir()
    execute(f"sqlite:///{folder}/source.db", "CREATE TABLE custom_events (id INTEGER, event_name TEXT)")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["--config", "export/export.toml", "init", "--url", "sqlite:///source.db"])

    assert result.exit_code == 0, result.output
    assert "Tables and views looked at: 1" in result.stdout
    assert load_config(folder / "export.toml").source_url().database == str(folder / "source.db")
