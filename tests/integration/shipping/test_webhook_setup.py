"""What is wrong with our own set-up is said before anything is sent, or halts: it is never told as network trouble."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from home import ExportHome
from rows import custom_event
from scripted_server import close, ok, scripted
from test_webhook import BATCH_ID, BODY, destination, post, tls_for, webhook_to

from statsig_export.config import Config, parse_config
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Failure, Reply, classify
from statsig_export.errors import ConfigError, DestinationError
from statsig_export.maintenance.verify import verify
from statsig_export.settings import AuthSettings
from statsig_export.shipping.destination import destination_of
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Action, Rule, Shape
from statsig_export.testing.webhook.http_wire import read_head
from statsig_export.testing.webhook.receiver import Receiver

URL = "https://webhooks.example.org/webhooks/canary"


def configured(folder: Path, environ: dict[str, str] | None = None, **webhook: object) -> Config:
    variables = {"HOOK": URL, "TOKEN": "canary-token", "PROXY": "http://127.0.0.1:3128", **(environ or {})}
    return parse_config({"webhook": {"url": "env:HOOK", **webhook}}, folder=folder, environ=variables)


def refusal(config: Config) -> str:
    """What the configuration is refused with: it names what is wrong, and shows no value."""
    with pytest.raises(ConfigError) as caught:
        destination_of(config)
    said = str(caught.value)
    assert "canary" not in said
    return said


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


# The environment


@pytest.mark.fault("F687")
@pytest.mark.parametrize("file", ["/nowhere/keys", "/proc/keys", "$FOLDER"])
def test_a_variable_that_lets_no_tls_connection_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
):
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", file)

    assert "SSLKEYLOGFILE names a file that cannot be written" in refusal(configured(tmp_path))
    plain = configured(tmp_path, environ={"HOOK": "http://127.0.0.1:1/canary"})
    assert destination_of(plain).url  # no TLS there


@pytest.mark.fault("F687")
@pytest.mark.parametrize("file", ["", "keys"])
def test_a_variable_with_which_tls_connections_are_made_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
):
    monkeypatch.setenv("SSLKEYLOGFILE", file and str(tmp_path / file))

    assert destination_of(configured(tmp_path)).url == URL


# The CA bundle


@pytest.mark.fault("F81")
def test_a_ca_bundle_is_looked_for_beside_the_configuration(tmp_path: Path, authority: trustme.CA):
    (tmp_path / "certificates").mkdir()
    authority.cert_pem.write_to_path(str(tmp_path / "certificates" / "ca.pem"))
    found = destination_of(configured(tmp_path, ca_bundle="certificates/ca.pem"))

    assert found.ca_bundle == str(tmp_path / "certificates" / "ca.pem")
    assert destination_of(configured(Path("/elsewhere"), ca_bundle=found.ca_bundle)).ca_bundle == found.ca_bundle
    with Receiver(tls=tls_for(authority, "127.0.0.1")) as receiver:
        assert classify(post(receiver, ca_bundle=found.ca_bundle)) is Outcome.ACCEPTED


@pytest.mark.fault("F81")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "holds no certificate"),
        (b"not PEM \x00\xff", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate"),
        (trustme.CA().private_key_pem.bytes(), "holds no certificate"),
        ("folder", "is a folder"),
    ],
)
def test_a_ca_bundle_without_certificates_is_refused_before_anything_is_sent(
    tmp_path: Path, content: bytes | str | None, said: str
):
    bundle = tmp_path / "ca.pem"
    if content == "folder":
        bundle.mkdir()
    elif isinstance(content, bytes):
        bundle.write_bytes(content)

    assert f"webhook.ca_bundle: the CA bundle {bundle} {said}" in refusal(configured(tmp_path, ca_bundle="ca.pem"))


@pytest.mark.fault("F81")
def test_an_empty_name_of_a_ca_bundle_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"webhook\.ca_bundle"):
        configured(tmp_path, ca_bundle="")


@pytest.mark.fault("F81")
def test_a_ca_bundle_that_goes_missing_during_a_run_halts_it(tmp_path: Path, authority: trustme.CA):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Receiver(tls=tls_for(authority, "127.0.0.1")) as receiver:
        with webhook_to(destination(receiver.url, ca_bundle=str(bundle))) as webhook:
            bundle.unlink()
            found = webhook.post(BODY, BATCH_ID, 1)
        assert receiver.requests == []

    assert classify(found) is Outcome.REFUSED
    assert isinstance(found, Failure)
    assert "the CA bundle" in found.detail


@pytest.mark.fault("F81")
def test_another_ca_bundle_under_the_same_name_lifts_a_halt(tmp_path: Path, authority: trustme.CA):
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    before = destination(URL, ca_bundle=str(bundle)).setup
    authority.cert_pem.write_to_path(str(bundle))

    assert destination(URL, ca_bundle=str(bundle)).setup != before


# The proxy


def proxied(answer: Reply | Failure) -> tuple[Outcome, str]:
    assert isinstance(answer, Failure)
    assert "canary" not in answer.detail
    return answer.outcome, answer.detail


CONNECTED = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"


@contextmanager
def tunnels(answer: bytes = CONNECTED, tls: ssl.SSLContext | None = None, times: int = 1) -> Iterator[str]:
    """The address of a proxy that carries so many connections, one after the other, to where it is asked to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def carry() -> None:
            accepted, _ = listener.accept()
            accepted.settimeout(5)
            client = tls.wrap_socket(accepted, server_side=True) if tls else accepted
            stream = client.makefile("rb", buffering=0)
            head = read_head(stream)  # type: ignore[arg-type]
            host, _, port = head.target.rpartition(":")
            with client, socket.create_connection((host, int(port)), timeout=5) as server:
                client.sendall(answer)
                back = threading.Thread(target=pump, args=(server, client))
                back.start()
                pump(client, server)
                back.join()
            stream.close()

        def pump(source: socket.socket, sink: socket.socket) -> None:
            try:
                while block := source.recv(65_536):
                    sink.sendall(block)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                return

        thread = threading.Thread(target=lambda: [carry() for _ in range(times)])
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.fault("F82", "F182")
@pytest.mark.parametrize(
    "answer",
    [
        CONNECTED,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n" + CONNECTED,
        b"HTTP/1.0 299 Fine\n\n",
        b"HTTP/1.1 201 Created\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    ],
)
def test_through_a_proxy_the_webhook_is_reached_and_its_answer_is_its_own(
    tmp_path: Path, authority: trustme.CA, answer: bytes
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Receiver(tls=tls_for(authority, "127.0.0.1")) as receiver, tunnels(answer) as proxy:
        target = destination(receiver.url, ca_bundle=str(bundle), proxy=f"http://u:canary@{proxy}")
        with webhook_to(target) as webhook:
            assert classify(webhook.post(BODY, BATCH_ID, 1)) is Outcome.ACCEPTED
            assert classify(webhook.post(BODY, BATCH_ID, 2)) is Outcome.ACCEPTED
        assert len(receiver.requests) == 2


@contextmanager
def answers_twice(tls: ssl.SSLContext, times: int) -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a webhook that refuses each request and sends an acceptance after it: two records of TLS in one block
    of TCP. And what was asked.
    """
    asked: list[bytes] = []

    def serve(raw: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = tls.wrap_bio(incoming, outgoing, server_side=True)

        def until_done(step: Callable[[], object]) -> bytes:
            while True:
                try:
                    done = step()
                except ssl.SSLWantReadError:
                    raw.sendall(outgoing.read())
                    incoming.write(raw.recv(65_536))
                else:
                    return done if isinstance(done, bytes) else b""

        until_done(session.do_handshake)
        request = b""
        while not request.endswith(BODY):
            request += until_done(lambda: session.read(65_536) or b"")
        asked.append(request)
        session.write(ok(b"", b"500 Internal Server Error"))
        session.write(ok())
        raw.sendall(outgoing.read())
        raw.recv(65_536)

    def serve_all() -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            connection.settimeout(5)
            with connection:
                serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        thread = threading.Thread(target=serve_all)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/canary", asked
        thread.join()


@pytest.mark.fault("F180")
def test_through_a_proxy_with_tls_a_second_answer_is_never_the_next_requests(tmp_path: Path, authority: trustme.CA):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls = tls_for(authority, "127.0.0.1")
    with (
        answers_twice(tls, 2) as (url, asked),
        tunnels(tls=tls, times=2) as proxy,
        webhook_to(destination(url, ca_bundle=str(bundle), proxy=f"https://{proxy}")) as webhook,
    ):
        found = [classify(webhook.post(BODY, BATCH_ID, attempt)) for attempt in (1, 2)]

    assert found == [Outcome.UNAVAILABLE] * 2
    assert len(asked) == 2


@pytest.mark.fault("F82")
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 407, 451, 501])
def test_a_proxy_that_refuses_to_connect_halts_and_is_named(status: int):
    with scripted(close(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)) as proxy:
        address = proxy.url.split("/")[2]
        with webhook_to(destination(URL, proxy=f"http://user:canary@{address}")) as webhook:
            outcome, detail = proxied(webhook.post(BODY, BATCH_ID, 1))

    assert outcome is Outcome.REFUSED
    assert detail == f"the proxy {address} refuses to connect to the webhook (HTTP {status}): see webhook.proxy"
    assert proxy.heads[0].method == "CONNECT"


@pytest.mark.fault("F82")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_proxy_that_does_not_reach_the_webhook_is_tried_again(status: int):
    with scripted(close(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)) as proxy:
        address = proxy.url.split("/")[2]
        with webhook_to(destination(URL, proxy=f"http://{address}")) as webhook:
            outcome, detail = proxied(webhook.post(BODY, BATCH_ID, 1))

    assert outcome is Outcome.NOT_SENT
    assert detail == f"the proxy {address} does not reach the webhook (HTTP {status})"


@pytest.mark.fault("F82")
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 20x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        CONNECTED + b"?",
    ],
)
def test_whatever_a_proxy_answers_no_event_was_sent(answer: bytes):
    with scripted(close(answer)) as proxy, webhook_to(destination(URL, proxy=proxy.url[:-7])) as webhook:
        assert proxied(webhook.post(BODY, BATCH_ID, 1))[0] is Outcome.NOT_SENT


@pytest.mark.fault("F82")
def test_that_the_proxy_cannot_be_reached_is_told_apart_from_the_webhook():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with webhook_to(destination(URL, proxy=f"http://user:canary@127.0.0.1:{port}")) as webhook:
        outcome, detail = proxied(webhook.post(BODY, BATCH_ID, 1))

    assert outcome is Outcome.NOT_SENT
    assert detail == f"no connection to the proxy 127.0.0.1:{port} (ConnectionRefusedError)"


@pytest.mark.fault("F82")
def test_a_proxy_whose_certificate_does_not_hold_halts_and_is_named(authority: trustme.CA):
    with Receiver(tls=tls_for(authority, "127.0.0.1")) as receiver:
        address = f"127.0.0.1:{receiver.port}"
        target = destination(URL, proxy=f"https://{address}")
        with webhook_to(target) as webhook:
            outcome, detail = proxied(webhook.post(BODY, BATCH_ID, 1))

    assert outcome is Outcome.REFUSED
    assert detail.startswith(f"the certificate of the proxy {address} does not hold (")


@pytest.mark.fault("F82")
@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("127.0.0.1:3128", "PROXY holds a proxy without a scheme"),
        ("proxy.example.org", "PROXY holds a proxy without a scheme"),
        ("user:canary@proxy.example.org:3128", "PROXY holds a proxy without a scheme"),
        ("socks5://127.0.0.1:1080", "PROXY holds a SOCKS proxy"),
        ("socks5h://user:canary@127.0.0.1:1080", "PROXY holds a SOCKS proxy"),
        ("SOCKS4://127.0.0.1:1080", "PROXY holds a SOCKS proxy"),
        ("ftp://127.0.0.1:21", "PROXY does not hold the URL of a proxy"),
        ("http://", "PROXY does not hold the URL of a proxy"),
        ("http://:3128", "PROXY does not hold the URL of a proxy"),
        ("http://127.0.0.1:99999", "PROXY does not hold a URL"),
        ("http://127.0.0.1:0", "PROXY holds a URL with port 0"),
        ("http://127.0.0.256:3128", "PROXY holds a URL whose host is no host name"),
        ("http://127.0.0.1:3128/canary", "PROXY holds a proxy with more behind its port"),
        ("http://127.0.0.1:3128\n", "PROXY begins or ends with a blank or a line end"),
        ("http://user:%E2%82%ACcanary@127.0.0.1:3128", "PROXY holds credentials with a character"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_refused_before_anything_is_sent(tmp_path: Path, proxy: str, said: str):
    assert said in refusal(configured(tmp_path, {"PROXY": proxy}, proxy="env:PROXY"))


@pytest.mark.fault("F82")
@pytest.mark.parametrize(
    "proxy",
    ["http://127.0.0.1:3128", "HTTP://proxy:3128/", "https://user:p%40ss@proxy.example.org", "http://[::1]:3128"],
)
def test_an_http_proxy_is_taken(tmp_path: Path, proxy: str):
    assert destination_of(configured(tmp_path, {"PROXY": proxy}, proxy="env:PROXY")).proxy == proxy


# What was copied from a console

COPIED = [
    *("{}\n", "{}\r\n", "{} ", " {}", "\t{}", "\ufeff{}", "{}\u200b", "\u200b{}", "{}\u00a0", "{}\u2028", "{}\u2060"),
    *('"{}"', "'{}'", "\u201c{}\u201d", "`{}`", "{}\x00", "{}\x1b[0m", "{}\udcff", "{}\u00ad", "{}\u202e"),
]


@pytest.mark.fault("F83")
@pytest.mark.parametrize("copied", COPIED, ids=ascii)
@pytest.mark.parametrize("variable", ["HOOK", "TOKEN", "KEY"])
def test_a_value_with_something_unseen_around_it_is_refused_by_its_variable(tmp_path: Path, copied: str, variable: str):
    value = copied.format(URL if variable == "HOOK" else "canary-token")
    auth = {
        "HOOK": {"method": "none"},
        "TOKEN": {"method": "token", "secret": "env:TOKEN", "header": "X-Token"},
        "KEY": {"method": "hmac", "secret": "env:KEY"},
    }[variable]

    assert refusal(configured(tmp_path, {variable: value}, auth=auth)).startswith(variable)


@pytest.mark.fault("F83")
@pytest.mark.parametrize("variable", ["HOOK", "TOKEN", "PROXY"])
@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_an_empty_variable_is_refused(tmp_path: Path, variable: str, value: str):
    auth = {"method": "token", "secret": "env:TOKEN", "header": "X-Token"}

    assert variable in refusal(configured(tmp_path, {variable: value}, auth=auth, proxy="env:PROXY"))


@pytest.mark.fault("F83", "F183")
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (URL + "%0A", "begins or ends with a blank"),
        (URL + "%20", "begins or ends with a blank"),
        (URL + "%E2%80%8B", "a character that nobody sees"),
        (URL.replace("/webhooks", "/web hooks"), "holds a blank"),
        (URL.replace("example", "exa\u200bmple"), "a character that nobody sees"),
        (URL + "#section", "with a fragment"),
        (URL + "#", "with a fragment"),
        ("https://canary@example.org/", "credentials"),
        ("https://:@example.org/canary", "credentials"),
        ("https://@example.org/canary", "credentials"),
        ("https://example.org:0/canary", "port 0"),
        ("https://example.org:99999/canary", "does not hold a URL"),
        ("https://example.org:port/canary", "does not hold a URL"),
        ("https://example..org/canary", "no host name"),
        (f"https://{'x' * 64}.org/canary", "no host name"),
        ("https://exa*mple.org/canary", "no host name"),
        ("https://[fe80::1%25eth0]/canary", "no host name"),
        ("https://[v1.canary]/canary", "no host name"),
        ("https://256.0.0.1/canary", "no host name"),
        ("https://192.0.2/canary", "no host name"),
        ("https://192.0.2.1.1/canary", "no host name"),
        ("https://127.0x1/canary", "no host name"),
        ("https://3232235777/canary", "no host name"),
        ("https://b\u00fccher_x.example/canary", "no host name"),
        ("https://\u2603.example/canary", "no host name"),
        ("https://example\u3002org/canary", "no host name"),
        (f"https://{'.'.join(['x' * 60] * 5)}/canary", "no host name"),
        ("https:\\\\example.org\\canary", "does not hold"),
        ("https://example.org\\@127.0.0.1/canary", "does not hold"),
        ("https:/example.org/canary", "does not hold an https"),
        ("//example.org/canary", "does not hold an https"),
        ("<https://example.org/canary>", "does not hold an https"),
        ("HOOK=https://example.org/canary", "does not hold an https"),
    ],
)
def test_a_url_that_no_request_can_be_made_with_is_refused_by_its_variable(tmp_path: Path, url: str, said: str):
    found = refusal(configured(tmp_path, {"HOOK": url}))

    assert found.startswith("HOOK")
    assert said in found


@pytest.mark.fault("F83")
@pytest.mark.parametrize(
    "url",
    [
        *(URL, URL + "?key=%2B", URL + "/a%20b", "https://b\u00fccher.example/x", "https://example.org:8443/x"),
        *("HTTPS://EXAMPLE.ORG/x", "https://example.org./x", "https://a_b.example.org/x", "https://192.0.2.1/x"),
        *("https://[2001:db8::1]:443/x", "https://1.example.org/x", "https://1und1.de1/x"),
    ],
)
def test_a_url_that_a_request_can_be_made_with_is_taken(tmp_path: Path, url: str):
    assert destination_of(configured(tmp_path, {"HOOK": url})).url == url


@pytest.mark.fault("F83")
def test_a_token_must_fit_into_a_header_and_a_key_need_not(tmp_path: Path):
    token = {"method": "token", "secret": "env:TOKEN", "header": "Authorization"}
    key = {"method": "hmac", "secret": "env:TOKEN"}

    assert "no HTTP header can carry" in refusal(configured(tmp_path, {"TOKEN": "canary-\u20ac"}, auth=token))
    for secret, auth in (("Bearer abc def", token), ("caf\u00e9", token), ("\u20ac key of words", key), ("it's", key)):
        assert destination_of(configured(tmp_path, {"TOKEN": secret}, auth=auth)).secret == secret


@pytest.mark.fault("F83")
@pytest.mark.parametrize("secret", ["\u20ac", "a\r\nX-Injected: canary", "\udcff"])
@pytest.mark.parametrize("method", ["token", "hmac"])
def test_a_secret_that_cannot_be_sent_makes_no_post_raise(secret: str, method: str):
    auth = AuthSettings(method=method, secret="env:X", header="X-Token")  # type: ignore[arg-type]
    with scripted(ok()) as served, webhook_to(destination(served.url, auth=auth, secret=secret)) as webhook:
        outcome = classify(webhook.post(BODY, BATCH_ID, 1))

    sendable = method == "hmac" and secret.isprintable() | ("\r" in secret)
    assert outcome is (Outcome.ACCEPTED if sendable else Outcome.REFUSED)


@pytest.mark.fault("F83")
@pytest.mark.parametrize(
    "header",
    ["X Token", "X-Token:", "X-Token\n", "", "X-T\u00f6ken", "Host", "content-length", "Webhook-Id", "Content-Type"],
)
def test_a_header_that_cannot_carry_the_token_is_refused(tmp_path: Path, header: str):
    with pytest.raises(ConfigError, match=r"webhook\.auth"):
        configured(tmp_path, auth={"method": "token", "secret": "env:TOKEN", "header": header})


# Durations and numbers


@pytest.mark.fault("F84")
@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        *(
            ({"timeout": text}, "webhook.timeout: expected a duration from")
            for text in ("0s", "0ms", "1ms", "61m", "9d")
        ),
        *(
            ({"timeout": text}, "webhook.timeout: a duration")
            for text in ("-1s", "1.5s", "", "s", "9" * 15 + "d", 30, True)
        ),
        *(({"concurrency": number}, "webhook.concurrency: Input should be") for number in (0, -1, 65, True, 1.5, "4")),
        *(({"max_events": number}, "webhook.max_events: Input should be") for number in (0, -1, True, 2.5, "many")),
        *(({"max_bytes": number}, "webhook.max_bytes: Input should be") for number in (0, -1, 999, 10**12, True)),
    ],
)
def test_a_number_with_which_nothing_would_be_sent_is_refused(tmp_path: Path, webhook: dict[str, object], said: str):
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, **webhook)
    assert said in str(caught.value)


# All of it, as a user meets it


@pytest.mark.fault("F81", "F82", "F83")
@pytest.mark.parametrize(
    "webhook",
    [{"ca_bundle": "missing.pem"}, {"url": "env:SPOILT"}, {"proxy": "env:SPOILT"}],
    ids=lambda change: next(iter(change)),
)
def test_a_set_up_that_is_wrong_ends_a_ship_run_before_anything_is_sent(home: ExportHome, webhook: dict[str, object]):
    home.add([custom_event(1)])
    home.export()
    home.environ["SPOILT"] = "socks5://canary\n"
    right = dict(home.settings)
    home.set("webhook", **webhook)
    with pytest.raises(ConfigError) as caught:
        home.ship()

    assert caught.value.exit_code == 2
    assert home.receiver.requests == []
    home.settings = right
    assert home.ship().sent == 1
    assert home.account().forwarded == 1


@pytest.mark.fault("F75", "F78", "F80")
def test_a_ship_run_survives_whatever_is_answered_and_forwards_what_was_accepted(home: ExportHome):
    hinted = Action(interim=(103,), reply=Shape.SECOND_ANSWER)
    refused = replace(hinted, status=500, delay=0.02)
    home.set("webhook", max_events=1, concurrency=1)
    home.add(custom_event(key) for key in range(1, 6))
    home.export()
    home.receiver.play([Rule(actions=[hinted, refused, hinted, Action(status=302, reply=Shape.GZIP_BOMB)])])
    with pytest.raises(DestinationError, match="HTTP 302"):
        home.ship()

    accepted = [request for request in home.receiver.requests if request.accepted]
    assert home.account().forwarded == len(accepted) == 2
    assert verify(home.config).differences == ()
    home.receiver.play([])
    resume(home.config)
    home.ship()
    assert home.account().forwarded + home.account().pending == 5
    assert verify(home.config).differences == ()
