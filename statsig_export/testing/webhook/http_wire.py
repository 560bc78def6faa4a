"""HTTP/1.1 as the stand-in webhook reads and writes it: a head, a body of known length, a reply.

Written on sockets rather than on `http.server`, since the scripted faults have to stop between any two of these.
"""

import re
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from io import BufferedReader

LINE_LIMIT = 65_536
HEADER_LIMIT = 200
HEAD_LIMIT = 262_144
"""Bytes of all header lines together."""
BODY_LIMIT = 128 * 1024 * 1024
"""Bytes; a longer body is not read at all. A configuration allows 100 MB."""
UNPROVEN_LIMIT = 65_536
"""Bytes of a body that is read from anybody, so that its refusal can say more; a longer one must prove itself first."""

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/(1\.[01])")
_LENGTH = re.compile(r"[0-9]{1,18}")


class RefusedError(ValueError):
    """The request is answered with an error status. The reason names positions and our own vocabulary, no payload."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Room:
    """Memory for the bodies of all connections together. Safe between threads."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, length: int) -> bool:
        """Whether there is room for so many bytes; then it is taken, until it is given back."""
        with self._lock:
            fits = length <= self._left
            self._left -= length if fits else 0
            return fits

    def give(self, length: int) -> None:
        with self._lock:
            self._left += length


@dataclass(frozen=True, slots=True)
class Head:
    """A request up to its body. Header names are in lower case, repeated headers joined with a comma."""

    method: str
    target: str
    version: str
    headers: Mapping[str, str]

    @property
    def keep_alive(self) -> bool:
        said = self.headers.get("connection", "").lower()
        return self.method != "HEAD" and "close" not in said and (self.version == "1.1" or "keep-alive" in said)

    @property
    def expects_continue(self) -> bool:
        return self.headers.get("expect", "").lower() == "100-continue"

    @property
    def length(self) -> int:
        """Bytes of the body, as Content-Length has it. Raises RefusedError where that cannot be told."""
        if "transfer-encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "a body must come with Content-Length")
        text = self.headers.get("content-length")
        if text is None:
            if self.method in {"GET", "HEAD", "DELETE", "OPTIONS"}:
                return 0
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        if _LENGTH.fullmatch(text) is None:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "Content-Length is not one number")
        if int(text) > BODY_LIMIT:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        return int(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `headers` override the ones every reply has."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def with_headers(self, headers: Mapping[str, str]) -> "Answer":
        """The same with further headers."""
        return Answer(self.status, {**self.headers, **headers}, self.body)

    def head(self, *, keep_alive: bool, length: int | None) -> bytes:
        """The status line and the headers; no Content-Length where `length` is None."""
        fields = {
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/json",
            "Connection": "keep-alive" if keep_alive else "close",
        }
        if length is not None:
            fields["Content-Length"] = str(length)
        fields.update(self.headers)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} {phrase(self.status)}\r\n{lines}\r\n".encode("latin-1")


def read_head(stream: BufferedReader) -> Head:
    """The next request's head. Raises RefusedError when it is not HTTP/1.x, ConnectionError when it ends early."""
    match = _REQUEST_LINE.fullmatch(_line(stream))
    if match is None:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the request line is not HTTP/1.x")
    headers: dict[str, str] = {}
    left = HEAD_LIMIT
    for _ in range(HEADER_LIMIT):
        line = _line(stream)
        left -= len(line)
        if left < 0:
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long")
        if not line:
            return Head(match[1], match[2], match[3], headers)
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise RefusedError(HTTPStatus.BAD_REQUEST, "a header line is malformed")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "too many headers")


def read_exactly(stream: BufferedReader, length: int) -> bytes:
    """The next `length` bytes; fewer when the client leaves or dies before it sent them."""
    parts = []
    missing = length
    while missing:
        try:
            part = stream.read1(min(missing, 1 << 20))
        except OSError:
            break
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def drain(connection: socket.socket, seconds: float = 2) -> None:
    """Tell the client that nothing more comes, and let it finish: closing on unread bytes would cost it the reply."""
    connection.settimeout(seconds)
    connection.shutdown(socket.SHUT_WR)
    left = BODY_LIMIT
    while left > 0 and (part := connection.recv(1 << 16)):
        left -= len(part)


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset (RST), not an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _line(stream: BufferedReader) -> str:
    line = stream.readline(LINE_LIMIT)
    if not line.endswith(b"\n"):
        if len(line) == LINE_LIMIT:
            raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a header line is too long")
        raise ConnectionError("the request ended within its head")
    return line.rstrip(b"\r\n").decode("latin-1")


def phrase(status: int) -> str:
    """The words beside a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
