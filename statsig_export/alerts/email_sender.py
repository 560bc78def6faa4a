"""A message by e-mail: SMTP with STARTTLS or TLS, the certificate checked, and an end to it all after some seconds.

A timeout of smtplib is for each read. A server that sends a byte now and then would hold a tick for ever, so the
connection is shut when the time for the whole of it is over.
"""

import base64
import binascii
import logging
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from threading import Event, Thread
from typing import Final

from statsig_export.alert_settings import EmailAlerts
from statsig_export.alerts.messages import Message
from statsig_export.config import Config
from statsig_export.webhook_setup import checked_secret

log = logging.getLogger(__name__)

_AGAIN: Final = 0.2
"""Seconds between two looks at a conversation whose time is up."""
_KNOWN: Final = frozenset({"CRAM-MD5", "PLAIN", "LOGIN"})
"""Ways to sign in that smtplib has."""
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def email_sender(config: Config, settings: EmailAlerts, timeout: float) -> Callable[[Message], str | None]:
    """Raises ConfigError where a variable is not set, or the CA bundle is none."""
    bundle = config.ca_bundle_of("alerts.email.ca_bundle", settings.ca_bundle)
    account = _account(config, settings)

    def send(message: Message) -> str | None:
        try:
            with _connected(settings, bundle, timeout) as server:
                if account is not None:
                    account.sign_in(server)
                refused = server.send_message(_mail(settings, message), settings.sender, list(settings.to))
            if refused:
                log.warning("alerts: the mail server refuses %d of %d recipients", len(refused), len(settings.to))
        except (smtplib.SMTPException, OSError, binascii.Error) as error:  # the last: a challenge that is none
            return _what_was_wrong(error)
        return None

    return send


class _CannotSignInError(smtplib.SMTPException):
    """In our own words."""


@dataclass(frozen=True, slots=True, repr=False)
class _Account:
    """Who signs in. Has no repr: it holds a secret."""

    user: str
    password: str
    not_ascii: str
    """What names those of the two that are not ASCII; empty where both are."""

    def sign_in(self, server: smtplib.SMTP) -> None:
        """Smtplib takes ASCII alone. Of what servers know AUTH PLAIN is UTF-8 by its definition (RFC 4616); of the
        others nobody says what they make of another letter, and a password is not to be guessed with.
        """
        server.ehlo_or_helo_if_needed()
        offered = server.esmtp_features.get("auth", "").split()
        if not offered:
            raise _CannotSignInError(
                "the mail server lets nobody sign in on this connection: leave alerts.email.user and password out, or"
                " mend host, port or security"
            )
        if self.not_ascii and "PLAIN" not in offered:
            raise _CannotSignInError(
                "the mail server has no AUTH PLAIN, which alone carries what is not ASCII: choose another"
                f" {self.not_ascii}, of ASCII alone"
            )
        if not _KNOWN.intersection(offered):
            raise _CannotSignInError(
                f"the mail server knows no sign-in that is known here ({', '.join(sorted(_KNOWN))})"
            )
        if not self.not_ascii:
            server.login(self.user, self.password)
            return
        plain = base64.b64encode(f"\0{self.user}\0{self.password}".encode()).decode()
        code, said = server.docmd("AUTH", f"PLAIN {plain}")
        if code != 235:  # noqa: PLR2004  signed in
            raise smtplib.SMTPAuthenticationError(code, said)


def _account(config: Config, settings: EmailAlerts) -> _Account | None:
    """Raises ConfigError, without what is wrong, where the variable of user or password cannot be used."""
    if settings.user is None or settings.password is None:
        return None
    user_is_a_variable = settings.user.startswith("env:")
    named = (
        settings.user.removeprefix("env:") if user_is_a_variable else "alerts.email.user",
        settings.password.removeprefix("env:"),
    )
    user, password = (
        checked_secret(name, config.resolve(value), in_a_header=False)
        for name, value in zip(named, (settings.user, settings.password), strict=True)
    )
    not_ascii = [name for name, text in zip(named, (user, password), strict=True) if not text.isascii()]
    return _Account(user, password, " and ".join(not_ascii))


def _what_was_wrong(error: Exception) -> str:
    """In words without anything of the server's but its status."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            said = "the mail server refuses every recipient"
        case smtplib.SMTPAuthenticationError():
            said = f"the mail server refuses user and password (SMTP {error.smtp_code})"
        case _CannotSignInError():
            said = str(error)
        case smtplib.SMTPNotSupportedError():
            said = _unsupported(str(error))
        case smtplib.SMTPResponseException():
            said = f"SMTP {error.smtp_code}"
        case socket.gaierror():
            said = "the name of the mail server has no address here: see alerts.email.host"
        case ssl.SSLCertVerificationError():
            said = f"its certificate does not hold ({error.verify_message})"
        case _:
            said = f"no whole answer of the mail server ({type(error).__name__})"
    return said


def _unsupported(said: str) -> str:
    """Smtplib's own words, which hold nothing of the server's."""
    return "the mail server offers no STARTTLS" if "STARTTLS" in said else "the mail server cannot do what is needed"


@contextmanager
def _connected(settings: EmailAlerts, bundle: str | None, timeout: float) -> Iterator[smtplib.SMTP]:
    """Whatever happens when the conversation is closed, the mail was taken or was not."""
    port = settings.port or _PORTS[settings.security]
    trusted = ssl.create_default_context(cafile=bundle)  # smtplib's own checks no certificate
    if settings.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(timeout=timeout, context=trusted)
    else:
        server = smtplib.SMTP(timeout=timeout)
    over = Event()
    end = Thread(target=_shut_after, args=(timeout, over, server), daemon=True)
    end.start()
    try:
        # What the certificate is compared with: smtplib takes it only where it connects at once.
        server._host = settings.host  # type: ignore[attr-defined]  # noqa: SLF001
        code, _ = server.connect(settings.host, port)
        if code != 220:  # noqa: PLR2004  ready
            raise smtplib.SMTPConnectError(code, b"")
        if settings.security == "starttls":
            server.starttls(context=trusted)
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        over.set()
        server.close()


def _shut_after(timeout: float, over: Event, server: smtplib.SMTP) -> None:
    """Ends whatever read or write is under way in the other thread once the time is up, and again until it is over:
    while TLS begins, the server's socket is not the one that it has later.
    """
    wait = timeout
    while not over.wait(wait):
        if server.sock is not None:
            with suppress(OSError):
                server.sock.shutdown(socket.SHUT_RDWR)
        wait = _AGAIN


def _mail(settings: EmailAlerts, message: Message) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.id}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no answer of somebody on holiday
    mail.set_content(f"{message.text}\n")
    return mail
