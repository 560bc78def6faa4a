"""A database that can tell a shard's rows sends no others; where its hash is another one, nothing is lost by it."""

import logging
from pathlib import Path
from typing import Any

import duckdb
import pytest
from home import ExportHome, Home
from rows import custom_event
from sqlalchemy import create_engine, make_url, text

from statsig_export.events import shard_rows
from statsig_export.export import judge
from statsig_export.lineage.frames import read_events
from statsig_export.maintenance.verify import verify
from statsig_export.source.shards import PROBES
from statsig_export.testing.webhook.receiver import Receiver

ODD = [
    *({**custom_event(900), "id": key} for key in (0, 2**60 - 1, 2**60, -7, 2**63 - 1)),
    custom_event(901, time_uuid=""),
    *(custom_event(key, time_uuid="0191D0E0-7D3C-7ABC-8DEF-AB12CD34EF56") for key in (902, 903)),
    *(custom_event(910 + at, time_uuid=own) for at, own in enumerate([*PROBES, "ÄÖ", " ", "it's", "a%b"])),
]
"""Keys and ids at which a statement can go wrong."""


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, postgres_url: str) -> ExportHome:
    home = ExportHome(tmp_path, receiver, postgres_url)
    home.add([*(custom_event(key) for key in range(1, 101)), *ODD])
    home.set("windows", shards=5)
    return home


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each chunk that came from the database, before those of other shards are left out."""
    rows: list[int] = []

    def counted(chunk: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        rows.append(len(chunk))
        return shard_rows.rows_of_shard(chunk, *given, **named)

    monkeypatch.setattr(judge, "rows_of_shard", counted)
    return rows


def events(home: Home) -> list[tuple[str, str]]:
    found = read_events(home.config, columns=["time_uuid", "event"])
    return sorted(found.itertuples(index=False, name=None))


def in_one_go(home: ExportHome) -> list[tuple[str, str]]:
    """What an export of another destination without shards gives."""
    home.set("webhook", name="another")
    home.set("windows", shards=1)
    home.export()
    found = events(home)
    home.set("webhook", name="fivetran")
    home.set("windows", shards=5)
    return found


def execute(home: ExportHome, *statements: str) -> None:
    engine = create_engine(home.source_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def shadowing(home: ExportHome) -> None:
    """From now on the source's own functions come before PostgreSQL's."""
    url = make_url(home.source_url).update_query_dict({"options": "-csearch_path=public,pg_catalog"})
    home.environ["DB"] = url.render_as_string(hide_password=False)


@pytest.mark.fault("F579")
def test_postgresql_sends_each_row_to_its_shard_and_those_that_it_cannot_tell_to_all(
    home: ExportHome, chunks: list[int]
):
    whole = in_one_go(home)

    report = home.export()

    told = 100 + len(ODD) - 3
    assert sum(chunks) == told + 5 * 3
    assert report.rows_read == 100 + len(ODD)
    assert events(home) == whole
    assert verify(home.config).differences == ()


@pytest.mark.fault("F579")
def test_duckdb_sends_each_row_to_its_shard(tmp_path: Path, receiver: Receiver, chunks: list[int]):
    no_json = ", ".join(f"NULL::VARCHAR AS {name}" for name in ('"user"', "value", "metadata", "statsig_metadata"))
    noon = "TIMESTAMP '2026-11-20 12:00:00'"
    with duckdb.connect(str(tmp_path / "source.duckdb")) as database:
        database.execute(
            "CREATE TABLE custom_events AS SELECT k AS id, 'click' AS event_name, 'u' AS user_id,"  # noqa: S608
            f" CASE WHEN k % 3 = 0 THEN upper('own-' || k) END AS time_uuid, {no_json}, {noon} AS timestamp,"
            f" {noon} AS ingested_at FROM (SELECT unnest(range(-2, 200)) AS k UNION ALL SELECT NULL)"
        )
    source = {"exposures": {"table": ""}}
    url = f"duckdb:///{tmp_path}/source.duckdb"
    home = Home(tmp_path, receiver, url, settings={"source": source, "windows": {"shards": 5}})

    report = home.export()

    assert sum(chunks) == 200 + 5 * 3  # -2, -1 and a null, which no comparison finds
    assert report.rows_read == 203
    assert len(events(home)) == 202
    assert report.account.failed_by == {"missing_key": 1}


@pytest.mark.fault("F579")
@pytest.mark.parametrize(
    "body", ["SELECT pg_catalog.md5($1 || 'x')", "SELECT (1 / (length($1) - length($1)))::text"], ids=["other", "none"]
)
def test_a_database_whose_md5_is_another_or_not_allowed_is_not_asked_for_it(
    home: ExportHome, chunks: list[int], body: str
):
    whole = in_one_go(home)
    execute(home, f"CREATE FUNCTION md5(text) RETURNS text LANGUAGE sql AS $$ {body} $$")
    shadowing(home)

    report = home.export()

    assert sum(chunks) == 5 * (100 + len(ODD))
    assert report.rows_read == 100 + len(ODD)
    assert events(home) == whole


@pytest.mark.fault("F580")
def test_a_hash_that_differs_for_some_rows_alone_is_noticed_and_nothing_is_lost(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    whole = in_one_go(home)
    odd = "SELECT pg_catalog.md5(CASE WHEN $1 LIKE '%it''s%' THEN 'a' ELSE $1 END)"
    execute(home, f"CREATE FUNCTION md5(text) RETURNS text LANGUAGE sql AS $$ {odd} $$")
    shadowing(home)

    with caplog.at_level(logging.WARNING, "statsig_export"):
        report = home.export()

    assert "hashes ids of 2026-11-20 otherwise" in caplog.text
    assert report.rows_read == 100 + len(ODD)
    assert events(home) == whole
    assert verify(home.config).differences == ()
