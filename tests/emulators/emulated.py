"""Warehouses that run as emulators on loopback, each in an environment of its own that `make emulators` makes."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import make_url

from statsig_export.source.backends.known import backend_of

TOOLS = Path(__file__).parents[2] / ".tools"
PATIENCE = 60
EMULATOR = "BIGQUERY_EMULATOR_HOST"
"""The variable by which Google's client finds it."""
SCHEMA = "statsig"


@dataclass(frozen=True)
class Warehouse:
    """A database of the test, reached by the driver that users have."""

    name: str
    """As `statsig-export` calls it."""
    url: str
    arguments: dict[str, Any] = field(repr=False)
    """What `[source.connect]` and `[arrivals.connect]` have."""

    def run(self, *statements: str) -> None:
        self._all(statements)

    def create(self, schema: str, table: str, types: Mapping[str, str]) -> None:
        """A table. On BigQuery by its API: of what SQL creates, bqemulator describes a JSON column as text."""
        if self.name != "bigquery":
            columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
            self.run(f"CREATE TABLE {schema}.{table} ({columns})")
            return
        resource = {
            "tableReference": {"projectId": "events", "datasetId": schema, "tableId": table},
            "schema": {"fields": [{"name": name, "type": kind} for name, kind in types.items()]},
        }
        tables = f"{os.environ[EMULATOR]}/bigquery/v2/projects/events/datasets/{schema}/tables"
        requests.post(tables, json=resource, timeout=PATIENCE).raise_for_status()

    def rows(self, query: str) -> Sequence[Sequence[Any]]:
        return self._all([query])

    def _all(self, statements: Sequence[str]) -> Sequence[Sequence[Any]]:
        """Run them, and return the rows of the last."""
        found: Sequence[Sequence[Any]] = []
        engine = backend_of(self.name).engine(make_url(self.url), self.arguments)
        try:
            with engine.begin() as connection:
                for statement in statements:
                    result = connection.exec_driver_sql(statement)
                    found = result.fetchall() if result.returns_rows else []
        finally:
            engine.dispose()
        return found


@contextmanager
def snowflake(log: Path) -> Iterator[Warehouse]:
    """fakesnow, in memory."""
    port = _free_port()
    command = [_python("fakesnow"), Path(__file__).with_name("serve_fakesnow.py"), str(port)]
    with _running(command, port, log, {}):
        place = {"host": "127.0.0.1", "port": port, "protocol": "http", "account": "emulated"}
        yield Warehouse("snowflake", "snowflake://reader:none@emulated/events/statsig?warehouse=w", place)


@contextmanager
def bigquery(home: Path, log: Path) -> Iterator[Warehouse]:
    """bqemulator, in memory. DuckDB finds the extension that it loads in `home`, and asks nobody for it."""
    packages = next((TOOLS / "bqemulator" / "lib").glob("python*/site-packages"))
    for extensions in (packages / "duckdb_extension_spatial" / "extensions").iterdir():
        platform = subprocess.run(
            [_python("bqemulator"), "-c", "import duckdb; print(duckdb.sql('PRAGMA platform').fetchone()[0])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        shutil.copytree(extensions, home / ".duckdb/extensions" / extensions.name / platform)
    port, grpc = _free_port(), _free_port()
    command = [TOOLS / "bqemulator/bin/bqemulator", "start", "--rest-port", str(port), "--grpc-port", str(grpc)]
    with _running(command, port, log, {"HOME": str(home)}), _tokens() as tokens:
        os.environ[EMULATOR] = f"http://127.0.0.1:{port}"
        try:
            credentials = home / "account.json"
            credentials.write_text(json.dumps(_account(tokens)))
            yield Warehouse("bigquery", f"bigquery://events/{SCHEMA}", {"credentials_path": str(credentials)})
        finally:
            del os.environ[EMULATOR]


@contextmanager
def _running(command: Sequence[Path | str], port: int, log: Path, environ: dict[str, str]) -> Iterator[None]:
    with log.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, env={**os.environ, **environ})
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the emulator did not start: {log.read_text()[-2_000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def _tokens() -> Iterator[str]:
    """The URL of a server that gives Google's client a token for any request."""

    class Tokens(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = json.dumps({"access_token": "none", "expires_in": 3_600, "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/token"
        finally:
            server.shutdown()
            thread.join()


def _account(token_uri: str) -> dict[str, str]:
    key = generate_private_key(65_537, 2_048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "type": "service_account",
        "project_id": "events",
        "private_key": key.decode(),
        "client_email": "reader@events.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }


def _python(tool: str) -> Path:
    python = TOOLS / tool / "bin/python"
    assert python.exists(), f"there is no {python}: `make emulators` makes it"
    return python


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
