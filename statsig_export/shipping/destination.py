"""The destination that the configuration names: URL, secret, set-up."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from statsig_export.config import Config
from statsig_export.settings import AuthSettings

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


def seconds_to_connect(timeout: float) -> float:
    """How much of a request's time it may take to connect, TLS included: where a proxy or a machine is slow, a longer
    timeout has to help.
    """
    return min(timeout, max(CONNECT_SECONDS, timeout / 6))


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


def _digest_of(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""
