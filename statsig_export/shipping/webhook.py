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
import threading
from collections.abc import Callable
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
    """Posts bodies to a destination; one connection a thread, kept alive between posts."""

    def __init__(self, destination: Destination, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._destination = destination
        self._clock = clock
        self._monotonic = monotonic
        self._lines: dict[threading.Thread, Line] = {}
        self._taking = threading.Lock()
        self._deadlines = Deadlines()
        self._end_of_quiet = quiet_records()

    def post(self, body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        """Send one body. `attempt` counts from 1 and goes into a header, as the batch's id does."""
        sent = gzip.compress(body, 6, mtime=0) if self._destination.compression == "gzip" else body
        started = self._monotonic()
        with watched(self._deadlines, self._destination.timeout) as progress:
            try:
                self._line().post(sent, self._headers(sent, batch_id, attempt))
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
        for line in self._lines.values():
            line.close()
        self._deadlines.close()
        self._end_of_quiet()

    def _line(self) -> Line:
        """The thread's own. A thread that is new takes over that of one that has ended, with its connection."""
        thread = threading.current_thread()
        with self._taking:
            if thread not in self._lines:
                ended = next((other for other in self._lines if not other.is_alive()), None)
                self._lines[thread] = Line(self._destination) if ended is None else self._lines.pop(ended)
            return self._lines[thread]

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
