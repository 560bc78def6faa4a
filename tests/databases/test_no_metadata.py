"""Nobody asks the cloud's metadata address, or reports home, where no such sign-in was asked for.

A recorder on loopback is the proxy of the process, the metadata address of its clients, and the database: whatever is
asked of it is written down.
"""

import gzip
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import databricks.sql
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import make_url

from statsig_export.errors import SourceError
from statsig_export.source.readers.factory import open_reader

_READ = """
import json, sys
from contextlib import suppress
from sqlalchemy import make_url
from statsig_export.source.readers.factory import open_reader
database = open_reader(make_url(sys.argv[1]), json.loads(sys.argv[2]))
with suppress(Exception):
    list(database.chunks("SELECT 1", 10))
database.close()
"""
_SESSION = {"token": "t", "masterToken": "m", "sessionId": 1, "validityInSeconds": 3600, "sessionInfo": {}}
_ROWS: dict[str, object] = {
    "success": True,
    "data": {
        "rowtype": [{"name": "A", "type": "fixed", "scale": 0, "precision": 38, "nullable": True}],
        "rowset": [["1"]],
        "total": 1,
        "returned": 1,
        "queryId": "q",
        "queryResultFormat": "json",
    },
}


def _answer(path: str, sent: bytes) -> dict[str, object]:
    """What Snowflake answers, whose server has telemetry on unless the session says otherwise; else a refusal."""
    if "login-request" in path:
        told = json.loads(sent)["data"].get("SESSION_PARAMETERS", {}).get("CLIENT_TELEMETRY_ENABLED", True)
        parameters = [{"name": "CLIENT_TELEMETRY_ENABLED", "value": told}]
        return {"success": True, "data": {**_SESSION, "parameters": parameters}}
    if "query-request" in path:
        return _ROWS
    return {"error": "invalid_grant"}


class Recorder:
    """An HTTP server that writes down what it is asked, and answers as Snowflake does, or refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                recorder.asked.append(self.path)
                sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = _answer(self.path, gzip.decompress(sent) if sent.startswith(b"\x1f\x8b") else sent)
                text = json.dumps(body).encode()
                self.send_response(200 if "success" in body else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_CONNECT = answer  # noqa: N815 - as the base class calls them

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}"

    def environ(self, folder: Path) -> dict[str, str]:
        """What makes every client come here instead of to an address of the cloud."""
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"), f"http://{self.place}")
        metadata = {
            "GCE_METADATA_HOST": self.place,
            "GCE_METADATA_IP": self.place,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{self.place}/",
        }
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE", "GOOGLE", "AWS"))
        }
        return {**kept, **proxies, **metadata, "NO_PROXY": "", "no_proxy": "", "HOME": str(folder)}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = Thread(target=recorder.server.serve_forever)
    thread.start()
    yield recorder
    recorder.server.shutdown()
    thread.join()
    recorder.server.server_close()


def read(
    recorder: Recorder, folder: Path, url: str, arguments: Mapping[str, object]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READ, url, json.dumps(arguments)],
        env=recorder.environ(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr


@pytest.mark.fault("F466")
def test_snowflake_is_read_without_a_word_to_the_clouds_metadata_or_of_telemetry(recorder: Recorder, tmp_path: Path):
    host, port = recorder.place.split(":")
    arguments = {"host": host, "port": int(port), "protocol": "http", "login_timeout": 5}
    said = read(recorder, tmp_path, "snowflake://reader:secret@account/events/public", arguments)

    assert said == ""
    assert any("/query-request?" in path for path in recorder.asked)
    expected = ("/login-request?", "/query-request?", "/session?delete=true")
    assert [path for path in recorder.asked if not any(part in path for part in expected)] == []


@pytest.mark.fault("F466")
def test_databricks_driver_is_told_to_report_nothing_and_to_show_times_in_utc(monkeypatch: pytest.MonkeyPatch):
    told: dict[str, Any] = {}

    def connect(**arguments: object) -> None:
        told.update(arguments)
        raise databricks.sql.exc.OperationalError("[PERMISSION_DENIED] of a secret")

    monkeypatch.setattr(databricks.sql, "connect", connect)
    arguments = {"session_configuration": {"timezone": "Europe/Berlin", "ansi_mode": "true"}}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url = f"databricks://token:hunter2@127.0.0.1:{port}?http_path=/sql&catalog=c&schema=s"
        with closing(open_reader(make_url(url), arguments)) as reader, pytest.raises(SourceError) as raised:
            list(reader.chunks("SELECT 1", 10))
    assert told["_port"] == port
    assert told["enable_telemetry"] is False
    assert told["session_configuration"] == {"timezone": "UTC", "ansi_mode": "true"}
    assert "cannot be reached: PERMISSION_DENIED, at" in raised.value.message
    assert "secret" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.fault("F466")
def test_bigquery_with_a_key_of_its_own_does_not_ask_the_clouds_metadata(recorder: Recorder, tmp_path: Path):
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / "key.json"
    account = {"type": "service_account", "project_id": "p", "private_key": key.decode(), "client_email": "reader@p"}
    file.write_text(json.dumps({**account, "token_uri": f"http://{recorder.place}/token"}))
    said = read(recorder, tmp_path, f"bigquery://project/events?credentials_path={file}", {})

    assert said == ""
    assert set(recorder.asked) <= {"/token", f"http://{recorder.place}/token"}
