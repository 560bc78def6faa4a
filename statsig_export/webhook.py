"""The webhook: one POST, one answer. It returns a Reply or a Failure and never raises for what the network does.

This module is the border for secrets: the URL and the key come in here, and no exception, log record or value that
leaves it holds them. It follows no redirect (a 302 would turn the POST into an empty GET that is answered 200: a silent
loss), uses no proxy but the configured one, and reads at most 16 kB of an answer.
"""

import base64
import gzip
import hashlib
import hmac
import logging
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

import requests
from requests.exceptions import InvalidHeader, InvalidURL
from requests.utils import requote_uri
from urllib3.exceptions import HTTPError

from statsig_export.config import Config
from statsig_export.delivery import Failure, Outcome, Reply
from statsig_export.retry_after import retry_after
from statsig_export.settings import AuthSettings
from statsig_export.version import VERSION
from statsig_export.wire import Progress, WatchedAdapter, watched

HMAC_HEADER: Final = "X-Fivetran-Hmac-Sign"
CONNECT_SECONDS: Final = 5.0
ANSWER_BYTES: Final = 16_384
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
        parts = (self.url, self.secret or "", self.auth.model_dump_json(), self.ca_bundle or "", self.proxy or "")
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
    """The destination a configuration describes. Raises ConfigError where a variable it names is not set."""
    webhook = config.webhook
    return Destination(
        url=config.webhook_url(),
        auth=webhook.auth,
        secret=config.webhook_secret(),
        timeout=webhook.timeout.total_seconds(),
        compression=webhook.compression,
        ca_bundle=webhook.ca_bundle,
        proxy=config.resolve(webhook.proxy) if webhook.proxy else None,
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
        headers = self._headers(sent, batch_id, attempt)
        started = self._monotonic()
        with watched(self._destination.timeout) as progress:
            try:
                status, retry_after, answer = self._exchange(sent, headers)
            except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
                latency_ms = (self._monotonic() - started) * 1000
                return _failure(error, progress, latency_ms, self._destination.timeout)
        latency_ms = (self._monotonic() - started) * 1000
        if status < 200:  # noqa: PLR2004  an interim status with no final one behind it
            return Failure(Outcome.UNKNOWN, latency_ms, f"only an interim answer, HTTP {status}")
        return Reply(status, latency_ms, retry_after, self._excerpt(answer, body))

    def close(self) -> None:
        """Close every thread's connection."""
        while self._sessions:
            self._sessions.pop().close()
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._redaction)

    def _exchange(self, sent: bytes, signed: dict[str, str]) -> tuple[int, float | None, bytes]:
        """Status, Retry-After in seconds, and the beginning of the answer's body."""
        response = self._session().post(
            self._destination.url,
            data=sent,
            headers=signed,
            timeout=(min(CONNECT_SECONDS, self._destination.timeout), self._destination.timeout),
            allow_redirects=False,
            stream=True,
        )
        try:
            answer = response.raw.read(ANSWER_BYTES, decode_content=False)
            if not response.raw.read(1, decode_content=False):
                response.raw.release_conn()
        finally:
            response.raw.close()  # an endless answer is not read to its end to save a connection
        headers = response.headers
        return response.status_code, retry_after(headers.get("Retry-After"), headers.get("Date"), self._clock()), answer

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


def excerpt(answer: bytes, body: bytes, secrets: tuple[str, ...]) -> str:
    """The beginning of an answer as one printable line, unless it quotes the request or a secret."""
    start = answer[:EXCERPT_CHARACTERS]
    if any(start[at : at + _ECHO] in body for at in range(len(start) - _ECHO + 1)):
        return "(an answer that repeats the request)"
    text = start.decode("utf-8", "replace")
    if any(secret in answer.decode("utf-8", "replace") for secret in secrets):
        return "(an answer that repeats a secret)"
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _failure(error: Exception, progress: Progress, latency_ms: float, timeout: float) -> Failure:
    if progress.expired:
        outcome = Outcome.UNKNOWN if progress.body_began else Outcome.NOT_SENT
        return Failure(outcome, latency_ms, f"no whole answer within {timeout:g} s")
    cause = _innermost(error)
    name = type(cause).__name__
    if progress.body_began:
        return Failure(Outcome.UNKNOWN, latency_ms, f"the connection broke before a whole answer ({name})")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(Outcome.REFUSED, latency_ms, "the webhook's certificate does not hold")
    if isinstance(error, InvalidURL | InvalidHeader):
        return Failure(Outcome.REFUSED, latency_ms, f"the webhook's URL or header cannot be used ({name})")
    return Failure(Outcome.NOT_SENT, latency_ms, f"no connection ({name})")


def _innermost(error: BaseException) -> BaseException:
    """The first cause: requests and urllib3 wrap it in an attribute, in their arguments, or only in the context."""
    wrapped = (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__)
    cause = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
    return error if cause is None else _innermost(cause)


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
