"""How a message leaves: one function a receiver, which says what kept it, and never raises for what the network does.

What it says holds no URL, no password, and nothing that the other side could have chosen but its status.
"""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Final, NamedTuple

from statsig_export.alert_settings import AlertSettings, SlackAlerts, WebhookAlerts
from statsig_export.alerts.email_sender import email_sender
from statsig_export.alerts.messages import Message
from statsig_export.config import Config
from statsig_export.delivery.rules import Reply
from statsig_export.errors import ConfigError
from statsig_export.settings import AuthSettings
from statsig_export.shipping.destination import Destination
from statsig_export.shipping.webhook import Webhook
from statsig_export.webhook_setup import checked_secret, checked_url

Send = Callable[[Message], str | None]
"""Sends one message. None: the receiver has taken it; else what was wrong."""
SLACK: Final = "slack"
EMAIL: Final = "email"
WEBHOOK: Final = "webhook"


def senders_of(config: Config) -> dict[str, Send]:
    """Receiver -> what sends to it, as `senders_and_wrong`. Raises ConfigError where none of them can be used."""
    senders, wrong = senders_and_wrong(config)
    if len(wrong) == len(senders):
        raise wrong[0]
    return senders


def senders_and_wrong(config: Config) -> tuple[dict[str, Send], list[ConfigError]]:
    """Receiver -> what sends to it; and what is wrong with those whose variable is not set, or holds what cannot be
    used: they are told nothing and say why. The others are told.
    """
    settings = config.alert_settings()
    made: dict[str, Callable[[], Send]] = {}
    if settings.slack is not None:
        made[SLACK] = partial(_slack, config, settings, settings.slack)
    if settings.email is not None:
        made[EMAIL] = partial(email_sender, config, settings.email, settings.timeout.total_seconds())
    if settings.webhook is not None:
        made[WEBHOOK] = partial(_webhook, config, settings, settings.webhook)
    senders: dict[str, Send] = {}
    wrong: list[ConfigError] = []
    for name, make in made.items():
        try:
            senders[name] = make()
        except ConfigError as error:
            wrong.append(error)
            senders[name] = partial(_unusable, error.message)
    return senders, wrong


def _unusable(why: str, _: Message) -> str:
    return why


def _slack(config: Config, settings: AlertSettings, receiver: SlackAlerts) -> Send:
    slack = _destination(config, settings, _Posted(SLACK, receiver, "leave them out: Slack's URL is all it takes"))
    return lambda message: _post(slack, message.slack, message.id)


def _webhook(config: Config, settings: AlertSettings, receiver: WebhookAlerts) -> Send:
    webhook = _signed(config, settings, receiver)
    return lambda message: _post(webhook, message.document, message.id)


def receivers_of(settings: AlertSettings) -> list[str]:
    named = {SLACK: settings.slack, EMAIL: settings.email, WEBHOOK: settings.webhook}
    return [name for name, receiver in named.items() if receiver is not None]


def _signed(config: Config, settings: AlertSettings, webhook: WebhookAlerts) -> Destination:
    posted = _Posted(WEBHOOK, webhook, "leave them out: [alerts.webhook] secret signs what is sent")
    if webhook.secret is None:
        return _destination(config, settings, posted)
    auth = AuthSettings(method="hmac", secret=webhook.secret, header=webhook.header, encoding="hex")
    key = checked_secret(webhook.secret.removeprefix("env:"), config.resolve(webhook.secret), in_a_header=False)
    return _destination(config, settings, posted, auth, key)


class _Posted(NamedTuple):
    """A receiver that is posted to."""

    name: str
    """That of its table under [alerts]."""
    settings: SlackAlerts | WebhookAlerts
    no_credentials: str
    """What to do where its URL holds user and password."""


def _destination(
    config: Config,
    settings: AlertSettings,
    posted: _Posted,
    auth: AuthSettings | None = None,
    secret: str | None = None,
) -> Destination:
    url, bundle = posted.settings.url, posted.settings.ca_bundle
    return Destination(
        url=checked_url(url.removeprefix("env:"), config.resolve(url), no_credentials=posted.no_credentials),
        auth=auth or AuthSettings(),
        secret=secret,
        timeout=settings.timeout.total_seconds(),
        compression="none",
        ca_bundle=config.ca_bundle_of(f"alerts.{posted.name}.ca_bundle", bundle),
    )


def _post(destination: Destination, body: bytes, message_id: str) -> str | None:
    """As events are posted: no redirect is followed, the whole exchange has a limit, no proxy of the environment."""
    with closing(Webhook(destination, clock=time.time, monotonic=time.monotonic)) as webhook:
        answer = webhook.post(body, message_id, 1)
    if not isinstance(answer, Reply):
        return answer.detail
    return None if answer.status // 100 == 2 else f"HTTP {answer.status}"  # noqa: PLR2004
