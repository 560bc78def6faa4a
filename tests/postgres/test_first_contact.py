# ruff: noqa: S608 - the statements of these tests are made of its own texts
"""`init` and `plan` on what only a server has: schemas, rights, views of every kind, names in quotes, and distance."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from cut_connection import CutConnection
from first_contact import init, init_json, plan, planned, written
from sqlalchemy import URL, make_url

EVENTS = """(id bigint, time_uuid text, event_name text, user_id text, "user" json, value text, metadata json,
    statsig_metadata json, "timestamp" timestamp, ingested_at timestamp)"""
ROW = "(1, NULL, 'purchase', 'u', '{}', NULL, '{}', '{}', '2026-11-20 12:00', '2026-11-20 12:00')"
PARTITIONED = (
    f"CREATE TABLE custom_events {EVENTS} PARTITION BY RANGE (ingested_at);"
    "CREATE TABLE custom_events_of_november PARTITION OF custom_events"
    " FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');"
    "INSERT INTO custom_events SELECT * FROM hidden.rows"
)
UUID = "0effeb2c-2e24-4972-b0bd-ec559e6a92a7"


@pytest.fixture
def database(postgres_url: str) -> Iterator[psycopg.Connection]:
    url = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def events_at(database: psycopg.Connection, name: str) -> None:
    database.execute(f"CREATE TABLE {name} {EVENTS}")
    database.execute(f"INSERT INTO {name} VALUES {ROW}")


def unrelated(database: psycopg.Connection, number: int) -> None:
    database.execute(
        f"DO $$ BEGIN FOR n IN 1..{number} LOOP "
        "EXECUTE format('CREATE TABLE unrelated_%s (id bigint, name text, created_at timestamp)', n); END LOOP; END $$"
    )


def configured(folder: Path, table: str, **keys: str) -> Path:
    """An export.toml that reads custom events alone, from this table."""
    lines = [f"table = {table!r}", *(f"{key} = {value!r}" for key, value in keys.items())]
    (folder / "export.toml").write_text(
        '[source]\n[source.exposures]\ntable = ""\n[source.custom_events]\n' + "\n".join(lines) + "\n"
        '[windows]\nstart = "2026-11-01T00:00:00Z"\n[webhook]\nurl = "env:HOOK"\n'
    )
    return folder


@contextmanager
def at_a_distance(url: str) -> Iterator[tuple[str, CutConnection]]:
    """The database through a wire that counts round trips."""
    place: URL = make_url(url)
    with CutConnection(f"{place.query['host']}/.s.PGSQL.5432") as wire:
        through = place.set(host="127.0.0.1", port=wire.port, query={"sslmode": "disable"})
        yield through.render_as_string(hide_password=False), wire


@pytest.mark.fault("F232")
@pytest.mark.parametrize("words", [(), ("--schema", "analytics"), ("--schema", "ANALYTICS")])
def test_a_table_with_a_uuid_key_in_a_schema_is_found_and_planned(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path, words: tuple[str, ...]
):
    database.execute("CREATE SCHEMA analytics")
    database.execute(
        "CREATE TABLE analytics.events (id uuid PRIMARY KEY, event text, user_id text, properties jsonb, "
        '"timestamp" timestamptz, received_at timestamptz)'
    )
    database.execute(
        "INSERT INTO analytics.events VALUES (%s, 'purchase', 'u', '{}', '2026-11-20 12:00Z', '2026-11-20 12:00Z')",
        [UUID],
    )
    report = init_json(tmp_path, postgres_url, *words)
    section = written(tmp_path)["source"]["custom_events"]

    assert (section["schema"], section["table"]) == ("analytics", "events")
    assert section["identity"] == "analytics.events"
    assert section["columns"]["time_uuid"] == "id"
    assert section["window_column"] == "received_at"
    assert report["tables"]["exposures"] is None
    result = plan(tmp_path, postgres_url)
    assert (result.exit_code, UUID in result.stdout) == (0, True)


@pytest.mark.fault("F230")
def test_init_asks_as_often_beside_300_tables_as_beside_none(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    events_at(database, "custom_events")
    trips = []
    for number in (0, 300):
        unrelated(database, number)
        (folder := tmp_path / str(number)).mkdir()
        with at_a_distance(postgres_url) as (url, wire):
            init_json(folder, url)
            trips.append(wire.round_trips)

    assert abs(trips[0] - trips[1]) <= 3  # a long answer may come in two pieces
    assert trips[0] < 120  # most of them are the first plan


@pytest.mark.fault("F230")
def test_a_missing_table_is_looked_for_in_one_statement(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    trips = []
    for number in (0, 300):
        unrelated(database, number)
        with at_a_distance(postgres_url) as (url, wire):
            assert plan(configured(tmp_path, "nowhere"), url).exit_code == 3
            trips.append(wire.round_trips)

    assert abs(trips[0] - trips[1]) <= 3  # a long answer may come in two pieces


@pytest.mark.fault("F232")
def test_schema_is_written_where_no_table_is_looked_at_too(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    database.execute("CREATE SCHEMA lake")
    result = init(tmp_path, "--schema", "lake", "--tables", STATSIG_DATABASE_URL=postgres_url)
    source = written(tmp_path)["source"]

    assert result.exit_code == 0, result.output
    assert {source[role]["schema"] for role in ("exposures", "custom_events")} == {"lake"}
    listed = database.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'exposures'").fetchall()
    assert listed == [("lake",)]
    assert planned(tmp_path, postgres_url) == 0


@pytest.mark.fault("F232")
def test_schema_beside_a_file_that_is_kept_is_an_error(tmp_path: Path, postgres_url: str):
    configured(tmp_path, "custom_events")
    result = init(tmp_path, "--schema", "lake", "--tables", STATSIG_DATABASE_URL=postgres_url)

    assert result.exit_code == 2
    assert "--schema would change nothing" in result.stderr


def test_a_copy_in_another_schema_is_told_of_and_not_taken(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    database.execute("CREATE SCHEMA backup")
    events_at(database, "my_events")
    events_at(database, "backup.custom_events")
    report = init_json(tmp_path, postgres_url)

    assert report["tables"]["custom_events"]["table"] == "my_events"
    assert [candidate["table"] for candidate in report["candidates"]] == ["backup.custom_events"]


@pytest.mark.fault("F236")
def test_a_table_without_the_right_to_read_it_is_told_of_and_not_proposed(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    events_at(database, "custom_events")
    reader = f"reader_{database.info.dbname}"
    database.execute(f"CREATE ROLE {reader} LOGIN")
    try:
        url = make_url(postgres_url).set(username=reader).render_as_string(hide_password=False)
        result = init(tmp_path, STATSIG_DATABASE_URL=url)
    finally:
        database.execute(f"DROP ROLE {reader}")

    assert result.exit_code == 0, result.output
    assert "custom_events of the layout native, score 1.00, but this user has no right to read it" in result.stdout


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW custom_events AS SELECT * FROM hidden.rows",
        "CREATE MATERIALIZED VIEW custom_events AS SELECT * FROM hidden.rows",
        PARTITIONED,
        'CREATE TABLE "Custom.Events" AS SELECT * FROM hidden.rows',
        'CREATE SCHEMA "Up.Case"; CREATE TABLE "Up.Case"."Custom Events" AS SELECT * FROM hidden.rows',
    ],
)
@pytest.mark.fault("F237")
def test_every_kind_of_table_and_name_is_found_and_planned(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path, made: str
):
    database.execute("CREATE SCHEMA hidden")
    events_at(database, "hidden.rows")
    database.execute("ALTER TABLE hidden.rows DROP COLUMN time_uuid; ALTER TABLE hidden.rows ADD COLUMN time_uuid text")
    database.execute(
        made.replace(
            "SELECT * FROM",
            'SELECT id, time_uuid, event_name, user_id, "user", value, metadata,'
            ' statsig_metadata, "timestamp", ingested_at FROM',
        )
    )
    database.execute("DROP TABLE hidden.rows CASCADE" if "TABLE" in made else "REVOKE ALL ON hidden.rows FROM public")
    report = init_json(tmp_path, postgres_url, *(("--schema", "public") if "VIEW" in made else ()))

    assert report["tables"]["custom_events"]["score"] == 1
    assert planned(tmp_path, postgres_url) == 1


@pytest.mark.fault("F237")
def test_a_foreign_table_whose_server_is_gone_harms_nothing_unless_it_is_the_one(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    database.execute("CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER gone FOREIGN DATA WRAPPER nothing")
    database.execute("CREATE FOREIGN TABLE elsewhere (id bigint, event_name text) SERVER gone")
    events_at(database, "custom_events")
    assert init_json(tmp_path, postgres_url)["tables"]["custom_events"]["table"] == "custom_events"

    database.execute(f"DROP TABLE custom_events; CREATE FOREIGN TABLE custom_events {EVENTS} SERVER gone")
    result = init(tmp_path, "--force", STATSIG_DATABASE_URL=postgres_url)
    assert result.exit_code == 3
    assert "custom_events" in result.stderr


@pytest.mark.fault("F238")
@pytest.mark.parametrize("table", ["analytics.events", "ANALYTICS.Events", '"analytics"."events"', "analytics.EVENTS"])
def test_a_table_may_be_named_with_its_schema_as_in_a_query(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path, table: str
):
    database.execute("CREATE SCHEMA analytics")
    events_at(database, "analytics.events")

    assert planned(configured(tmp_path, table), postgres_url) == 1


@pytest.mark.fault("F238")
@pytest.mark.parametrize("table", ['"analytics.events"', "analytics.events", '"Analytics.Events"'])
def test_a_name_with_a_dot_in_it_is_read_in_quotes_and_without_them_where_no_schema_has_such_a_table(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path, table: str
):
    events_at(database, '"analytics.events"')

    assert planned(configured(tmp_path, table), postgres_url) == 1


@pytest.mark.fault("F238")
@pytest.mark.parametrize(
    ("table", "keys", "said"),
    [
        ("events", {}, 'but it has analytics.events. set [source.custom_events] table = "events" and schema = "analy'),
        ("analytics.events", {"schema": "analytics"}, "but it has analytics.events. set [source.custom_events] table"),
        ("events", {"schema": "public"}, "but it has analytics.events"),
        ("analytics.event", {}, "did you mean events?"),
        ("analytcs.events", {}, "but it has analytics.events"),
        ("analytics_events", {}, "did you mean analytics.events?"),
    ],
)
def test_a_table_that_is_elsewhere_is_told_with_the_lines_that_read_it(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path, table: str, keys: dict[str, str], said: str
):
    database.execute("CREATE SCHEMA analytics")
    events_at(database, "analytics.events")
    result = plan(configured(tmp_path, table, **keys), postgres_url)

    assert result.exit_code == 3
    assert said in result.stderr


@pytest.mark.fault("F239")
def test_what_is_wrong_with_the_columns_of_all_tables_is_told_at_once_a_column_a_line(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    database.execute(
        "CREATE TABLE exposures (id bigint, exposure_type text, name text, rule text, gate_value inet, user_id text,"
        ' "timestamp" timestamp, created_at timestamp)'
    )
    database.execute(
        "CREATE TABLE custom_events (id bigint, happened timestamp, inserted_at timestamp, properties json)"
    )
    (tmp_path / "export.toml").write_text('[source]\n[webhook]\nurl = "env:HOOK"\n')
    result = plan(tmp_path, postgres_url)
    lines = result.stderr.splitlines()

    assert result.exit_code == 3
    assert max(map(len, lines)) < 300
    for start, end in (
        ('table exposures: column "rule_id" is missing', 'the nearest is "rule")'),
        ('table exposures: column "ingested_at" is missing', 'the nearest is "created_at"; no row becomes an event'),
        ('table exposures: column "gate_value" has the wrong type', "found INET)"),
        ('table custom_events: column "event_name" is missing', "no such column; no row becomes an event without it)"),
        ('table custom_events: column "metadata" is missing', 'the nearest is "properties")'),
    ):
        assert any(start in line and end in line for line in lines), (start, end)
    assert '    [source.exposures]\n    window_column = "created_at"\n    columns' in result.stderr
    assert 'unit_type = ""' in result.stderr
    assert 'event_name = ""' not in result.stderr


@pytest.mark.fault("F340")
def test_init_takes_the_drivers_arguments_as_a_run_does_writes_them_and_keeps_them(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    events_at(database, "custom_events")
    place = make_url(postgres_url)
    nowhere = place.set(query={"host": "/nowhere"}).render_as_string(hide_password=False)
    words = ("--connect", f"host={place.query['host']}", "--connect", "connect_timeout=5")
    assert init(tmp_path, STATSIG_DATABASE_URL=nowhere).exit_code == 3
    init_json(tmp_path, nowhere, *words)

    given = {"host": place.query["host"], "connect_timeout": 5}
    assert written(tmp_path)["source"]["connect"] == given
    assert planned(tmp_path, nowhere) == 1
    init_json(tmp_path, nowhere, "--force")
    assert written(tmp_path)["source"]["connect"] == given


@pytest.mark.fault("F340")
@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("password=hunter2", "password holds a secret"),
        ("ssl.key_password=hunter2", "ssl_key_password holds a secret"),
        ("hunter2", "NAME=VALUE"),
        ("a b=hunter2", "NAME=VALUE"),
    ],
)
def test_an_argument_that_cannot_be_written_is_refused_before_a_file_is(tmp_path: Path, word: str, says: str):
    result = init(tmp_path, "--connect", word, STATSIG_DATABASE_URL="postgresql://ada@127.0.0.1:1/events")

    assert result.exit_code == 2
    assert says in result.stderr
    assert "hunter2" not in result.output
    assert not (tmp_path / "export.toml").exists()


@pytest.mark.fault("F342")
def test_a_column_that_the_user_may_not_read_or_of_another_type_is_told_as_such_and_the_rest_is_read(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    events_at(database, "custom_events")
    database.execute("ALTER TABLE custom_events ALTER time_uuid TYPE bytea USING NULL")
    database.execute("DROP ROLE IF EXISTS partial_reader")
    database.execute("CREATE ROLE partial_reader LOGIN")
    database.execute(
        'GRANT SELECT (id, time_uuid, event_name, user_id, "user", value, statsig_metadata, "timestamp", ingested_at)'
        " ON custom_events TO partial_reader"
    )
    url = make_url(postgres_url).set(username="partial_reader").render_as_string(hide_password=False)
    result = init(tmp_path, STATSIG_DATABASE_URL=url)

    assert result.exit_code == 0, result.output
    assert "there, but this user has no right to read it (GRANT SELECT): metadata" in result.stdout
    assert "there, but its type or its values are not what is meant: time_uuid" in result.stdout
    assert "not there" not in result.stdout
    assert re.search('"metadata" = "" +# no right to read it', (tmp_path / "export.toml").read_text())
    assert planned(tmp_path, url) == 1


@pytest.mark.fault("F342")
def test_a_column_without_which_there_is_no_event_is_told_to_be_kept_from_the_user(
    database: psycopg.Connection, postgres_url: str, tmp_path: Path
):
    events_at(database, "custom_events")
    database.execute("DROP ROLE IF EXISTS timeless_reader")
    database.execute("CREATE ROLE timeless_reader LOGIN")
    database.execute(
        'GRANT SELECT (id, time_uuid, event_name, user_id, "user", value, metadata, statsig_metadata)'
        " ON custom_events TO timeless_reader"
    )
    url = make_url(postgres_url).set(username="timeless_reader").render_as_string(hide_password=False)
    result = init(tmp_path, STATSIG_DATABASE_URL=url)

    assert "lacks timestamp (no right to read it)" in result.stdout
