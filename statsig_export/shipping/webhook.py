"""The webhook: one POST, one answer. It returns a Reply or a Failure and never raises for what the network does.

This module is the border for secrets: the URL and the key come in here, and no exception, log record or value that
leaves it holds them. It follows no redirect (a 302 would turn the POST into an empty GET that is answered 200: a silent
loss), uses no proxy but the configured one, and reads at most 16 kB of an answer.

A whole final head is an answer, whatever becomes of the body behind it; only an acceptance counts when all of it came,
in answer to all of the request.
"""

import base64
import gzip
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from statsig_export.delivery.answer_text import excerpt
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.retry_after import retry_after
from statsig_export.delivery.rules import Failure, Reply
from statsig_export.shipping.connection import watched
from statsig_export.shipping.deadlines import Deadlines
from statsig_export.shipping.destination import Destination
from statsig_export.shipping.http_records import quiet_records
from statsig_export.shipping.line import Line
from statsig_export.shipping.unanswered import unanswered
from statsig_export.version import VERSION

HMAC_HEADER: Final = "X-Fivetran-Hmac-Sign"


class Webhook:
    """Posts bodies to a destination, from any number of threads; connections are kept alive between posts."""

    def __init__(self, destination: Destination, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._destination = destination
        self._clock = clock
        self._monotonic = monotonic
        self._idle: list[Line] = []
        self._deadlines = Deadlines()
        self._end_of_quiet = quiet_records()

    def post(self, body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        """Send one body. `attempt` counts from 1 and goes into a header, as the batch's id does."""
        sent = gzip.compress(body, 6, mtime=0) if self._destination.compression == "gzip" else body
        started = self._monotonic()
        with watched(self._deadlines, self._destination.timeout) as progress:
            try:
                with self._line() as line:
                    line.post(sent, self._headers(sent, batch_id, attempt))
            except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
                outcome, detail = unanswered(error, progress, self._destination.proxy, self._destination.ca_bundle)
                return Failure(outcome, (self._monotonic() - started) * 1000, detail)
        latency_ms = (self._monotonic() - started) * 1000
        answer = progress.answer
        if answer is None:
            return Failure(Outcome.UNKNOWN, latency_ms, "no whole answer")
        if answer.status // 100 == 2 and not answer.whole:  # noqa: PLR2004  accepted, but who knows what
            return Failure(Outcome.UNKNOWN, latency_ms, f"HTTP {answer.status}, but the exchange broke off")
        wait = retry_after(answer.headers.get("retry-after"), answer.headers.get("date"), self._clock())
        return Reply(answer.status, latency_ms, wait, self._excerpt(answer.body, body))

    def close(self) -> None:
        """Close every connection."""
        while self._idle:
            self._idle.pop().close()
        self._deadlines.close()
        self._end_of_quiet()

    @contextmanager
    def _line(self) -> Iterator[Line]:
        """One that nobody else uses meanwhile: the one that was used last, whose connection lay idle the least."""
        try:
            line = self._idle.pop()
        except IndexError:
            line = Line(self._destination)
        try:
            yield line
        finally:
            self._idle.append(line)

    def _headers(self, sent: bytes, batch_id: str, attempt: int) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"statsig-export/{VERSION}",
            "webhook-id": batch_id,
            "webhook-timestamp": str(int(self._clock())),
            "webhook-attempt": str(attempt),
        }
        if self._destination.compression == "gzip":
            headers["Content-Encoding"] = "gzip"
        auth, secret = self._destination.auth, self._destination.secret
        if auth.method == "token" and secret and auth.header:
            headers[auth.header] = secret
        if auth.method == "hmac" and secret:
            headers[auth.header or HMAC_HEADER] = sign(sent, secret, auth.algorithm, auth.encoding)
        return headers

    def _excerpt(self, answer: bytes, body: bytes) -> str:
        return excerpt(answer, body, self._destination.secrets)


def sign(sent: bytes, secret: str, algorithm: str, encoding: str) -> str:
    """The HMAC over the exact bytes on the wire, as Fivetran's webhook set-up asks for it."""
    digest = hmac.new(secret.encode(), sent, algorithm).digest()
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
