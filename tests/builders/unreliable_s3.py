"""A proxy in front of an S3 over HTTP: it waits, answers errors in the server's place, and cuts connections."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

NONE, SLOW_DOWN, BROKEN, CUT_UPLOAD, CUT_DOWNLOAD, NO_ANSWER, EMPTY_LISTING = (
    "none",
    "503 SlowDown",
    "500 InternalError",
    "the connection breaks in the middle of an upload",
    "the connection breaks in the middle of a download",
    "what was asked is done, and the answer is lost",
    "a listing without any object",
)
_EVERY: Final = (SLOW_DOWN, BROKEN, CUT_UPLOAD, CUT_DOWNLOAD, NO_ANSWER)
_BY_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive"})


@dataclass
class Asked:
    """One request of a client."""

    method: str
    path: str
    body: bytes = b""

    @property
    def lists(self) -> bool:
        return self.method == "GET" and "list-type=" in self.path


Fault = Callable[[Asked], str]


@dataclass
class UnreliableS3:
    """The proxy. `fault` says what becomes of a request; it may be called by several threads at once."""

    server: str
    """The URL of what it stands before."""
    fault: Fault = lambda _: NONE
    delay: float = 0.0
    """Seconds before each answer."""
    url: str = ""
    happened: Counter[str] = field(default_factory=Counter)
    """Fault -> how often."""
    asked: list[Asked] = field(default_factory=list)


def sometimes(share: float, seed: int = 1) -> Fault:
    """Each kind of fault alike, in this share of the requests."""
    dice, guard = random.Random(seed), threading.Lock()  # noqa: S311  no secret

    def fault(asked: Asked) -> str:
        with guard:
            if dice.random() >= share:
                return NONE
            kind = dice.choice(_EVERY)
        fits = {CUT_UPLOAD: bool(asked.body), CUT_DOWNLOAD: asked.method == "GET"}
        return kind if fits.get(kind, True) else SLOW_DOWN

    return fault


class _Proxy(BaseHTTPRequestHandler):
    behaviour: UnreliableS3
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(OSError):  # a client that was killed
            super().handle()

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, body)
        self.behaviour.asked.append(asked)
        fault = self.behaviour.fault(asked)
        self.behaviour.happened[fault] += 1
        time.sleep(self.behaviour.delay)
        if fault in {SLOW_DOWN, BROKEN}:
            self.refuse(*fault.split(" "))
            return
        if fault == CUT_UPLOAD:
            self.send_half(asked)
        else:
            self.answer(fault, *self.forward(asked))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on  # noqa: N815  as the base class calls them

    def refuse(self, status: str, code: str) -> None:
        body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self, asked: Asked) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.behaviour.server).netloc, timeout=60)
        try:
            connection.request(asked.method, asked.path, asked.body, dict(self.headers))
            reply = connection.getresponse()
            return reply.status, reply.getheaders(), reply.read()
        finally:
            connection.close()

    def send_half(self, asked: Asked) -> None:
        """The server gets half of the body, and then nothing more."""
        connection = http.client.HTTPConnection(urlsplit(self.behaviour.server).netloc, timeout=60)
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            connection.putheader(name, value)
        connection.endheaders(asked.body[: len(asked.body) // 2])
        connection.close()
        self.close_connection = True

    def answer(self, fault: str, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.close_connection = fault in {NO_ANSWER, CUT_DOWNLOAD}
        if fault == NO_ANSWER:
            return
        if fault == EMPTY_LISTING:
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>"
        self.send_response(status)
        length = dict(headers).get("Content-Length") if self.command == "HEAD" else str(len(body))
        for name, value in headers:
            if name.lower() not in _BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if fault == CUT_DOWNLOAD else body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def unreliable(server: str, fault: Fault = lambda _: NONE, delay: float = 0.0) -> Iterator[UnreliableS3]:
    proxy = UnreliableS3(server, fault, delay)
    handler = type("Handler", (_Proxy,), {"behaviour": proxy})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    proxy.url = f"http://127.0.0.1:{listening.server_port}"
    try:
        yield proxy
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
