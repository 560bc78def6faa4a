"""What the stand-in webhook takes: one path, one authentication, its limits. Judges a request, keeps nothing."""

import base64
import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from statsig_export.testing.webhook.event_reader import ReadEvent, read_events
from statsig_export.testing.webhook.http_wire import BODY_LIMIT, UNPROVEN_LIMIT, Head, RefusedError

_GZIP = 31
"""zlib's window size for a gzip stream with its header and checksum."""
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class Authentication:
    """How requests must prove where they come from: the three methods of Fivetran's connector.

    `token` expects the secret itself in `header`, `hmac` a keyed digest of the body's exact bytes on the wire.
    """

    method: Literal["none", "token", "hmac"] = "none"
    secret: str = field(default="", repr=False)
    header: str = "X-Fivetran-Hmac-Sign"
    algorithm: Literal["md5", "sha1", "sha224", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"

    def accepts(self, head: Head, wire_body: bytes) -> bool:
        if self.method == "none":
            return True
        given = head.headers.get(self.header.lower(), "")
        expected = self.secret if self.method == "token" else self.sign(wire_body)
        if self.method == "hmac" and self.encoding == "hex":
            given = given.lower()
        return hmac.compare_digest(given.encode("latin-1"), expected.encode())

    def may_accept(self, head: Head) -> bool:
        """Whether the head alone does not rule it out: a token must be right, a signature be there."""
        if self.method == "hmac":
            return bool(head.headers.get(self.header.lower()))
        return self.accepts(head, b"")

    def sign(self, wire_body: bytes) -> str:
        """The signature that `hmac` expects."""
        digest = hmac.new(self.secret.encode(), wire_body, self.algorithm).digest()
        return digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer a request deserves, faults apart, and what could be read of it."""

    status: int
    reason: str
    events: tuple[ReadEvent, ...] = ()
    digest: str = ""
    """sha256 of the body, decompressed; empty where none was read."""

    @property
    def ok(self) -> bool:
        return self.status == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The webhook as it is set up."""

    path: str
    authentication: Authentication
    strict_delivery: bool
    """Demand webhook-id (64 hex), webhook-timestamp and webhook-attempt."""

    def judge_head(self, head: Head, max_bytes: int | None) -> Verdict | None:
        """The verdict on a request whose long body need not be read; None where it has to be."""
        if head.length <= UNPROVEN_LIMIT:
            return None
        refusal = self._refusal(head, head.length, max_bytes, authentic=self.authentication.may_accept(head))
        return None if refusal is None else Verdict(refusal.status, refusal.reason)

    def judge(self, head: Head, wire_body: bytes, max_bytes: int | None, max_events: int | None) -> Verdict:
        """The verdict on one request. A body that could be read is in it even where the answer is a refusal."""
        missing = head.length - len(wire_body)
        if missing > 0:
            return Verdict(HTTPStatus.BAD_REQUEST, f"the body is {missing} bytes shorter than Content-Length")
        authentic = self.authentication.accepts(head, wire_body)
        refusal = self._refusal(head, len(wire_body), max_bytes, authentic=authentic)
        if refusal is not None and not authentic and "content-encoding" in head.headers:
            return Verdict(refusal.status, refusal.reason)  # nothing is unpacked for a stranger
        try:
            body = decompress(head, wire_body)
            events = tuple(read_events(body))
        except RefusedError as error:
            refusal = refusal or error
            return Verdict(refusal.status, refusal.reason)
        if refusal is None and max_events is not None and len(events) > max_events:
            refusal = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {max_events} events")
        digest = hashlib.sha256(body).hexdigest()
        if refusal is not None:
            return Verdict(refusal.status, refusal.reason, events, digest)
        return Verdict(HTTPStatus.OK, "", events, digest)

    def _refusal(self, head: Head, length: int, max_bytes: int | None, *, authentic: bool) -> RefusedError | None:
        """What is wrong before the body is looked into, the first of it."""
        if head.target.partition("?")[0] != self.path:
            return RefusedError(HTTPStatus.NOT_FOUND, "no webhook at this path")
        if head.method != "POST":
            return RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is taken here")
        if max_bytes is not None and length > max_bytes:
            return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {max_bytes} bytes")
        if not authentic:
            return RefusedError(HTTPStatus.UNAUTHORIZED, "the token or signature is missing or wrong")
        if head.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type is not application/json")
        return self._delivery_refusal(head) if self.strict_delivery else None

    def _delivery_refusal(self, head: Head) -> RefusedError | None:
        if _SHA256_HEX.fullmatch(head.headers.get("webhook-id", "")) is None:
            return RefusedError(HTTPStatus.BAD_REQUEST, "webhook-id is not 64 hexadecimal digits")
        for name in ("webhook-timestamp", "webhook-attempt"):
            if _NUMBER.fullmatch(head.headers.get(name, "")) is None:
                return RefusedError(HTTPStatus.BAD_REQUEST, f"{name} is not a positive number")
        return None


def decompress(head: Head, wire_body: bytes) -> bytes:
    """The body without its Content-Encoding. Raises RefusedError for an unknown or broken one."""
    encoding = head.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return wire_body
    if encoding != "gzip":
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is neither gzip nor identity")
    decompressor = zlib.decompressobj(_GZIP)
    try:
        body = decompressor.decompress(wire_body, BODY_LIMIT)
    except zlib.error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not gzip") from None
    if not decompressor.eof or decompressor.unused_data:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the gzip stream does not end with the body")
    return body


def attempt_number(head: Head) -> int | None:
    """What `webhook-attempt` says, None where it says no number."""
    text = head.headers.get("webhook-attempt", "")
    return int(text) if _NUMBER.fullmatch(text) else None
