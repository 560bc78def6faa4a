"""A stand-in of the part of Fivetran's REST API that is used here, on a socket of its own: a connection, its syncs, and
what dagster-fivetran asks of an account.

Paths, keys and values are those of Fivetran's pages "Webhooks API Configuration", "Retrieve Connection Details",
"Sync Connection Data" and "Update a Connection". A connection that is created gets an endpoint, which demands what the
connection was given. Syncs begin and end when a test says so.
"""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from statsig_export.testing.webhook.receiver import Authentication, Receiver

KEY, SECRET, GROUP, CONNECTION = "key", "api-secret", "group_id", "connection_id"
ALLOWED: Mapping[str, set[str] | None] = {
    "schema": None,
    "table": None,
    "sync_format": {"Packed", "Unpacked"},
    "bucket_service": {"Fivetran", "S3", "AZURE", "GCS"},
    "auth_method": {"HMAC", "TOKEN_BASED", "NONE"},
    "auth_secret": None,
    "auth_header_key": None,
    "algorithm": {"SHA_512", "SHA_256", "SHA_224", "INFER_FROM_HEADER", "SHA_1", "SHA_384", "MD5"},
    "signature_encoding": {"BASE64", "HEXA_DECIMAL"},
}
"""Key of `config` -> its values; None: any text. `schema` and `table` are required."""
_TABLES = {"statsig": "statsig_events"}
_AUTHORIZED = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()


@dataclass(frozen=True)
class Fault:
    """What comes in place of an answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    kind: Literal["answer", "close", "drip"] = "answer"
    """close: the connection, in place of an answer; drip: a byte of the answer now and then, without an end."""


@dataclass
class Connection:
    """A connection of `webhooks`, as it stands."""

    id: str = CONNECTION
    service: str = "webhooks"
    schema: str = "statsig.statsig_events"
    paused: bool = False
    setup_state: str = "connected"
    sync_state: str = "scheduled"
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    rescheduled_for: datetime | None = None
    schedule_type: str = "auto"
    syncs: int = 0
    """So many were begun by a request."""
    at_once: bool = False
    """Whether what is begun by a request ends well within it."""
    restarted: int = 0
    """So many were stopped and begun anew by one."""

    def begin(self) -> None:
        self.sync_state = "syncing"

    def end(self, at: datetime, *, well: bool = True) -> None:
        self.sync_state = "scheduled"
        if well:
            self.succeeded_at = at
        else:
            self.failed_at = at

    def details(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "service": self.service,
            "schema": self.schema,
            "group_id": GROUP,
            "paused": self.paused,
            "sync_frequency": 360,
            "schedule_type": self.schedule_type,
            "succeeded_at": _text(self.succeeded_at),
            "failed_at": _text(self.failed_at),
            "status": {
                "setup_state": self.setup_state,
                "schema_status": "ready",
                "sync_state": self.sync_state,
                "update_state": "on_schedule",
                "is_historical_sync": False,
                "rescheduled_for": _text(self.rescheduled_for),
                "tasks": [],
                "warnings": [],
            },
            "config": {"schema": "statsig", "table": "statsig_events", "auth_secret": "******"},
        }


@dataclass
class FivetranApi:
    """`created` are the bodies that were taken, `receivers` their endpoints."""

    webhook_port: int = 0
    created: list[dict[str, Any]] = field(default_factory=list)
    receivers: list[Receiver] = field(default_factory=list)
    connection: Connection = field(default_factory=Connection)
    faults: list[Fault] = field(default_factory=list)
    """Each for one request, the first for the next."""
    after: dict[str, Fault] = field(default_factory=dict)
    """Each for the request after one of these."""
    always: Fault | None = None
    ahead: timedelta = timedelta(0)
    """How much its clock is ahead."""
    requests: list[str] = field(default_factory=list)
    """Method and path of each."""
    closing: ExitStack = field(default_factory=ExitStack)
    url: str = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """As the paths `connections` and, the older name, `connectors` have it."""
        one, name = self.connection, self.connection.id
        group, place = {"id": GROUP, "name": "warehouse"}, {"database": "analytics"}
        answers: dict[str, Callable[[], tuple[int, dict[str, Any]]]] = {
            "POST connections": lambda: self.create(body),
            "GET groups": lambda: _success({"items": [group]}),
            f"GET destinations/{GROUP}": lambda: _success({"id": GROUP, "service": "snowflake", "config": place}),
            f"GET groups/{GROUP}/connections": lambda: _success({"items": [one.details()], "nextCursor": None}),
            f"GET connections/{name}": lambda: _success(one.details()),
            f"GET connections/{name}/schemas": lambda: _success({"schemas": _schemas()}),
            f"PATCH connections/{name}": lambda: self.update(body),
            f"POST connections/{name}/sync": lambda: self.sync(force=bool(body.get("force"))),
            f"POST connections/{name}/force": lambda: self.sync(force=True),
        }
        asked = path.partition("?")[0].removeprefix("/v1/").replace("connectors", "connections")
        return answers.get(f"{method} {asked}", lambda: (404, {"code": "NotFound"}))()

    def update(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.connection.schedule_type = body.get("schedule_type", self.connection.schedule_type)
        self.connection.paused = body.get("paused", self.connection.paused)
        return _success(self.connection.details())

    def sync(self, *, force: bool) -> tuple[int, dict[str, Any]]:
        """Without force it "will sync only if it isn't currently syncing"."""
        running = self.connection.sync_state == "syncing"
        self.connection.restarted += running and force
        self.connection.syncs += force or not running
        self.connection.begin()
        if self.connection.at_once:
            self.connection.end(self.now())
        return 200, {"code": "Success", "message": "Sync has been successfully triggered"}

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        config = body.get("config", {})
        wrong = sorted(
            key for key, value in config.items() if key not in ALLOWED or value not in (ALLOWED[key] or {value})
        )
        missing = {"schema", "table"} - config.keys()
        if wrong or missing or body.get("service") != "webhooks" or body.get("group_id") != GROUP:
            return 400, {"code": "InvalidInput", "message": f"{wrong} {sorted(missing)}"}
        self.created.append(body)
        authentication = Authentication("hmac", config["auth_secret"], config["auth_header_key"])
        receiver = Receiver(self.webhook_port, auth=authentication)
        self.receivers.append(self.closing.enter_context(receiver))
        return 201, {"code": "Success", "data": {"id": CONNECTION, "service": "webhooks"}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: FivetranApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api
        self.closed = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are kept alive, as Fivetran's are
    server: _Server

    def do_GET(self) -> None:
        self.respond()

    do_POST = do_PATCH = do_GET  # noqa: N815  the names of the base class

    def respond(self) -> None:
        api, body = self.server.api, self.rfile.read(int(self.headers["Content-Length"] or 0))
        fault = api.faults.pop(0) if api.faults else api.always
        fault = api.after.get(api.requests[-1], fault) if api.requests else fault
        api.requests.append(f"{self.command} {self.path}")
        if fault is not None:
            self.fail(fault)
        elif self.headers["Authorization"] != _AUTHORIZED:
            self.reply(401, {"code": "AuthFailed", "message": f"who is {self.headers['Authorization']}"})
        elif body and not self.headers["Content-Type"].startswith("application/json"):
            self.reply(415, {"code": "UnsupportedMediaType"})
        else:
            self.reply(*api.answer(self.command, self.path, json.loads(body or b"{}") or {}))

    def fail(self, fault: Fault) -> None:
        if fault.kind == "close":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault.kind == "drip":
            self.drip()
        else:
            self.send(fault.status, {"Content-Type": "text/html", **fault.headers}, fault.text.encode())

    def drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.closed.wait(0.05):
            try:
                self.wfile.write(b".")
            except OSError:
                return

    def reply(self, status: int, answer: dict[str, Any]) -> None:
        self.send(status, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Date": format_datetime(self.server.api.now(), usegmt=True), **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        pass


@contextmanager
def fivetran_api(webhook_port: int = 0) -> Iterator[FivetranApi]:
    """The API on a socket of its own; the endpoint of a connection that is created listens on `webhook_port`."""
    api = FivetranApi(webhook_port)
    server = _Server(api)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        with api.closing:
            yield api
    finally:
        server.closed.set()
        server.shutdown()
        server.server_close()


def _success(data: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"code": "Success", "data": data}


def _schemas() -> dict[str, Any]:
    return {
        schema: {
            "name_in_destination": schema,
            "enabled": True,
            "tables": {table: {"name_in_destination": table, "enabled": True, "columns": {}}},
        }
        for schema, table in _TABLES.items()
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
