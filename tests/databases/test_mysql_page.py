"""What docs/how-to/databases/mysql-mariadb.md says, done on a server: its rights, and time zones by their names."""

from contextlib import closing
from pathlib import Path

import pytest
from documents.blocks import ROOT, blocks
from first_contact import init, planned
from real_databases import SERVER, RealDatabase
from source_databases import NOON, read, source_at, unplaced
from sqlalchemy import create_engine, make_url

from statsig_export.errors import SourceError
from statsig_export.layouts.native_tables import create_tables

PAGE = ROOT / "docs/how-to/databases/mysql-mariadb.md"

pytestmark = pytest.mark.skipif(not SERVER, reason="STATSIG_EXPORT_TEST_DATABASE names no server")


@pytest.fixture
def native(database_of) -> RealDatabase:
    database: RealDatabase = database_of("mysql")
    engine = create_engine(database.url)
    create_tables(engine, "native")
    engine.dispose()
    database.insert(
        "exposures", [{"name": "g", "exposure_type": "gate", "gate_value": 1, "ingested_at": NOON, "timestamp": NOON}]
    )
    return database


def test_the_user_of_the_page_reads(native: RealDatabase, tmp_path: Path):
    names = make_url(native.url).database
    native.run("DROP USER IF EXISTS 'statsig_reader'@'%'")
    try:
        for block in blocks(PAGE, "sql"):
            for statement in filter(str.strip, block.text.split(";")):
                native.run(statement.replace("analytics.", f"{names}.").replace("%", "%%"))
        reader = make_url(native.url).set(username="statsig_reader", password="change me")
        url = reader.render_as_string(hide_password=False)
        done = init(tmp_path, STATSIG_DATABASE_URL=url)
        assert done.exit_code == 0, done.output
        assert planned(tmp_path, url, "2026-11-01", "2026-11-02") == 1
    finally:
        native.run("DROP USER IF EXISTS 'statsig_reader'@'%'".replace("%", "%%"))


@pytest.mark.fault("F536")
def test_a_time_zone_that_the_server_does_not_know_is_told_with_what_to_load(native: RealDatabase):
    with (
        source_at(native.url, connect={"init_command": "SET time_zone = 'Nowhere/Land'"}) as source,
        pytest.raises(SourceError, match=r"1298 .*mariadb-tzinfo-to-sql") as raised,
    ):
        read(source)
    assert raised.value.hint


@pytest.mark.fault("F536")
def test_a_view_that_converts_from_a_zone_that_is_not_known_has_rows_in_no_window(native: RealDatabase):
    columns = "id, time_uuid, exposure_type, name, rule_id, gate_value, group_name, reason, unit_type, user_id, `user`"
    columns += ", metadata, statsig_metadata, timestamp"
    for zone, rows in (("Europe/Berlin", 0), ("Nowhere/Land", 1)):
        native.run(
            f"CREATE OR REPLACE VIEW seen AS SELECT {columns},"  # noqa: S608 - of this test
            f" CONVERT_TZ(ingested_at, '{zone}', 'UTC') AS ingested_at FROM exposures"
        )
        with closing(source_at(native.url, exposures={"table": "seen"})) as source:
            assert unplaced(source) == rows, zone
