"""A webhook that reads a body, counts its events and says 200: the least that a destination can do.

`python -m benchmarks.sink --latency-ms 100 --sample FOLDER` says its port on standard output and serves on loopback
until standard input closes. Then it says what it received, as one JSON object: requests, events, body_bytes. It answers
`--latency-ms` after the body was read, and keeps the body of every fiftieth request in FOLDER, so that what was sent
can be looked at afterwards.
"""

import argparse
import json
import socket
import socketserver
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

EVENT: Final = b'"eventName":'
"""Occurs once an event: inside a JSON string the quotes would be escaped. No parsing, which would slow the sender."""
EVERY: Final = 50
MOST_KEPT: Final = 20
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_RECEIVE: Final = 1 << 18


@dataclass
class Received:
    """What came in, over all connections."""

    sample: Path | None = None
    requests: int = 0
    events: int = 0
    body_bytes: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, body: bytes | bytearray) -> None:
        events = body.count(EVENT)
        with self._guard:
            number = self.requests
            self.requests += 1
            self.events += events
            self.body_bytes += len(body)
        if self.sample is not None and number % EVERY == 0 and number // EVERY < MOST_KEPT:
            (self.sample / f"{number:06d}.json").write_bytes(body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, received: Received, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.received = received
        self.latency = latency


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pending = b""
        while (read := self._read(pending)) is not None:
            body, pending = read
            self.server.received.add(body)
            if self.server.latency:
                time.sleep(self.server.latency)
            self.request.sendall(_ANSWER)

    def _read(self, pending: bytes) -> tuple[bytearray, bytes] | None:
        """The next body, and what came after it; None when the other side is done."""
        while _HEAD_END not in pending:
            more = self.request.recv(_RECEIVE)
            if not more:
                return None
            pending += more
        head, _, rest = pending.partition(_HEAD_END)
        length = _content_length(head)
        body = bytearray(length)
        body[: len(rest)] = rest[:length]
        at, view = min(len(rest), length), memoryview(body)
        while at < length:
            count = self.request.recv_into(view[at:])
            if not count:
                return None
            at += count
        view.release()
        return body, rest[length:]


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def main() -> None:
    arguments = argparse.ArgumentParser(prog="benchmarks.sink", description=__doc__)
    arguments.add_argument("--latency-ms", type=int, default=0)
    arguments.add_argument("--sample", type=Path, help="an existing folder")
    options = arguments.parse_args()
    received = Received(options.sample)
    with _Server(received, options.latency_ms / 1000) as server:
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()
    said = {"requests": received.requests, "events": received.events, "body_bytes": received.body_bytes}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
