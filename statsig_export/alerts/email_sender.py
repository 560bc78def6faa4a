"""A message by e-mail: SMTP with STARTTLS or TLS, the certificate checked, and an end to it all after some seconds.

A timeout of smtplib is for each read. A server that sends a byte now and then would hold a tick for ever, so the
connection is shut when the time for the whole of it is over.
"""

import logging
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def email_sender(config: Config, settings: EmailAlerts, timeout: float) -> Callable[[Message], str | None]:
    """Raises ConfigError where a variable is not set, or the CA bundle is none."""
    bundle = config.ca_bundle_of("alerts.email.ca_bundle", settings.ca_bundle)
    signing_in = None
    if settings.user is not None and settings.password is not None:
        password = checked_secret(
            settings.password.removeprefix("env:"), config.resolve(settings.password), in_a_header=False
        )
        signing_in = config.resolve(settings.user), password

    def send(message: Message) -> str | None:
        try:
            with _connected(settings, bundle, timeout) as server:
                if signing_in is not None:
                    server.login(*signing_in)
                refused = server.send_message(_mail(settings, message), settings.sender, list(settings.to))
            if refused:
                log.warning("alerts: the mail server refuses %d of %d recipients", len(refused), len(settings.to))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return _what_was_wrong(error)
        return None

    return send


def _what_was_wrong(error: Exception) -> str:
    """In words without anything of the server's but its status."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "the mail server refuses every recipient"
        case smtplib.SMTPAuthenticationError():
            return f"the mail server refuses user and password (SMTP {error.smtp_code})"
        case smtplib.SMTPNotSupportedError():
            return _unsupported(str(error))
        case smtplib.SMTPResponseException():
            return f"SMTP {error.smtp_code}"
        case ssl.SSLCertVerificationError():
            return f"its certificate does not hold ({error.verify_message})"
    return f"no whole answer of the mail server ({type(error).__name__})"


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
