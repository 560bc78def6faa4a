"""Receivers of alerts, on sockets of loopback: an HTTP server with scripted answers, and a mail server."""

import json
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "alerts", "the-mail-password"


@dataclass
class Taken:
    """What an HTTP receiver got."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 after them."""
    hold: threading.Event | None = None
    """Nothing is answered before it is set."""

    @property
    def documents(self) -> list[dict]:
        return [json.loads(body) for body in self.bodies]

    @property
    def texts(self) -> list[str]:
        return [document["text"] for document in self.documents]


@contextmanager
def http_receiver(tls: ssl.SSLContext | None = None) -> Iterator[Taken]:
    taken = Taken()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if taken.hold is not None:
                taken.hold.wait(10)
            taken.bodies.append(body)
            taken.headers.append({name.lower(): value for name, value in self.headers.items()})
            status = taken.answers.pop(0) if taken.answers else 200
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", f"{taken.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            raise AssertionError("a redirect was followed")

        def log_message(self, *_: object) -> None:
            """Not on the terminal of the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    taken.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/services/secret-path"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield taken
    finally:
        if taken.hold is not None:
            taken.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    """What a mail server got, and how it behaves."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    signed_in: list[bool] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    answer: str = "250 taken"
    drop: str = ""
    """When the connection is cut: "DATA" after the mail came, "QUIT" at the end."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        if self.drop == "DATA":
            server.transport.abort()
            return "250 nobody hears"
        if self.answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content, policy=default))
            self.recipients.append(list(envelope.rcpt_tos))
            self.signed_in.append(bool(session.authenticated))
            self.encrypted.append(session.ssl is not None)
        return self.answer

    async def handle_QUIT(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        if self.drop == "QUIT":
            server.transport.abort()
        return "221 bye"


@contextmanager
def mail_server(
    folder: Path,
    *,
    security: str = "starttls",
    host: str = "localhost",
    account: tuple[str, str] = (USER, PASSWORD),
    without: Sequence[str] = (),
) -> Iterator[tuple[Mailbox, Path]]:
    """The mailbox, and the file of the authority that has signed the server's certificate, for `host`. One `account`
    may sign in, not by the mechanisms of `without`.
    """
    authority, box = trustme.CA(), Mailbox()
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)

    def sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = (data.login.decode(), data.password.decode()) == account
        return AuthResult(success=good, handled=False)

    encrypted = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
    signing = (
        {"auth_required": True, "authenticator": sign_in, "auth_exclude_mechanism": without}
        if security != "none"
        else {}
    )
    if security == "tls":  # it does not see that all of the connection is encrypted
        signing["auth_require_tls"] = False
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if security == "tls" else None,
        **encrypted,
        **signing,
    )
    controller.port = _free_port()
    controller.start()
    box.port = controller.port
    try:
        yield box, bundle
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
