"""Sends a reply in the shape that the script asks for."""

import socket
from collections.abc import Callable

from statsig_export.testing.faults import Action, Shape
from statsig_export.testing.http_wire import Answer

HUGE_REPLY_BYTES = 1 << 30
_MISSING_BYTES = 100
_GARBAGE = b"\x16\x03\x01\x02 these bytes are no HTTP\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"

UNREADABLE = frozenset({Shape.TRUNCATED_STATUS, Shape.GARBAGE, Shape.EMPTY})
"""Shapes without a whole status line."""
_LEAVES_OPEN = frozenset({Shape.WHOLE, Shape.CHUNKED, Shape.CONTINUE_FIRST, Shape.EARLY_HINTS_FIRST})

Pause = Callable[[float], bool]
"""Waits so many seconds; true when the receiver is closing."""


def send_reply(connection: socket.socket, answer: Answer, action: Action, pause: Pause, *, keep_alive: bool) -> bool:
    """Send one reply. True when another request may follow on the connection. Raises OSError when the client left."""
    if action.reply is Shape.HUGE:
        return _send_huge(connection, answer, pause)
    stays = keep_alive and (action.reply in _LEAVES_OPEN or action.reply is Shape.LENGTH_TOO_SHORT)
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


def _on_the_wire(answer: Answer, shape: Shape, *, keep_alive: bool) -> bytes:
    body = answer.body
    if shape is Shape.CHUNKED:
        chunked = Answer(answer.status, {**answer.headers, "Transfer-Encoding": "chunked"}, body)
        middle = len(body) // 2
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:middle], body[middle:]) if part)
        return chunked.head(keep_alive=keep_alive, length=None) + chunks + b"0\r\n\r\n"
    if shape is Shape.LENGTH_TOO_LONG:
        return answer.head(keep_alive=keep_alive, length=len(body) + _MISSING_BYTES) + body
    if shape is Shape.LENGTH_TOO_SHORT:
        return answer.head(keep_alive=keep_alive, length=len(body) // 2) + body
    head = answer.head(keep_alive=keep_alive, length=len(body))
    return {
        Shape.CONTINUE_FIRST: _CONTINUE * 2 + head + body,
        Shape.EARLY_HINTS_FIRST: _EARLY_HINTS + head + body,
        Shape.TRUNCATED_STATUS: head[: len("HTTP/1.1 20")],
        Shape.TRUNCATED_HEAD: head[: len(head) // 2],
        Shape.TRUNCATED_BODY: head + body[: len(body) // 2],
        Shape.TRAILING: head + body + _GARBAGE,
        Shape.GARBAGE: _GARBAGE,
        Shape.EMPTY: b"",
    }.get(shape, head + body)


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
