"""Statsig's side of an SDK, on loopback: serves the configuration and keeps what is logged.

It is the SDK's proxy too: a request for any other host would arrive here, is refused and written down.
"""

import gzip
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from sdk_config_spec import SPECS

SPECS_PATH = "/v2/download_config_specs"
LOG_EVENT_PATH = "/v1/log_event"


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One log_event request."""

    headers: dict[str, str]
    """By name in lower case."""
    events: list[dict]
    statsig_metadata: dict


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10
    server: "_Server"

    def do_GET(self) -> None:
        self.server.asked.append(("GET", self.path.partition("?")[0]))
        known = self.path.startswith(SPECS_PATH)
        self._answer(200 if known else 404, SPECS if known else {})

    def do_POST(self) -> None:
        self.server.asked.append(("POST", self.path))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "identity")
        if self.path != LOG_EVENT_PATH or encoding not in {"gzip", "identity"}:
            self.server.refused.append(f"{self.path} encoded as {encoding}")
            self._answer(415, {})
            return
        document = json.loads(gzip.decompress(body) if encoding == "gzip" else body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.logged.append(LoggedRequest(headers, document["events"], document["statsigMetadata"]))
        self._answer(200, {"success": True})

    def do_CONNECT(self) -> None:
        self.server.refused.append(self.path)
        self._answer(403, {})

    def log_message(self, *_: object) -> None:
        """Standard error stays quiet."""

    def _answer(self, status: int, document: dict) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them; each ends with its connection, or with its timeout

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.asked: list[tuple[str, str]] = []
        self.logged: list[LoggedRequest] = []
        self.refused: list[str] = []


class SdkCollector:
    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def asked(self) -> list[tuple[str, str]]:
        """(method, path) of every GET and POST."""
        return self._server.asked

    @property
    def logged(self) -> list[LoggedRequest]:
        return self._server.logged

    @property
    def refused(self) -> list[str]:
        """Hosts that the SDK wanted to reach through its proxy, and requests that were no log_event."""
        return self._server.refused

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
