"""The webhook over real sockets: what each fault comes to, and that no secret gets out."""

import base64
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import trustme
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from scripted_server import close, scripted

from statsig_export.delivery.answer_text import excerpt
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.retry_after import retry_after
from statsig_export.delivery.rules import Failure, Reply, classify
from statsig_export.settings import AuthSettings
from statsig_export.shipping.destination import Destination
from statsig_export.shipping.webhook import Webhook, sign
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.faults import Action, Rule, Shape, Stage, answer
from statsig_export.testing.webhook.receiver import Receiver

EVENT = {
    "eventName": "page_view",
    "user": {"email": "canary@example.org"},
    "userID": "u",
    "timestamp": 1_795_000_000_000,
    "statsigMetadata": {},
    "value": "",
    "metadata": {},
    "timeUUID": "an-id",
}
BODY = json.dumps([EVENT]).encode()
BATCH_ID = "ab" * 32


def destination(url: str, **options: object) -> Destination:
    plain = {"auth": AuthSettings(), "secret": None, "timeout": 1.0, "compression": "none"}
    return Destination(url=url, **{**plain, **options})  # type: ignore[arg-type]


@contextmanager
def webhook_to(target: Destination) -> Iterator[Webhook]:
    webhook = Webhook(target, clock=time.time, monotonic=time.monotonic)
    try:
        yield webhook
    finally:
        webhook.close()


def post(receiver: Receiver, *actions: Action, **options: object) -> Reply | Failure:
    receiver.play([Rule(actions=actions)] if actions else [])
    with webhook_to(destination(receiver.url, **options)) as webhook:
        return webhook.post(BODY, BATCH_ID, 1)


def test_an_accepted_body_arrives_byte_for_byte_with_its_id_and_attempt(receiver: Receiver):
    with webhook_to(destination(receiver.url)) as webhook:
        first, second = webhook.post(BODY, BATCH_ID, 1), webhook.post(BODY, BATCH_ID, 2)

    assert classify(first) is classify(second) is Outcome.ACCEPTED
    assert [request.attempt for request in receiver.requests] == [1, 2]
    assert receiver.requests[0].webhook_id == BATCH_ID
    assert receiver.events()[0] == EVENT
    assert receiver.connections == 1


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize(
    ("algorithm", "encoding"), [("sha256", "base64"), ("sha256", "hex"), ("md5", "hex"), ("sha512", "base64")]
)
def test_a_signature_covers_the_exact_bytes_on_the_wire(algorithm: str, encoding: str, compression: str):
    auth = {"method": "hmac", "algorithm": algorithm, "encoding": encoding}
    with Receiver(auth=Authentication(**auth, secret="key")) as receiver:  # type: ignore[arg-type]
        right = {"auth": AuthSettings(**auth, secret="env:X"), "compression": compression}  # type: ignore[arg-type]

        assert classify(post(receiver, **right, secret="key")) is Outcome.ACCEPTED
        assert classify(post(receiver, **right, secret="another")) is Outcome.REFUSED


def test_a_token_goes_into_the_configured_header():
    with Receiver(auth=Authentication("token", "t0ken", header="X-Token")) as receiver:
        auth = AuthSettings(method="token", secret="env:X", header="X-Token")

        assert classify(post(receiver, auth=auth, secret="t0ken")) is Outcome.ACCEPTED
        assert classify(post(receiver, auth=auth, secret="other")) is Outcome.REFUSED


def test_a_signature_is_what_openssl_makes_of_the_same_bytes():
    # printf '[]' | openssl dgst -sha256 -hmac key
    known = "8cf3d584bac42070e44f249a550910bd0077d18a9cc62a54c59c6758458bf01a"

    assert sign(b"[]", "key", "sha256", "hex") == known
    assert sign(b"[]", "key", "sha256", "base64") == base64.b64encode(bytes.fromhex(known)).decode()


@pytest.mark.fault("F33", "F35", "F41", "F42", "F46")
@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action(reset=Stage.BODY), Outcome.UNKNOWN),
        (Action(reset=Stage.PROCESSING), Outcome.UNKNOWN),
        (Action(reply=Shape.GARBAGE), Outcome.UNKNOWN),
        (Action(reply=Shape.EMPTY), Outcome.UNKNOWN),
        (Action(reply=Shape.TRUNCATED_STATUS), Outcome.UNKNOWN),
        (Action(reply=Shape.TRUNCATED_HEAD), Outcome.UNKNOWN),
        (Action(reply=Shape.TRUNCATED_BODY), Outcome.UNKNOWN),
        (Action(reply=Shape.LENGTH_TOO_LONG), Outcome.UNKNOWN),
        (Action(reply=Shape.EARLY_HINTS_FIRST), Outcome.ACCEPTED),
        (Action(reply=Shape.CHUNKED), Outcome.ACCEPTED),
        (Action(reply=Shape.CONTINUE_FIRST), Outcome.ACCEPTED),
        (Action(reply=Shape.HUGE), Outcome.ACCEPTED),
        (Action(delay=5), Outcome.UNKNOWN),
        (Action(drip=0.2), Outcome.UNKNOWN),
        (answer(500), Outcome.UNAVAILABLE),
        (answer(503, Retry_After="7"), Outcome.THROTTLED),
    ],
    ids=str,
)
def test_a_fault_after_the_body_began_is_never_accepted_by_accident(
    receiver: Receiver, action: Action, outcome: Outcome
):
    assert classify(post(receiver, action, timeout=0.6)) is outcome


@pytest.mark.fault("F33")
@pytest.mark.parametrize("stage", [Stage.ACCEPT, Stage.HEADERS, Stage.HALF_BODY])
def test_a_reset_before_the_body_is_read_leaves_it_to_another_try(receiver: Receiver, stage: Stage):
    found = post(receiver, Action(reset=stage))

    assert isinstance(found, Failure)
    assert found.outcome in {Outcome.NOT_SENT, Outcome.UNKNOWN}
    assert receiver.events() == []


@pytest.mark.fault("F32")
def test_a_reply_that_drips_ends_at_the_deadline(receiver: Receiver):
    started = time.monotonic()
    post(receiver, Action(drip=0.1), timeout=0.5)

    assert time.monotonic() - started < 2


@pytest.mark.fault("F35")
def test_bytes_left_over_from_one_reply_are_not_taken_for_the_next(receiver: Receiver):
    stale = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" * 2
    receiver.play([Rule(actions=[Action(reply=Shape.LENGTH_TOO_SHORT, body=stale), answer(500)])])
    with webhook_to(destination(receiver.url)) as webhook:
        webhook.post(BODY, BATCH_ID, 1)
        assert classify(webhook.post(BODY, BATCH_ID, 2)) is Outcome.UNAVAILABLE


@pytest.mark.fault("F29")
def test_nothing_listening_means_not_sent():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with webhook_to(destination(f"http://127.0.0.1:{port}/canary")) as webhook:
        answer = webhook.post(BODY, BATCH_ID, 1)

    assert isinstance(answer, Failure)
    assert answer.outcome is Outcome.NOT_SENT
    assert answer.detail == "no connection (ConnectionRefusedError)"


@pytest.mark.fault("F28")
def test_a_host_that_does_not_resolve_means_not_sent():
    with webhook_to(destination("https://nowhere.invalid/canary")) as webhook:
        assert classify(webhook.post(BODY, BATCH_ID, 1)) is Outcome.NOT_SENT


@pytest.mark.fault("F31")
def test_a_handshake_that_hangs_ends_at_the_deadline_and_was_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = destination(f"https://127.0.0.1:{silent.getsockname()[1]}/canary", timeout=0.4)
        with webhook_to(target) as webhook:
            assert classify(webhook.post(BODY, BATCH_ID, 1)) is Outcome.NOT_SENT


@pytest.mark.fault("F31")
def test_a_handshake_that_drips_ends_at_the_deadline_and_was_not_sent():
    done = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
            while not done.wait(0.05):
                connection.sendall(b"\x00")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        started = time.monotonic()
        target = destination(f"https://127.0.0.1:{server.getsockname()[1]}/canary", timeout=0.5)
        with webhook_to(target) as webhook:
            answer = webhook.post(BODY, BATCH_ID, 1)
        elapsed = time.monotonic() - started
        done.set()
        thread.join()

    assert classify(answer) is Outcome.NOT_SENT
    assert elapsed < 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_for(authority: trustme.CA, host: str, expiry: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    start = None if expiry is None else expiry - timedelta(days=1)
    authority.issue_cert(host, not_before=start, not_after=expiry).configure_cert(context)
    return context


def test_a_certificate_of_a_trusted_authority_is_accepted(authority: trustme.CA, tmp_path):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Receiver(tls=tls_for(authority, "127.0.0.1")) as receiver:
        assert classify(post(receiver, ca_bundle=str(bundle))) is Outcome.ACCEPTED


@pytest.mark.fault("F30")
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("unknown authority", "unable to get local issuer certificate"),
        ("another host", "it is for another host"),
        ("expired", "certificate has expired"),
    ],
)
def test_a_certificate_that_does_not_hold_is_refused_with_the_reason_and_no_byte_is_sent(
    authority: trustme.CA, tmp_path: Path, fault: str, says: str
):
    bundle = tmp_path / "ca.pem"
    (trustme.CA() if fault == "unknown authority" else authority).cert_pem.write_to_path(str(bundle))
    host = "elsewhere.example" if fault == "another host" else "127.0.0.1"
    expiry = datetime(2020, 1, 1, tzinfo=UTC) if fault == "expired" else None
    with Receiver(tls=tls_for(authority, host, expiry)) as receiver:
        found = post(receiver, ca_bundle=str(bundle))
        assert classify(found) is Outcome.REFUSED
        assert receiver.requests == []
    assert isinstance(found, Failure)
    assert re.fullmatch(rf"the certificate of the webhook does not hold \(({says})\)", found.detail)


@pytest.mark.fault("F30")
def test_an_authority_that_a_newer_python_is_too_strict_for_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Python 3.13 asks for more of an authority than many of companies and of proxies that look into TLS have."""
    strict = partial(urllib3.connection.create_urllib3_context, verify_flags=ssl.VERIFY_X509_STRICT)
    monkeypatch.setattr(urllib3.connection, "create_urllib3_context", strict)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    of_authority, of_webhook = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("old", "hook"))
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    basic = x509.BasicConstraints(ca=True, path_length=None)
    file = tmp_path / "old.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for serial, (name, extension) in enumerate([(of_webhook, address), (of_authority, basic)], start=1):
        begun = x509.CertificateBuilder(of_authority, name, key.public_key(), serial)
        begun = begun.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        made = begun.add_extension(extension, critical=False).sign(key, hashes.SHA256())
        file.write_bytes(file.read_bytes() + made.public_bytes(Encoding.PEM))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)

    with Receiver(tls=tls) as receiver:
        found = post(receiver, ca_bundle=str(file))

    assert isinstance(found, Failure)
    assert "does not hold (Missing Authority Key Identifier)" in found.detail


@pytest.mark.fault("F47")
def test_proxy_variables_of_the_environment_are_ignored(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert classify(post(receiver)) is Outcome.ACCEPTED


@pytest.mark.fault("F260")
@pytest.mark.parametrize("name", ["http_proxy", "all_proxy", "ALL_PROXY", "webhook.proxy"])
def test_plain_http_on_loopback_never_goes_to_a_proxy(receiver: Receiver, name: str, monkeypatch: pytest.MonkeyPatch):
    with scripted(close(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as proxy:
        address = proxy.url.rpartition("/")[0]
        monkeypatch.setenv(name.replace(".", "_"), address)
        assert classify(post(receiver, **({"proxy": address} if "." in name else {}))) is Outcome.ACCEPTED
        assert proxy.heads == []


@pytest.mark.fault("F71", "F72")
def test_no_secret_and_no_payload_shows_in_logs_or_answers(receiver: Receiver, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # which clickhouse-connect turns down where it is imported
    echo = json.dumps({"error": "bad", "got": BODY.decode(), "url": receiver.url})
    said = [
        post(receiver, action, timeout=0.5)
        for action in (
            answer(400, echo),
            answer(500, f"no route to {receiver.url}"),
            answer(302, None, Location=receiver.url + "/elsewhere"),
            Action(reset=Stage.BODY),
            Action(delay=3),
            Action(),
        )
    ]

    for text in (caplog.text, repr(said), repr(destination(receiver.url))):
        assert "secret_endpoint" not in text
        assert "canary" not in text
    assert "urllib3" in caplog.text


@pytest.mark.fault("F40", "F41", "F94")
@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        (None, None, None),
        ("120", None, 120),
        ("0", None, 0),
        (" 7 ", None, 7),
        ("\x1e 7\x85", None, 7),
        ("soon", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("٣", None, None),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "Sat, 21 Nov 2026 12:00:00 GMT", 60),
        ("Sat, 21 Nov 2026 11:00:00 GMT", "Sat, 21 Nov 2026 12:00:00 GMT", 0),
        ("Sat, 21 Nov 2026 12:01:00 GMT", None, 30),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "garbage", None),
        ("Fri, 31 Foo 9999", None, None),
        ("+5", None, None),
        ("", None, None),
        ("9" * 5_000, None, 1e9),
        ("5, 5", None, 5),
        ("5, 90,7", None, 90),
        ("5, soon", None, None),
        ("5, Sat, 21 Nov 2026 12:01:00 GMT", None, 30),
        ("Sat, 21 Nov 2026 12:01:00 GMT, Sat, 21 Nov 2026 12:02:00 GMT", None, 90),
        ("Saturday, 21-Nov-26 12:01:00 GMT", None, 30),
        ("Sat Nov 21 12:01:00 2026", "Saturday, 21-Nov-26 12:00:00 GMT", 60),
        ("Sun Nov  1 12:01:00 2026", None, 0),
        ("Monday, 21-Nov-77 12:01:00 GMT", None, 0),
        ("Sat, 21 Nov 2026 12:01:00 PST", None, None),
        ("Sat, 21 Nov 2026 12:01:00", None, None),
        ("Tue, 31 Feb 2026 12:01:00 GMT", None, None),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", 30),
        ("Sat, 21 Nov 2026 12:01:00 GMT", "Wed, 21 Nov 2096 12:00:00 GMT", 30),
        ("Sat, 21 Nov 2026 17:01:00 GMT", "Sat, 21 Nov 2026 17:00:00 GMT", 60),
        ("Thu, 01 Jan 1970 00:01:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", 60),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str | None, date: str | None, seconds: float | None):
    now = 1_795_262_430.0  # 2026-11-21 12:00:30 UTC
    assert retry_after(value, date, now) == seconds


@pytest.mark.fault("F94")
def test_a_date_of_http_is_in_gmt_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        assert retry_after("Sat Nov 21 12:01:00 2026", None, 1_795_262_430.0) == 30
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.fault("F73")
def test_an_excerpt_is_one_short_printable_line():
    assert excerpt(b'{"error":\r\n\x1b[31m"no"}', b"[]", ()) == "error: … no"
    assert len(excerpt(b"not found " * 500, b"[]", ())) <= 200
