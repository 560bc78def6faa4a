"""The webhook: one POST, one answer. It returns a Reply or a Failure and never raises for what the network does.

This module is the border for secrets: the URL and the key come in here, and no exception, log record or value that
leaves it holds them. It follows no redirect (a 302 would turn the POST into an empty GET that is answered 200: a silent
loss), uses no proxy but the configured one, and reads at most 16 kB of an answer.

A whole final head is an answer, whatever becomes of the body behind it; only an acceptance counts when all of it came,
in answer to all of the request.
"""

import base64
import gzip
import hashlib
import hmac
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError

from statsig_export.config import Config
from statsig_export.delivery import Failure, Outcome, Reply
from statsig_export.settings import AuthSettings
from statsig_export.unanswered import unanswered
from statsig_export.version import VERSION
from statsig_export.wire import WatchedAdapter, watched

HMAC_HEADER: Final = "X-Fivetran-Hmac-Sign"
CONNECT_SECONDS: Final = 5.0
EXCERPT_CHARACTERS: Final = 200
_ECHO = 12
"""An answer that repeats this many bytes of the request is quoting a payload."""
_TELLING = 12
"""A part of the URL that is as long as this is no word of the vendor's but what makes the URL a secret."""
_PATH_PARTS: Final = re.compile("[/?&=]")
_LOGGERS: Final = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.poolmanager")


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """Where to send and how to prove who sends. Has no repr: it holds secrets."""

    url: str
    auth: AuthSettings
    secret: str | None
    timeout: float
    compression: str
    ca_bundle: str | None = None
    proxy: str | None = None

    @property
    def setup(self) -> str:
        """Fingerprint of what a refusing webhook may be refusing: when it changes, a halt is lifted."""
        bundle = f"{self.ca_bundle}\0{_digest_of(self.ca_bundle)}" if self.ca_bundle else ""
        parts = (self.url, self.secret or "", self.auth.model_dump_json(), bundle, self.proxy or "")
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not show anywhere, the longest first."""
        found = {self.url, self.secret or "", self.proxy or ""}
        for url in (self.url, requote_uri(self.url)):  # as it is configured, and as it goes over the wire
            parts = urlsplit(url)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            found.add(path if len(path) > 1 else "")
            found.update(part for part in _PATH_PARTS.split(path) if len(part) >= _TELLING)
        return tuple(sorted(found - {""}, key=len, reverse=True))


def destination_of(config: Config) -> Destination:
    """The destination a configuration describes.

    Raises ConfigError where a variable it names is not set or holds what cannot be used, or the CA bundle cannot.
    """
    webhook = config.webhook
    return Destination(
        url=config.webhook_url(),
        auth=webhook.auth,
        secret=config.webhook_secret(),
        timeout=webhook.timeout.total_seconds(),
        compression=webhook.compression,
        ca_bundle=config.webhook_ca_bundle(),
        proxy=config.webhook_proxy(),
    )


class Webhook:
    """Posts bodies to a destination; one connection a thread, kept alive between posts."""

    def __init__(self, destination: Destination, *, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._destination = destination
        self._clock = clock
        self._monotonic = monotonic
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._redaction = _Redaction(destination.secrets)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._redaction)

    def post(self, body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        """Send one body. `attempt` counts from 1 and goes into a header, as the batch's id does."""
        sent = gzip.compress(body, 6, mtime=0) if self._destination.compression == "gzip" else body
        started = self._monotonic()
        with watched(self._destination.timeout) as progress:
            try:
                self._exchange(sent, self._headers(sent, batch_id, attempt))
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
        """Close every thread's connection."""
        while self._sessions:
            self._sessions.pop().close()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._redaction)

    def _exchange(self, sent: bytes, signed: dict[str, str]) -> None:
        """One request; what came back is in this thread's Progress."""
        self._session().post(
            self._destination.url,
            data=sent,
            headers=signed,
            timeout=(min(CONNECT_SECONDS, self._destination.timeout), self._destination.timeout),
            allow_redirects=False,
        )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.verify = self._destination.ca_bundle or True
            if self._destination.proxy:
                session.proxies = {"http": self._destination.proxy, "https": self._destination.proxy}
            adapter = WatchedAdapter()
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            self._sessions.append(session)
        return session

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


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Seconds to wait: the header as seconds, or as a date counted from the answer's own Date (else `now`).

    A moment that is past is 0; what cannot be read is None.
    """
    if value is None:
        return None
    seconds = value.strip()
    if seconds.isascii() and seconds.isdigit():
        return float(seconds)
    try:
        until = parsedate_to_datetime(value).timestamp()
        since = parsedate_to_datetime(date).timestamp() if date else now
    except (ValueError, OverflowError):
        return None
    return max(0.0, until - since)


def excerpt(answer: bytes, body: bytes, secrets: tuple[str, ...]) -> str:
    """The beginning of an answer as one printable line, unless it quotes the request or a secret."""
    start = answer[:EXCERPT_CHARACTERS]
    if any(start[at : at + _ECHO] in body for at in range(len(start) - _ECHO + 1)):
        return "(an answer that repeats the request)"
    text = start.decode("utf-8", "replace")
    if any(secret in answer.decode("utf-8", "replace") for secret in secrets):
        return "(an answer that repeats a secret)"
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _digest_of(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


class _Redaction(logging.Filter):
    """Takes the secrets out of the HTTP library's own log records."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if any(secret in message for secret in self._secrets):
            for secret in self._secrets:
                message = message.replace(secret, "[secret]")
            record.msg, record.args = message, ()
        return True
