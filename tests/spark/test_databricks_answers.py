"""What answers of Databricks mean where they are none, or not whole: no row is lost, and a sentence says what it is."""

import logging
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from first_contact import init
from gateway import PRINCIPAL, TOKEN, WAREHOUSE, Gateway
from real_databases import keys
from test_databricks import DAY, NEXT, config_there, native, source

from statsig_export.config import parse_config
from statsig_export.errors import ConfigError, SourceError
from statsig_export.export.export import export_window
from statsig_export.lineage.frames import read_events
from statsig_export.source.source import Source, open_source
from statsig_export.windows import window_from_key

ROWS = 5


@pytest.fixture
def five(databricks: Gateway) -> Gateway:
    native(databricks, *({"user_id": f"'secret {key}'"} for key in range(ROWS)))
    return databricks


def told(databricks: Gateway, **given: object) -> str:
    """The error of a read, and what it says to do."""
    with source(databricks, **given) as opened, pytest.raises(SourceError) as raised:
        keys(opened, "custom_events", DAY, NEXT)
    return f"{raised.value} {raised.value.hint}"


@pytest.mark.parametrize("by_links", [False, True], ids=["inline", "links"])
def test_a_result_in_parts_is_read_to_its_end(five: Gateway, by_links: bool):  # noqa: FBT001 - of pytest
    five.part, five.by_links = 2, by_links
    with source(five) as opened:
        assert keys(opened, "custom_events", DAY, NEXT) == list(range(ROWS))
    assert len(five.rows_asked) >= 3
    assert len(five.files) == (3 if by_links else 0) or five.files
    assert five.bytes_asked[-1] <= 16 * 2**20
    assert {path for path in five.asked if not path.startswith("/files/")} == {WAREHOUSE}  # and nobody else is told


@pytest.mark.fault("F531", "F534")
def test_a_part_that_cloud_fetch_cannot_fetch_ends_the_window_and_says_no_word_of_it(
    five: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    five.part, five.by_links, five.slow = 2, True, 0.05
    config = config_there(five, tmp_path, exposures={"table": ""})
    five.lost = lambda number: 403 if number == len(five.files) - 1 else 200
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(SourceError, match="cloud storage, could not be fetched") as raised,
    ):
        export_window(config, window_from_key("2026-11-01", config.windows))
    assert "HTTP 403" in raised.value.message
    assert "use_cloud_fetch = false" in raised.value.hint
    assert read_events(config).empty
    said = f"{raised.value} {raised.value.hint} {caplog.text} {capfd.readouterr()}"
    assert "secret" not in said

    five.lost = lambda _: 200
    export_window(config, window_from_key("2026-11-01", config.windows))
    assert len(read_events(config)) == ROWS


def test_a_part_whose_answer_was_lost_is_no_part_that_was_not_there(five: Gateway):
    """The driver asks again, and the server goes on with the next part: its offset tells."""
    five.part, five.drop = 2, {len(five.rows_asked) + 3}
    assert "DataError" in told(five)


@pytest.mark.fault("F533")
def test_errors_are_told_by_their_condition_and_what_to_do(five: Gateway):
    with (
        source(five, custom_events={"table": "nowhere"}) as opened,
        pytest.raises(SourceError, match="no table nowhere"),
    ):
        opened.check_schema(opened.tables[0])
    five.forbidden = {"custom_events"}
    said = told(five)
    assert "INSUFFICIENT_PERMISSIONS" in said
    assert "grant this user SELECT" in said
    five.forbidden = set()
    five.cancel = True
    said = told(five)
    assert "reading table custom_events failed: DatabaseError" in said  # Spark has no condition for it
    assert "run the window again" in said
    five.cancel = False
    five.run(
        "CREATE OR REPLACE VIEW events.failing AS SELECT *, CAST(user_id AS INT) AS bad FROM events.custom_events",
    )
    columns = {"value": "bad"}
    said = told(five, custom_events={"table": "failing", "columns": columns, "identity": "custom_events"})
    assert "CAST_INVALID_INPUT" in said
    assert "secret" not in said


def opened_at(url: str, connect: Mapping[str, Any]) -> Source:
    """What may be a secret is in the environment."""
    secret = {"oauth_client_secret": "env:SECRET"} if "oauth_client_secret" in connect else {}
    document = {"source": {"url": "env:SOURCE", "exposures": {"table": ""}, "connect": {**connect, **secret}}}
    environ = {"SOURCE": url, "SECRET": str(connect.get("oauth_client_secret", ""))}
    return open_source(parse_config(document, folder=Path.cwd(), environ=environ))


def refused(databricks: Gateway, url: str, **connect: Any) -> Exception:  # noqa: ANN401
    arguments = {**databricks.arguments, **connect}
    with (
        pytest.raises((SourceError, ConfigError)) as raised,
        opened_at(url, arguments) as opened,
    ):
        opened.check_schema(opened.tables[0])
    assert TOKEN not in f"{raised.value} {raised.value.hint}"
    return raised.value


@pytest.mark.fault("F533")
def test_a_wrong_token_catalog_or_schema_is_told_apart(databricks: Gateway):
    url = databricks.url
    wrong = refused(databricks, url.replace(TOKEN, "another"))
    assert "HTTP 403" in str(wrong)
    assert "the token" in str(getattr(wrong, "hint", ""))
    catalog = refused(databricks, url.replace("spark_catalog", "nowhere"))
    assert "NO_SUCH_CATALOG_EXCEPTION" in str(catalog)
    schema = refused(databricks, url.replace("schema=events", "schema=nowhere"))
    assert "SCHEMA_NOT_FOUND" in str(schema)
    assert "its catalog and schema" in str(getattr(schema, "hint", ""))


@pytest.mark.fault("F532")
def test_a_service_principal_signs_in_and_a_wrong_secret_is_told(databricks: Gateway):
    native(databricks, {})
    identity, secret = PRINCIPAL.split(":")
    url = databricks.url.replace(f"token:{TOKEN}@", "")
    connect = {**databricks.arguments, "oauth_client_id": identity, "oauth_client_secret": secret}
    with opened_at(url, connect) as opened:
        assert keys(opened, "custom_events", DAY, NEXT) == [0]
    assert databricks.asked.count("/oidc/v1/token") == 1
    wrong = refused(databricks, url, oauth_client_id=identity, oauth_client_secret="of nobody")
    assert "gives the service principal no token: HTTP 401" in str(wrong)
    assert "of nobody" not in f"{wrong} {getattr(wrong, 'hint', '')}"


@pytest.mark.fault("F535")
def test_init_says_at_once_that_nobody_listens(tmp_path: Path, databricks: Gateway):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = databricks.url.replace("127.0.0.1?", f"127.0.0.1:{port}?")
    begun = time.monotonic()
    done = init(tmp_path, STATSIG_DATABASE_URL=url)
    assert done.exit_code == 3, done.output
    assert "ECONNREFUSED" in done.output
    assert time.monotonic() - begun < 30
