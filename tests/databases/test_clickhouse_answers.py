"""Answers of a ClickHouse that end too early, or in an error, over a real socket."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow as pa
import pytest
from source_databases import source_at

from statsig_export.errors import ConfigError, SourceError, StatsigExportError
from statsig_export.source.readers.clickhouse import SETTINGS


def stream(*batches: int) -> bytes:
    """A stream of Arrow with so many rows in its batches."""
    sink = pa.BufferOutputStream()
    schema = pa.schema([("name", pa.binary()), ("type", pa.binary())])
    with pa.ipc.new_stream(sink, schema) as writer:
        for rows in batches:
            writer.write_batch(pa.record_batch([[b"id"] * rows, [b"UInt64"] * rows], schema))
    return bytes(sink.getvalue())


@contextmanager
def clickhouse(answer: bytes, *, status: int = 200, missing: int = 0, first: bytes | None = None) -> Iterator[str]:
    """The URL of a server with one answer to each SELECT, of which the last bytes may be missing.

    `first`: what it says of its version, if not that.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        asked: list[str] = []  # noqa: RUF012 - of one server

        def do_POST(self) -> None:
            sql = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = f"{self.path} {sql}"
            body, code = (answer, status) if "system.columns" in asked else (b"", 200)
            if "timezone()" in asked:
                body, code = (b"26.9.2.1\tUTC\n", 200) if first is None else (first, status)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body) + (missing if body is answer else 0)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = bool(missing)

        do_GET = do_POST  # noqa: N815 - as the base class calls it

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"clickhouse://ann:hunter2@127.0.0.1:{server.server_port}/events"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def failure(url: str, **source: object) -> StatsigExportError:
    with pytest.raises((SourceError, ConfigError)) as raised, source_at(url, **source) as opened:
        opened.check_schema(opened.tables[0])
    assert "hunter2" not in f"{raised.value} {raised.value.hint}"
    return raised.value


@pytest.mark.fault("F474")
def test_an_answer_that_ends_between_two_batches_is_not_taken_for_whole():
    with clickhouse(stream(2, 3)[:-8]) as url:
        assert "answer ended before its end" in failure(url).message


@pytest.mark.fault("F474")
@pytest.mark.parametrize(
    ("answer", "missing"), [(stream(2)[:-30], 0), (stream(2), 10), (b"", 0), (stream(2)[:-8] + b"Code: 395. secret", 0)]
)
def test_an_answer_that_is_cut_or_no_stream_is_an_error_of_the_source(answer: bytes, missing: int):
    with clickhouse(answer, missing=missing) as url:
        assert "secret" not in failure(url).message


@pytest.mark.fault("F476")
@pytest.mark.parametrize(
    ("said", "told", "advice"),
    [
        (
            b"Code: 516. DB::Exception: no (AUTHENTICATION_FAILED)",
            "516 AUTHENTICATION_FAILED",
            "user and password",
        ),
        (b"Code: 497. DB::Exception: no rights (ACCESS_DENIED)", "497 ACCESS_DENIED", "grant this user SELECT"),
        (b"Code: 164. DB::Exception: Cannot modify 'final' (READONLY)", "164 READONLY", "readonly = 2"),
        (b"Code: 241. DB::Exception: row secret (MEMORY)", "241 MEMORY_LIMIT_EXCEEDED", "{ final = 0 }"),
        (b"Code: 279. DB::Exception: host secret (ALL)", "279 ALL_CONNECTION_TRIES_FAILED", "shard or replica"),
        (b"Code: 158. DB::Exception: Limit (TOO_MANY_ROWS)", "158 TOO_MANY_ROWS", "raise that limit"),
        (b"Code: 53. DB::Exception: row secret (TYPE_MISMATCH)", "code 53", "run the window again"),
    ],
)
def test_an_error_of_the_server_is_told_by_its_number_with_what_to_do(said: bytes, told: str, advice: str):
    with clickhouse(said, status=500) as url:
        error = failure(url)
    assert told in error.message
    assert advice in error.hint
    assert "secret" not in f"{error.message} {error.hint}"


@pytest.mark.fault("F483")
@pytest.mark.parametrize(
    ("said", "status", "told", "advice"),
    [
        (b"Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP.", 400, "native port", "8443"),
        (b"<html>secret</html>", 200, "no ClickHouse", "NO_PROXY"),
        (b"<html>secret</html>", 407, "HTTP 407", "NO_PROXY"),
        (b"<html>secret</html>", 502, "HTTP 502", "a proxy before the server is busy"),
    ],
)
def test_what_answers_and_is_no_clickhouse_is_told_from_one(said: bytes, status: int, told: str, advice: str):
    with clickhouse(b"", status=status, first=said) as url:
        error = failure(url)
    assert told in error.message
    assert advice in error.hint
    assert "secret" not in f"{error.message} {error.hint}"


@pytest.mark.fault("F483")
def test_what_the_client_logs_of_an_error_does_not_go_to_stderr_where_nobody_has_set_up_logging():
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("clickhouse_connect").handlers)


@pytest.mark.fault("F484")
def test_a_shard_that_does_not_answer_is_not_left_out():
    """A profile may say so for all statements: of a Distributed table its rows would be missing without a word."""
    assert SETTINGS["skip_unavailable_shards"] == 0


@pytest.mark.fault("F475")
def test_no_setting_of_a_server_may_leave_rows_out_or_end_a_read_early():
    assert {SETTINGS[name] for name in SETTINGS if name.endswith("overflow_mode")} == {"throw"}
    assert {"read_overflow_mode", "group_by_overflow_mode", "transfer_overflow_mode"} <= set(SETTINGS)
    assert {SETTINGS[name] for name in ("limit", "offset", "max_result_rows", "max_result_bytes")} == {0}


def test_an_argument_that_the_client_does_not_take_is_named():
    with clickhouse(stream(1)) as url:
        assert "no_such" in failure(url, connect={"no_such": 1}).message
