"""The answers of the fuzz: orderly ones, odd ones, damaged ones, and noise. Equal dice, equal answer."""

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from statsig_export.shipping.http_answer import HEAD_BYTES

MARKER: Final = "Retry-After"
"""The header that says which request an answer belongs to: the client reads it anyway."""
NO_ANSWER: Final = 0
_NAMES: Final = (
    "Server",
    "Set-Cookie",
    "Location",
    "Content-Type",
    "Date",
    "Connection",
    "X-Request-Id",
    "Content-Encoding",
)
_VALUES: Final = (
    *("close", "keep-alive", "gzip", "br", "gzip, gzip", "identity", "application/json", "text/html; charset=utf-7"),
    *("/elsewhere", "http://[", "http://127.0.0.1:1/", "//", "\xff\xfe", "id=1; Path=/; HttpOnly", "=", ""),
    *("Sat, 21 Nov 2026 12:00:00 GMT", "Fri, 31 Foo 9999", "0", "-1", "x" * 5_000),
)
_STATUSES: Final = (200, 200, 201, 202, 204, 204, 299, 300, 301, 302, 302, 303, 304, 307, 308, 400, 401, 403, 404, 408)
_MORE_STATUSES: Final = (
    409,
    410,
    413,
    415,
    421,
    422,
    425,
    426,
    429,
    451,
    499,
    500,
    501,
    502,
    503,
    504,
    511,
    599,
    600,
    999,
)
_ODD_STATUS_LINES: Final = (
    *(b"HTTP/1.1 000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 99 OK", b"HTTP/1.1 1000 OK", b"HTTP/1.1 2147483648 OK"),
    *(b"HTTP/1.1 20x OK", b"HTTP/1.1 2_0 OK", b"HTTP/1.1 +200 OK", b"HTTP/1.1 -200 OK", b"HTTP/1.1 2e2 OK"),
    *(b"HTTP/1.1 200OK", b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1", b"HTTP/1.1 "),
    *(
        b"HTTP/0.9 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/2 200",
        b"HTTP/11 200 OK",
        b"HTTP/1.1.1 200 OK",
        b"http/1.1 200 OK",
    ),
    *(b"ICY 200 OK", b"SIP/2.0 200 OK", b"200 OK", b"<html>", b"{}", b"", b"\r", b"\x00", b"HTTP/1.1 \xb2\xb0\xb0 OK"),
    *(
        b"SSH-2.0-OpenSSH_9.2",
        b"\x15\x03\x01\x00\x02\x02\x28",
    ),
)
_ODD_LENGTHS: Final = (
    *(b"-1", b"-5", b"+2", b"0x2", b"2.0", b"2e1", b"", b"two", b"2 2", b"2,3", b"2, 2", b"00000000000000000002"),
    *(b"1", b"3", b"1000000000000", b"9" * 18, b"9" * 25, b"9" * 5_000, b"\xb2", b"2\x00", b"2;q=1"),
)
_ODD_CODINGS: Final = (
    b"gzip",
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked",
    b"identity",
    b"x",
    b"",
    b"\x0bchunked",
    b"CHUNKED",
)
_ODD_CHUNKS: Final = (
    *(
        b"-1\r\nabc",
        b"-5\r\nabcde",
        b"0x2\r\nab\r\n0\r\n\r\n",
        b"+2\r\nab\r\n0\r\n\r\n",
        b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    ),
    *(
        b"2\nab\n0\n\n",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"2\r\nab0\r\n\r\n",
        b"g\r\n",
        b"\r\n\r\n",
        b"ffffffffffffffffffff\r\nab",
        b"2;" + b"x" * 70_000,
    ),
    *(b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n", b"0\r\nHTTP/1.1 200 OK\r\n\r\n", b"0\r\n", b"0\r\nX", b"2\r\nab\r\n"),
)
_LEFTOVERS: Final = (
    *(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"\r\n",
    ),
    *(b"\x00", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"x" * 100_000, b"0\r\n\r\n"),
)
_VOCABULARY: Final = (
    *(
        b"HTTP/1.1 ",
        b"HTTP/1.0 ",
        b"200",
        b"500",
        b"100",
        b"103",
        b" OK",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b":",
        b" ",
        b"\t",
    ),
    *(
        b"Content-Length",
        b"Transfer-Encoding",
        b"chunked",
        b"Connection",
        b"close",
        b"0",
        b"5",
        b"-1",
        b"\x00",
        b"\xff",
        b"hello",
    ),
)


class Kind(StrEnum):
    """How an answer was made."""

    ORDERLY = "orderly"
    ODD = "odd"
    DAMAGED = "damaged"
    NOISE = "noise"


class End(StrEnum):
    """What the server does with the connection afterwards."""

    OPEN = "open"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Made:
    """One answer."""

    kind: Kind
    wire: bytes
    end: End
    status: int | None
    """The one it must be taken for, if it is taken for an answer at all; NO_ANSWER where it must not be; None where all
    is open."""
    later: bytes = b""
    """Sent a moment after `wire`."""


def make(dice: random.Random, marker: int) -> Made:
    """An answer; where it has a whole head, that holds the marker."""
    kind = dice.choices(list(Kind), (4, 4, 3, 1))[0]
    if kind is Kind.NOISE:
        parts = dice.choices(_VOCABULARY, k=dice.randint(0, 40))
        noise = b"".join(parts) if dice.random() < 0.7 else dice.randbytes(dice.randint(0, 2_000))  # noqa: PLR2004
        return Made(kind, noise, _any_end(dice), None)
    if kind is Kind.ODD:
        return dice.choice(_ODDITIES)(dice, marker)
    orderly = _orderly(dice, marker)
    if kind is Kind.ORDERLY:
        return orderly
    damaged = orderly.wire + orderly.later
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        damaged = _damage(dice, damaged)
    return Made(kind, damaged, _any_end(dice), None)


def _orderly(dice: random.Random, marker: int) -> Made:
    """Interim answers and a final one; now and then that comes a moment later."""
    times = dice.choice((0, 0, 0, 1, 1, 3, 32))
    interim = b"".join(_head(dice, dice.choice((100, 102, 103, 110, 199)), marker + 1) for _ in range(times))
    status = dice.choice(_STATUSES + _MORE_STATUSES)
    final, end = _final(dice, status, marker)
    if interim and dice.random() < 0.3:  # noqa: PLR2004
        return Made(Kind.ORDERLY, interim, end, status, final)
    return Made(Kind.ORDERLY, interim + final, end, status)


def _final(dice: random.Random, status: int, marker: int) -> tuple[bytes, End]:
    """A final answer, framed in one of the ways there are, and what has to become of the connection."""
    if status in {204, 304}:
        return _head(dice, status, marker), End.OPEN
    body = dice.choice((b"", b"{}", b"ok", b"x" * 16_384, b"y" * 300_000, gzip.compress(bytes(100_000), mtime=0)))
    framing = dice.choice(("length", "length", "chunks", "until the end"))
    if framing == "length":
        return _head(dice, status, marker, b"Content-Length: %d" % len(body)) + body, End.OPEN
    if framing == "chunks":
        return _head(dice, status, marker, b"Transfer-Encoding: chunked") + _chunks(dice, body), End.OPEN
    return _head(dice, status, marker) + body, End.CLOSE


def _head(dice: random.Random, status: int, marker: int, *framing: bytes, line: bytes | None = None) -> bytes:
    version = dice.choice((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"))
    phrase = dice.choice((b"", b" ", b" OK", b" \xe4\xf6\xfc", b" a  b"))
    names = dice.choices(_NAMES, k=dice.choice((0, 1, 2, 5, 150) if dice.random() < 0.1 else (0, 1, 2)))  # noqa: PLR2004
    fields = [f"{name}: {dice.choice(_VALUES)}".encode("latin-1") for name in names]
    fields += [f"{MARKER}: {marker}".encode(), *framing]
    dice.shuffle(fields)
    return b"\r\n".join((line if line is not None else b"%b %d%b" % (version, status, phrase), *fields, b"", b""))


def _chunks(dice: random.Random, body: bytes) -> bytes:
    cuts = sorted(dice.randrange(len(body) + 1) for _ in range(dice.choice((0, 1, 3))))
    parts = [body[first:last] for first, last in zip((0, *cuts), (*cuts, len(body)), strict=True) if last > first]
    extension = dice.choice((b"", b"", b";a=b"))
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    return chunks + b"0\r\n" + dice.choice((b"", b"", b"X-Checksum: 1\r\n")) + b"\r\n"


def _odd_status_line(dice: random.Random, marker: int) -> Made:
    wire = _head(dice, 200, marker, b"Content-Length: 2", line=dice.choice(_ODD_STATUS_LINES)) + b"ok"
    return Made(Kind.ODD, wire, _any_end(dice), NO_ANSWER)


def _odd_phrase(dice: random.Random, marker: int) -> Made:
    phrase = dice.choice((b" O\rK", b" \x00", b" \xff\xfe", b" ", b" " + b"K" * 70_000, b" HTTP/1.1 500 No"))
    wire = _head(dice, 302, marker, b"Content-Length: 2", line=b"HTTP/1.1 302" + phrase) + b"ok"
    return Made(Kind.ODD, wire, _any_end(dice), 302)


def _odd_length(dice: random.Random, marker: int) -> Made:
    lengths = [b"Content-Length: " + dice.choice(_ODD_LENGTHS) for _ in range(dice.choice((1, 1, 2)))]
    status = dice.choice((200, 302, 500))
    return Made(Kind.ODD, _head(dice, status, marker, *lengths) + b"ok", _any_end(dice), status)


def _odd_coding(dice: random.Random, marker: int) -> Made:
    framing = [b"Transfer-Encoding: " + dice.choice(_ODD_CODINGS), *dice.choice(([], [b"Content-Length: 2"]))]
    status = dice.choice((200, 302, 500))
    return Made(Kind.ODD, _head(dice, status, marker, *framing) + _chunks(dice, b"ok"), _any_end(dice), status)


def _odd_chunks(dice: random.Random, marker: int) -> Made:
    status = dice.choice((200, 302, 500))
    wire = _head(dice, status, marker, b"Transfer-Encoding: chunked") + dice.choice(_ODD_CHUNKS)
    return Made(Kind.ODD, wire, _any_end(dice), status)


def _leftover(dice: random.Random, marker: int) -> Made:
    orderly = _orderly(dice, marker)
    wire = orderly.wire + orderly.later + dice.choice(_LEFTOVERS)
    return replace(orderly, kind=Kind.ODD, wire=wire, later=b"")


def _redirect(dice: random.Random, marker: int) -> Made:
    status, location = dice.choice((301, 302, 303, 307, 308)), dice.choice((b"/", b"http://[", b"//\xff", b""))
    coding = dice.choice((b"gzip", b"deflate", b"br", b"zstd", b"gzip, " * 50 + b"gzip"))
    body = dice.choice((b"no such coding", gzip.compress(bytes(1_000_000), mtime=0)[:-4], b"x" * 1_000_000))
    framing = (b"Location: " + location, b"Content-Encoding: " + coding, b"Content-Length: %d" % len(body))
    return Made(Kind.ODD, _head(dice, status, marker, *framing) + body, End.OPEN, status)


def _odd_header(dice: random.Random, marker: int) -> Made:
    odd = dice.choice(
        (b"X: " + b"y" * 70_000, b"X: " + b"y" * 300_000, b"no colon", b": no name", b" folded: 1", b"X\x00: 1")
    )
    odd = dice.choice(
        (odd, b"Content-Length : 7", b"Content-Length:\r\n 7", b"X: a\rb", b"\xff\xfe: \xff", b"X:" * 2_000)
    )
    status = NO_ANSWER if len(odd) > HEAD_BYTES else 500
    return Made(Kind.ODD, _head(dice, 500, marker, odd) + b"ok", _any_end(dice), status)


def _only_interim(dice: random.Random, marker: int) -> Made:
    statuses = dice.choice(((100,), (103,) * 40, (101,), (103, 101)))
    wire = b"".join(_head(dice, status, marker) for status in statuses)
    return Made(Kind.ODD, wire + dice.choice((b"", b"\x00\x01\x02")), _any_end(dice), NO_ANSWER)


def _cut(dice: random.Random, marker: int) -> Made:
    orderly = _orderly(dice, marker)
    wire = orderly.wire + orderly.later
    return Made(Kind.ODD, wire[: dice.randrange(len(wire))], dice.choice((End.CLOSE, End.RESET)), None)


_ODDITIES: Final[Sequence[Callable[[random.Random, int], Made]]] = (
    _odd_status_line,
    _odd_phrase,
    _odd_length,
    _odd_coding,
    _odd_chunks,
    _leftover,
    _leftover,
    _redirect,
    _odd_header,
    _only_interim,
    _cut,
)


def _damage(dice: random.Random, wire: bytes) -> bytes:
    """One mutation, mostly near the beginning, where the head is."""
    at = dice.randrange(min(len(wire), dice.choice((200, 200, 100_000))) + 1)
    size = dice.choice((1, 1, 2, 10))
    piece = dice.choice(
        (b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b"\r\n\r\n", dice.randbytes(1), wire[at : at + 30])
    )
    how = dice.randrange(4)
    if how == 0:
        return wire[:at] + piece + wire[at:]
    if how == 1:
        return wire[:at] + wire[at + size :]
    if how == 2:  # noqa: PLR2004
        return wire[:at] + piece + wire[at + len(piece) :]
    return wire[:at]


def _any_end(dice: random.Random) -> End:
    return dice.choices(list(End), (5, 4, 1))[0]
