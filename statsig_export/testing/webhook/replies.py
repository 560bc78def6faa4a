"""Sends a reply in the shape that the script asks for."""

import gzip
import socket
from collections.abc import Callable, Sequence
from functools import cache

from statsig_export.testing.webhook.faults import Action, Shape
from statsig_export.testing.webhook.http_wire import Answer, phrase

HUGE_REPLY_BYTES = 1 << 30
_MISSING_BYTES = 100
_GARBAGE = b"\x16\x03\x01\x02 these bytes are no HTTP\r\n\r\n"
_SECOND_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_TRAILERS = b"X-Checksum: 1\r\nContent-Length: 7\r\n"

UNREADABLE = frozenset({Shape.TRUNCATED_STATUS, Shape.GARBAGE, Shape.EMPTY})
"""Shapes without a whole status line."""
_LEAVES_OPEN = frozenset(
    {
        *(Shape.WHOLE, Shape.CHUNKED, Shape.CONTINUE_FIRST, Shape.EARLY_HINTS_FIRST, Shape.TRAILERS),
        *(Shape.LENGTH_TOO_SHORT, Shape.SECOND_ANSWER, Shape.TWO_LENGTHS, Shape.LENGTH_AND_CHUNKS, Shape.BROKEN_CHUNKS),
    }
)

Pause = Callable[[float], bool]
"""Waits so many seconds; true when the receiver is closing."""


def send_reply(connection: socket.socket, answer: Answer, action: Action, pause: Pause, *, keep_alive: bool) -> bool:
    """Send one reply. True when another request may follow on the connection. Raises OSError when the client left."""
    if action.reply is Shape.HUGE:
        return _send_huge(connection, answer, pause)
    stays = keep_alive and action.reply in _LEAVES_OPEN
    text = _on_the_wire(answer, action.reply, keep_alive=stays)
    if action.drip:
        for position in range(len(text)):
            if pause(action.drip):
                return False
            connection.sendall(text[position : position + 1])
    else:
        connection.sendall(text)
    if action.reply is Shape.LENGTH_TOO_LONG:
        _wait_for_the_end(connection)
    return stays


def interim_answers(statuses: Sequence[int]) -> bytes:
    """Answers that are none yet, one behind the other."""
    return b"".join(f"HTTP/1.1 {status} {phrase(status)}\r\n\r\n".encode() for status in statuses)


def _on_the_wire(answer: Answer, shape: Shape, *, keep_alive: bool) -> bytes:
    body = answer.body
    if shape is Shape.GZIP_BOMB:
        answer, body = answer.with_headers({"Content-Encoding": "gzip"}), _gzip_bomb()
    if shape in {Shape.CHUNKED, Shape.TRAILERS, Shape.LENGTH_AND_CHUNKS, Shape.BROKEN_CHUNKS}:
        length = len(body) // 2 if shape is Shape.LENGTH_AND_CHUNKS else None
        head = answer.with_headers({"Transfer-Encoding": "chunked"}).head(keep_alive=keep_alive, length=length)
        return head + _chunks(body, shape)
    if shape is Shape.TWO_LENGTHS:  # the second goes by another spelling, so that both are kept
        answer = answer.with_headers({"content-length": str(len(body))})
    lengths = {
        Shape.LENGTH_TOO_LONG: len(body) + _MISSING_BYTES,
        Shape.LENGTH_TOO_SHORT: len(body) // 2,
        Shape.TWO_LENGTHS: len(body) // 2,
    }
    head = answer.head(keep_alive=keep_alive, length=lengths.get(shape, len(body)))
    return {
        Shape.CONTINUE_FIRST: interim_answers([100, 100]) + head + body,
        Shape.EARLY_HINTS_FIRST: interim_answers([103]) + head + body,
        Shape.TRUNCATED_STATUS: head[: len("HTTP/1.1 20")],
        Shape.TRUNCATED_HEAD: head[: len(head) // 2],
        Shape.TRUNCATED_BODY: head + body[: len(body) // 2],
        Shape.TRAILING: head + body + _GARBAGE,
        Shape.SECOND_ANSWER: head + body + _SECOND_ANSWER,
        Shape.GARBAGE: _GARBAGE,
        Shape.EMPTY: b"",
    }.get(shape, head + body)


def _chunks(body: bytes, shape: Shape) -> bytes:
    middle = len(body) // 2
    surplus = b"..." if shape is Shape.BROKEN_CHUNKS else b""
    parts = [part for part in (body[:middle], body[middle:]) if part]
    chunks = b"".join(b"%x\r\n%b%b\r\n" % (len(part), part, surplus) for part in parts)
    return chunks + b"0\r\n" + (_TRAILERS if shape is Shape.TRAILERS else b"") + b"\r\n"


@cache
def _gzip_bomb() -> bytes:
    """Members of 16 MiB, one behind the other: gzip reads them as one file."""
    member = gzip.compress(bytes(1 << 24), mtime=0)
    return member * (HUGE_REPLY_BYTES >> 24)


def _send_huge(connection: socket.socket, answer: Answer, pause: Pause) -> bool:
    connection.sendall(answer.head(keep_alive=False, length=HUGE_REPLY_BYTES))
    block = b"x" * 65_536
    for _ in range(HUGE_REPLY_BYTES // len(block)):
        if pause(0):
            break
        connection.sendall(block)
    return False


def _wait_for_the_end(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass
