"""A stand-in of the part of Fivetran's REST API that the documentation uses: creating a connection of `webhooks`.

The keys and their values are those of Fivetran's page "Webhooks API Configuration". A connection that is created gets
an endpoint, which demands what the connection was given.
"""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from statsig_export.testing.webhook.receiver import Authentication, Receiver

KEY, SECRET, GROUP = "key", "api-secret", "group_id"
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


@dataclass
class FivetranApi:
    """`connections` are the bodies that were taken, `receivers` their endpoints."""

    webhook_port: int
    connections: list[dict[str, Any]] = field(default_factory=list)
    receivers: list[Receiver] = field(default_factory=list)
    closing: ExitStack = field(default_factory=ExitStack)
    url: str = ""

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        config = body.get("config", {})
        wrong = sorted(
            key for key, value in config.items() if key not in ALLOWED or value not in (ALLOWED[key] or {value})
        )
        missing = {"schema", "table"} - config.keys()
        if wrong or missing or body.get("service") != "webhooks" or body.get("group_id") != GROUP:
            return 400, {"code": "InvalidInput", "message": f"{wrong} {sorted(missing)}"}
        self.connections.append(body)
        authentication = Authentication("hmac", config["auth_secret"], config["auth_header_key"])
        receiver = Receiver(self.webhook_port, auth=authentication)
        self.receivers.append(self.closing.enter_context(receiver))
        return 201, {"code": "Success", "data": {"id": "connection_id", "service": "webhooks"}}


@contextmanager
def fivetran_api(webhook_port: int) -> Iterator[FivetranApi]:
    """The API on a socket of its own; its first connection's endpoint listens on `webhook_port`."""
    api = FivetranApi(webhook_port)
    authorized = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != authorized:
                return self.reply(401, {"code": "AuthFailed"})
            if self.path != "/v1/connections" or self.headers["Content-Type"] != "application/json":
                return self.reply(404, {"code": "NotFound"})
            return self.reply(*api.create(json.loads(body)))

        def reply(self, status: int, answer: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        with api.closing:
            yield api
    finally:
        server.shutdown()
        server.server_close()
