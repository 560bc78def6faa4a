"""Slack's form, and a real mail server: STARTTLS, TLS, sign-in, and what goes wrong with each."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trustme
from alert_receiver import PASSWORD, USER, Mailbox, http_receiver, mail_server
from home import Home, toml

from statsig_export.alerts.incidents import Incident, Observation, Turn
from statsig_export.alerts.messages import Message
from statsig_export.alerts.senders import senders_of
from statsig_export.config import load_config
from statsig_export.errors import ConfigError
from statsig_export.monitoring.rules import Fault, Level

NEWS = Message(
    "fivetran",
    [
        (
            Incident(Observation("halted", Level.CRITICAL, "HTTP 401 <!channel> é", Fault.DESTINATION, "mend it"), 0),
            Turn.BEGAN,
        )
    ],
)


def sends(
    tmp_path: Path, email: dict[str, object], password: str = PASSWORD, timeout: str = "2s", user: str = USER
) -> str | None:
    home = Home(tmp_path)
    text = toml({**home.document, "alerts": {"timeout": timeout}, "alerts.email": email})
    home.config_path.write_text(text)
    config = load_config(home.config_path, environ={**home.environ, "MAIL_USER": user, "MAIL_PASSWORD": password})
    return senders_of(config)["email"](NEWS)


def settings_of(box: Mailbox, **more: object) -> dict[str, object]:
    signing = {"user": USER, "password": "env:MAIL_PASSWORD"}
    who = {"sender": "export@example.com", "to": ["duty@example.com", "data@example.com"]}
    return {"host": "localhost", "port": box.port, "ca_bundle": "authority.pem", **signing, **who, **more}


def test_a_mail_goes_encrypted_and_signed_in_to_everybody(tmp_path: Path):
    with mail_server(tmp_path) as (box, _):
        assert sends(tmp_path, settings_of(box)) is None

    (mail,) = box.mails
    assert (box.encrypted, box.signed_in) == ([True], [True])
    assert box.recipients == [["duty@example.com", "data@example.com"]]
    assert mail["Subject"] == "statsig-export fivetran: HTTP 401 <!channel> é"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "what to do: mend it" in mail.get_content()


def test_tls_from_the_first_byte_is_the_other_way(tmp_path: Path):
    with mail_server(tmp_path, security="tls") as (box, _):
        assert sends(tmp_path, settings_of(box, security="tls")) is None

    assert box.signed_in == [True]


@pytest.mark.fault("F563")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_does_not_hold_gets_no_password(tmp_path: Path, security: str):
    with mail_server(tmp_path, security=security, host="another.example") as (box, _):
        wrong = sends(tmp_path, settings_of(box, security=security))
        without = settings_of(box, security=security)
        del without["ca_bundle"]
        unknown = sends(tmp_path, without)

    assert "certificate does not hold" in (wrong or "")
    assert "certificate does not hold" in (unknown or "")
    assert box.mails == []


@pytest.mark.fault("F563")
def test_a_server_without_starttls_gets_no_password(tmp_path: Path):
    with mail_server(tmp_path, security="none") as (box, _):
        assert sends(tmp_path, settings_of(box)) == "the mail server offers no STARTTLS"


def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path):
    with mail_server(tmp_path) as (box, _):
        wrong = sends(tmp_path, settings_of(box), password="another-one")

    assert wrong == "the mail server refuses user and password (SMTP 535)"


ANOTHER_SCRIPT = ("über", "пароль-€")


@pytest.mark.fault("F644")
def test_a_user_and_a_password_that_are_not_ascii_sign_in_where_the_server_has_a_way_for_them(tmp_path: Path):
    user, password = ANOTHER_SCRIPT
    with mail_server(tmp_path, account=ANOTHER_SCRIPT) as (box, _):
        email = settings_of(box, user="env:MAIL_USER")
        assert sends(tmp_path, email, password, user=user) is None
        wrong = sends(tmp_path, email, f"{password}!", user=user)

    assert box.signed_in == [True]
    assert wrong == "the mail server refuses user and password (SMTP 535)"


@pytest.mark.fault("F644")
@pytest.mark.parametrize(
    ("user", "value", "password", "named"),
    [
        ("env:MAIL_USER", USER, "пароль-€", "MAIL_PASSWORD"),
        ("env:MAIL_USER", "über", PASSWORD, "MAIL_USER"),
        ("über", "", PASSWORD, "alerts.email.user"),
        ("über", "", "пароль-€", "alerts.email.user and MAIL_PASSWORD"),
    ],
    ids=["password", "user's variable", "user", "both"],
)
def test_where_it_has_none_what_is_not_ascii_is_named_and_not_shown(
    tmp_path: Path, user: str, value: str, password: str, named: str
):
    with mail_server(tmp_path, without=["PLAIN"]) as (box, _):
        wrong = sends(tmp_path, settings_of(box, user=user), password, user=value) or ""

    assert wrong.endswith(f"choose another {named}, of ASCII alone")
    assert "über" not in wrong
    assert box.mails == []


@pytest.mark.fault("F644")
def test_a_server_where_nobody_can_sign_in_is_told_as_that(tmp_path: Path):
    with mail_server(tmp_path, security="none") as (box, _):
        wrong = sends(tmp_path, settings_of(box, security="none")) or ""

    assert "lets nobody sign in on this connection: leave alerts.email.user and password out" in wrong


@pytest.mark.fault("F644")
@pytest.mark.parametrize("user", [f"{USER}\n", f'"{USER}"'], ids=["a line end", "quotes"])
def test_a_user_that_was_copied_with_something_around_it_names_the_variable(tmp_path: Path, user: str):
    with mail_server(tmp_path) as (box, _), pytest.raises(ConfigError, match="MAIL_USER"):
        sends(tmp_path, settings_of(box, user="env:MAIL_USER"), user=user)


@pytest.mark.fault("F644")
def test_a_mail_server_without_an_address_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def nobody(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    email = {"host": "localhost", "sender": "a@b.example", "to": ["c@d.example"]}

    assert "see alerts.email.host" in (sends(tmp_path, email) or "")


@pytest.mark.fault("F564")
def test_a_connection_that_breaks_after_the_mail_was_taken_is_no_failure(tmp_path: Path):
    with mail_server(tmp_path) as (box, _):
        box.drop = "QUIT"
        assert sends(tmp_path, settings_of(box)) is None

    assert len(box.mails) == 1


@pytest.mark.fault("F564")
def test_a_connection_that_breaks_before_the_mail_was_taken_is_one(tmp_path: Path):
    with mail_server(tmp_path) as (box, _):
        box.drop = "DATA"
        assert sends(tmp_path, settings_of(box)) == "no whole answer of the mail server (SMTPServerDisconnected)"


def test_a_mail_that_is_refused_is_tried_again(tmp_path: Path):
    with mail_server(tmp_path) as (box, _):
        box.answer = "451 come again, said duty@example.com"
        assert sends(tmp_path, settings_of(box)) == "SMTP 451"


@contextmanager
def serving(talk: Callable[[socket.socket, threading.Event], object]) -> Iterator[int]:
    """The port of a server that talks to one client in a way of its own, until the event at the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                talk(connection, done)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            thread.join()


def drip(connection: socket.socket, done: threading.Event) -> None:
    """Greet for ever, a byte now and then: each read is in time."""
    while not done.wait(0.05):
        connection.sendall(b"2")


def with_another_sign_in(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"220 ready\r\n")
    for answer in (b"250-hello\r\n250 AUTH XOAUTH2\r\n", b"221 bye\r\n"):
        connection.recv(1_024)
        connection.sendall(answer)


@pytest.mark.fault("F644")
def test_a_server_that_has_only_sign_ins_that_are_not_known_here_is_told_as_that(tmp_path: Path):
    with serving(with_another_sign_in) as port:
        email = {**SIGNED_IN, "host": "127.0.0.1", "port": port, "security": "none", "user": USER}
        wrong = sends(tmp_path, {**email, "password": "env:MAIL_PASSWORD"})

    assert wrong == "the mail server knows no sign-in that is known here (CRAM-MD5, LOGIN, PLAIN)"


@pytest.mark.fault("F563")
def test_a_mail_server_that_drips_costs_the_timeout_for_the_whole_of_it(tmp_path: Path):
    began = time.monotonic()
    with serving(drip) as port:
        email = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "a@b.example", "to": ["c@d.example"]}
        wrong = sends(tmp_path, email, timeout="500ms")

    assert wrong is not None
    assert time.monotonic() - began < 3


def test_slack_gets_a_text_that_mentions_nobody(tmp_path: Path):
    home = Home(tmp_path)
    home.config_path.write_text(toml({**home.document, "alerts.slack": {"url": "env:SLACK"}}))
    with http_receiver() as taken:
        config = load_config(home.config_path, environ={**home.environ, "SLACK": taken.url})
        assert senders_of(config)["slack"](NEWS) is None

    text = json.loads(taken.bodies[0])["text"]
    assert "&lt;!channel&gt;" in text
    assert "<!channel>" not in text


SIGNED_IN = {"host": "smtp.example", "sender": "a@b.example", "to": ["c@d.example"], "password": "env:P"}


@pytest.mark.parametrize(
    "email",
    [
        {"host": "smtp.example", "security": "none", "sender": "a@b.example", "to": ["c@d.example"]},
        {"host": "smtp..example", "sender": "a@b.example", "to": ["c@d.example"]},
        {"host": "256.1.1.1", "sender": "a@b.example", "to": ["c@d.example"]},
        {"host": "smtp.example:25", "sender": "a@b.example", "to": ["c@d.example"]},
        {"host": "smtp.example", "sender": "A <a@b.example>", "to": ["c@d.example"]},
        {"host": "smtp.example", "sender": "a@b.example\nBcc: x@y.example", "to": ["c@d.example"]},
        {"host": "smtp.example", "sender": "a@b.example", "to": []},
        {"host": "smtp.example", "sender": "a@b.example", "to": ["c@d.example"], "user": "me"},
        {**SIGNED_IN, "user": "env:SMTP-USER"},
        {**SIGNED_IN, "user": "$SMTP_USER"},
        {"host": "smtp.example", "sender": "a@b.example", "to": ["c@d.example"], "user": "me", "password": "hunter2"},
    ],
)
def test_what_cannot_be_right_is_refused_when_the_file_is_read(tmp_path: Path, email: dict[str, object]):
    home = Home(tmp_path)
    home.config_path.write_text(toml({**home.document, "alerts.email": email}))

    with pytest.raises(ConfigError) as caught:
        load_config(home.config_path, environ={})
    assert "hunter2" not in str(caught.value)


def late_in_tls(folder: Path) -> Callable[[socket.socket, threading.Event], None]:
    """Begin TLS when a second is over, and then answer for ever, a line now and then."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    def talk(connection: socket.socket, done: threading.Event) -> None:
        connection.sendall(b"220 ready\r\n")
        for answer in (b"250-hello\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
            connection.recv(1_024)
            connection.sendall(answer)
        done.wait(1.5)
        with context.wrap_socket(connection, server_side=True) as encrypted:
            while not done.wait(0.05):
                encrypted.sendall(b"250-still here\r\n")

    return talk


@pytest.mark.fault("F641")
def test_a_mail_server_that_drips_once_tls_has_begun_late_costs_the_timeout_as_well(tmp_path: Path):
    with serving(late_in_tls(tmp_path)) as port:
        began = time.monotonic()
        said = sends(tmp_path, settings_of(Mailbox(port)), timeout="1s")
        took = time.monotonic() - began

    assert said is not None
    assert took < 4
