"""An HTTP/1.x answer as it comes off the wire: its final head, the beginning of its body, and whether it is whole.

Strict where a mistake would make an answer out of something else: one bad status line, one head that breaks off, and
there is no answer. What is merely odd (a folded header, LF alone, a length said twice) leaves the answer valid and the
connection unfit for another request, since nobody can be sure where the next answer begins.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final

HEAD_BYTES: Final = 262_144
"""Of all heads of an exchange together; and of what frames a chunked body."""
INTERIM_ANSWERS: Final = 32
"""So many 1xx are skipped. `102 Processing` once a second for as long as a request lasts is meant to pass."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r]*)?\r\n")
_SWITCHING_PROTOCOLS: Final = 101
_FINAL: Final = 200
_BODILESS: Final = (204, 304)
_BLOCK: Final = 65_536

Receive = Callable[[int], bytes]
"""At most so many bytes off the wire, at least one; none at its end. Raises OSError."""


class NoAnswerError(HTTPException):
    """What came is no whole answer. The text is in our own words and holds nothing of what came."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A final answer."""

    status: int
    """From 200 to 999."""
    headers: Mapping[str, str]
    """By names in lower case; repeated ones are joined with commas."""
    body: bytes
    """Its beginning, as it came: no content encoding is undone."""
    whole: bool
    """The body ended where the head says, or goes on beyond what is read of it."""
    reusable: bool
    """It is certain where the answer ended, and nothing lay behind it: the connection may carry another request."""


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    minor_version: int
    headers: Mapping[str, str]
    strict: bool
    """Every byte is as HTTP/1.1 has it."""

    def tokens(self, name: str) -> list[str]:
        """The comma-separated words of a header, in lower case."""
        return [word.strip().lower() for word in self.headers[name].split(",")] if name in self.headers else []


class _Wire:
    """What was received and not yet taken."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting = bytearray()
        self._budget = HEAD_BYTES

    @property
    def empty(self) -> bool:
        return not self._waiting

    def line(self) -> bytes:
        """The next line with its end. Raises NoAnswerError where it breaks off, or the lines become too many bytes."""
        end = self._waiting.find(b"\n") + 1
        while not end:
            known = len(self._waiting)
            if known > self._budget:
                break
            if not self._more():
                raise NoAnswerError("the connection ended within the answer" if known else "the connection was closed")
            end = self._waiting.find(b"\n", known) + 1
        self._budget -= end or len(self._waiting)
        if self._budget < 0:
            raise NoAnswerError(f"its head is larger than {HEAD_BYTES:,} bytes")
        return self._take(end)

    def take(self, most: int) -> bytes:
        """So many bytes; fewer only at the end of the connection."""
        while len(self._waiting) < most and self._more():
            pass
        return self._take(most)

    def _more(self) -> bool:
        block = self._receive(_BLOCK)
        self._waiting += block
        return bool(block)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken


def read_answer(receive: Receive, limit: int) -> HttpAnswer:
    """The final answer, 1xx skipped, and at most `limit` bytes of its body.

    Raises NoAnswerError, or what `receive` raises, where there is no whole final head. A body that breaks off is no
    error: the answer is not `whole`.
    """
    wire = _Wire(receive)
    head = _final_head(wire)
    body = bytearray()
    try:
        ended = _read_body(wire, head, limit, body)
    except (OSError, NoAnswerError):
        return HttpAnswer(head.status, head.headers, bytes(body), whole=False, reusable=False)
    reusable = ended and head.strict and head.minor_version > 0 and "close" not in head.tokens("connection")
    return HttpAnswer(head.status, head.headers, bytes(body), whole=True, reusable=reusable and wire.empty)


def read_tunnel_status(receive: Receive) -> int:
    """The status of a proxy's final answer to CONNECT, 1xx skipped. No body is read.

    Raises NoAnswerError, or what `receive` raises, where there is no whole head, or where something lies behind one
    that opens the tunnel: the other side of a tunnel says nothing before it is asked.
    """
    wire = _Wire(receive)
    status = _final_head(wire).status
    if status // 100 == 2 and not wire.empty:  # noqa: PLR2004  the class of success
        raise NoAnswerError("something lies behind the proxy's answer")
    return status


def _final_head(wire: _Wire) -> _Head:
    strict = True
    for _ in range(INTERIM_ANSWERS + 1):
        head = _head(wire)
        strict = strict and head.strict
        if head.status >= _FINAL:
            return _Head(head.status, head.minor_version, head.headers, strict)
        if head.status == _SWITCHING_PROTOCOLS:
            raise NoAnswerError("it switches to another protocol (101), which nobody asked for")
    raise NoAnswerError(f"more than {INTERIM_ANSWERS} interim answers")


def _head(wire: _Wire) -> _Head:
    line = wire.line()
    found = _STATUS_LINE.fullmatch(_without_end(line))
    if found is None:
        raise NoAnswerError("it does not begin as HTTP/1.x does")
    strict = _is_strict(line)
    headers: dict[str, list[str]] = {}
    while _without_end(line := wire.line()):
        strict = strict and _is_strict(line)
        field = _FIELD.fullmatch(_without_end(line))
        if field is None:
            strict = False
        name, value = field.groups() if field else line.partition(b":")[::2]
        if line[:1] not in b" \t":  # else it goes on with the header above, which is then not what it seems
            headers.setdefault(name.strip().decode("latin-1").lower(), []).append(value.strip().decode("latin-1"))
    strict = strict and _is_strict(line)
    joined = {name: ", ".join(values) for name, values in headers.items()}
    return _Head(int(found[2]), int(found[1]), joined, strict)


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _is_strict(line: bytes) -> bool:
    return line.endswith(b"\r\n") and b"\r" not in line[:-2]


def _read_body(wire: _Wire, head: _Head, limit: int, body: bytearray) -> bool:
    """Fill `body`. True when its end was seen where the head says it is, so that what follows is another answer.

    Raises NoAnswerError, or what the wire raises, where it breaks off.
    """
    codings, lengths = head.tokens("transfer-encoding"), head.tokens("content-length")
    if head.status in _BODILESS:
        return not codings and set(lengths) <= {"0"}
    if codings:
        framed = codings[-1] == "chunked" and _read_chunks(wire, limit, body)
        if codings[-1] != "chunked":
            body += wire.take(limit)
        return framed and codings == ["chunked"] and not lengths
    if not lengths:
        body += wire.take(limit)  # until the connection ends
        return False
    if len(set(lengths)) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise NoAnswerError("its length is not one number")
    size = min(int(lengths[0]), limit)
    body += wire.take(size)
    if len(body) < size:
        raise NoAnswerError("the connection ended within the body")
    return len(lengths) == 1 and int(lengths[0]) <= limit


def _read_chunks(wire: _Wire, limit: int, body: bytearray) -> bool:
    """As `_read_body`, for `Transfer-Encoding: chunked`."""
    while True:
        found = _CHUNK_SIZE.fullmatch(wire.line())
        if found is None:
            raise NoAnswerError("a chunk does not begin with its size")
        size = int(found[1], 16)
        if size == 0:
            break
        wanted = min(size, limit - len(body))
        part = wire.take(wanted)
        body += part
        if len(part) < wanted:
            raise NoAnswerError("the connection ended within a chunk")
        if wanted < size:
            return False
        if wire.take(2) != b"\r\n":
            raise NoAnswerError("a chunk does not end where its size says")
    while _without_end(wire.line()):  # trailers
        pass
    return True
