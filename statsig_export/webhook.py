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
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import requests
from urllib3.exceptions import HTTPError

from statsig_export.answer_text import excerpt
from statsig_export.config import Config
from statsig_export.delivery import Failure, Outcome, Reply
from statsig_export.http_records import quiet_records
from statsig_export.retry_after import retry_after
from statsig_export.settings import AuthSettings
from statsig_export.unanswered import unanswered
from statsig_export.version import VERSION
from statsig_export.wire import WatchedAdapter, watched

HMAC_HEADER: Final = "X-Fivetran-Hmac-Sign"
CONNECT_SECONDS: Final = 5.0


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
        """The texts that must not show anywhere: path and query, the key, and what a proxy's URL holds but its host."""
        url, proxy = urlsplit(self.url), urlsplit(self.proxy or "")
        parts = (url.path, url.query, url.fragment, proxy.netloc.rpartition("@")[0], proxy.path, self.secret or "")
        return tuple({spelling for part in parts for spelling in (part, unquote(part)) if spelling})


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
        self._end_of_quiet = quiet_records()

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
        self._end_of_quiet()

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


def _digest_of(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""
