"""`[alerts]` of export.toml: who is told what is wrong, and how long it has to be so before."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from statsig_export.places import checked_variable, means_a_variable
from statsig_export.settings import Duration, HeaderName, Place, SecretName, Settings
from statsig_export.webhook_setup import checked_link, is_host

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9.-]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:]+")


def _address(text: str) -> str:
    if not (text.isascii() and _ADDRESS.fullmatch(text)):
        raise ValueError("this is no e-mail address such as data@example.com: no name, and no < >")
    return text


def _host(text: str) -> str:
    if not (_HOST.fullmatch(text) and is_host(text)):
        raise ValueError("this is no host name: without smtp:// and without a port, which has a key of its own")
    return text


def _user(text: str) -> str:
    return checked_variable(text) if means_a_variable(text) else text


def _brief(duration: timedelta) -> timedelta:
    if duration > timedelta(days=7):
        raise ValueError('expected a duration from "0s" to "7d"')
    return duration


def _patience(duration: timedelta) -> timedelta:
    if not timedelta(milliseconds=100) <= duration <= timedelta(seconds=30):
        raise ValueError('expected a duration from "100ms" to "30s": a tick of Dagster has a minute for all of it')
    return duration


Address = Annotated[str, AfterValidator(_address)]
Holding = Annotated[Duration, AfterValidator(_brief)]


class SlackAlerts(Settings):
    """`[alerts.slack]`: an incoming webhook of Slack, or of whatever takes the same (Mattermost, Rocket.Chat)."""

    url: SecretName
    """env:NAME of the URL, which is a secret."""
    ca_bundle: Place | None = None
    """A PEM file of certificate authorities to trust instead of the usual ones, or env:NAME."""


class WebhookAlerts(Settings):
    """`[alerts.webhook]`: any receiver of a JSON POST."""

    url: SecretName
    """env:NAME of the URL: https, or http on loopback."""
    secret: SecretName | None = None
    """env:NAME of a key: the header then has the HMAC-SHA-256 of the body, in hexadecimal digits."""
    header: HeaderName = "X-Statsig-Export-Signature"
    """The header that carries it."""
    ca_bundle: Place | None = None
    """As for Slack."""


class EmailAlerts(Settings):
    """`[alerts.email]`: a mail server."""

    host: Annotated[str, AfterValidator(_host)]
    """The server that takes mail from here."""
    port: int | None = Field(default=None, ge=1, le=65_535, strict=True)
    """587 for STARTTLS and 465 for TLS, unless this says otherwise."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted. "none" only where the server is this machine (loopback)."""
    user: Annotated[str, AfterValidator(_user)] | None = Field(default=None, min_length=1)
    """Who signs in, or env:NAME; left out, nobody does."""
    password: SecretName | None = None
    """env:NAME of the password."""
    sender: Address
    """Whom the mail is from."""
    to: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Who gets it."""
    ca_bundle: Place | None = None
    """As for Slack."""

    @model_validator(mode="after")
    def _is_safe_to_sign_in(self) -> "EmailAlerts":
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.security == "none" and self.host not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError('security = "none" is for a server on loopback only: use "starttls" or "tls"')
        return self


class AlertSettings(Settings):
    """`[alerts]`: who is told what is wrong, once, and once more when it is over."""

    slack: SlackAlerts | None = None
    email: EmailAlerts | None = None
    webhook: WebhookAlerts | None = None
    after: Holding = timedelta(minutes=2)
    """For so long something has to be wrong before anybody is told."""
    over_after: Holding = timedelta(minutes=10)
    """For so long it has to be well again before that is told: what comes and goes is one incident."""
    timeout: Annotated[Duration, AfterValidator(_patience)] = timedelta(seconds=10)
    """For one message, from connecting to the answer. Who does not take it in time is tried again later."""
    dagster_url: Annotated[str, AfterValidator(checked_link)] | None = None
    """Where people open Dagster's UI, for links to runs: "https://dagster.example.com"."""
    state: Place = "./.statsig_export/alerts.json"
    """Where the verb `alerts` remembers that the ledger cannot be read; the rest is remembered in the ledger."""

    @model_validator(mode="after")
    def _somebody_is_told(self) -> "AlertSettings":
        if self.slack is None and self.email is None and self.webhook is None:
            raise ValueError("name somebody to be told: [alerts.slack], [alerts.email] or [alerts.webhook]")
        return self
