"""Which answer a request gets: never one before the final one, never another request's, never one to half a request."""

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from scripted_server import Served, close, cut, ok, scripted
from test_webhook import BATCH_ID, BODY, destination, webhook_to

from fuzz import answers
from fuzz.loop import fuzz
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Failure, Reply, classify
from statsig_export.shipping import connection as wire
from statsig_export.shipping import http_answer
from statsig_export.shipping.destination import seconds_to_connect

REFUSED_LATER = ok(b"no", b"500 Internal Server Error")
MOST_BYTES = 32_000_000
"""What the kernel's buffers may take of an answer that nobody reads."""


def told(served: Served, times: int, **options: object) -> list[Reply | Failure]:
    """What so many posts over one client come to."""
    with webhook_to(destination(served.url, **options)) as webhook:
        return [webhook.post(BODY, BATCH_ID, attempt) for attempt in range(1, times + 1)]


@pytest.mark.fault("F75")
@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
@pytest.mark.parametrize("later", [False, True])
def test_after_an_interim_answer_every_request_gets_its_own_final_one(interim: bytes, *, later: bool):
    hint = b"HTTP/1.1 %b\r\nLink: </style.css>\r\n\r\n" % interim

    def final_one_later(connection: socket.socket) -> bool:
        connection.sendall(hint)
        time.sleep(0.05)
        connection.sendall(REFUSED_LATER)
        return True

    refused = final_one_later if later else hint + REFUSED_LATER
    with scripted(hint + ok(), refused, refused, hint * 3 + ok(b"", b"201 Created")) as served:
        found = told(served, 4)

    assert [answer.status for answer in found if isinstance(answer, Reply)] == [200, 500, 500, 201]
    assert served.connections == 1


@pytest.mark.fault("F75")
@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100]
)
def test_another_protocol_or_interim_answers_without_end_leave_it_unknown(interim: bytes):
    with scripted(interim + ok(), ok(b"", b"202 Accepted")) as served:
        first, second = told(served, 2)

    assert classify(first) is Outcome.UNKNOWN
    assert isinstance(second, Reply)
    assert second.status == 202
    assert served.connections == 2


@pytest.mark.fault("F76")
@pytest.mark.parametrize(
    "first",
    [
        ok() + ok(),
        ok() + b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        ok() + b"HTTP/1.1 103 Early Hints\r\n\r\n",
        ok() + b"\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 38\r\n\r\n" + ok(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" + ok(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ok(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ok(),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" + ok(),
        ok(b"x" * 300_000) + ok(),
    ],
)
def test_what_lies_behind_an_answer_is_never_taken_for_the_next(first: bytes):
    with scripted(first, REFUSED_LATER, ok(b"", b"201 Created")) as served:
        found = told(served, 3)

    assert [answer.status for answer in found if isinstance(answer, Reply)] == [
        first.startswith(b"HTTP/1.1 204") * 4 + 200,
        500,
        201,
    ]
    assert served.connections == 2


@pytest.mark.fault("F76")
def test_what_comes_behind_an_answer_while_nothing_is_asked_is_not_taken_for_the_next():
    late = threading.Event()

    def second_answer_later(connection: socket.socket) -> bool:
        connection.sendall(ok())
        late.wait()
        connection.sendall(ok(b"", b"200 OK"))
        sent.set()
        return True

    sent = threading.Event()
    with scripted(second_answer_later, REFUSED_LATER) as served, webhook_to(destination(served.url)) as webhook:
        assert classify(webhook.post(BODY, BATCH_ID, 1)) is Outcome.ACCEPTED
        late.set()
        sent.wait()
        assert classify(webhook.post(BODY, BATCH_ID, 2)) is Outcome.UNAVAILABLE


@pytest.mark.fault("F76")
def test_a_connection_that_the_server_closed_while_idle_is_replaced_and_nothing_is_lost():
    with (
        scripted(close(ok()), close(ok()), cut(ok()), ok()) as served,
        webhook_to(destination(served.url)) as webhook,
    ):
        found = [webhook.post(BODY, BATCH_ID, 1)]
        for attempt in range(2, 5):
            assert served.ended.acquire(timeout=5), "it lies idle until then"
            found.append(webhook.post(BODY, BATCH_ID, attempt))

    assert [classify(answer) for answer in found] == [Outcome.ACCEPTED] * 4
    assert served.connections == 4


@pytest.mark.fault("F76")
def test_an_answer_that_was_there_before_the_request_is_no_answer_and_nothing_was_sent(monkeypatch: pytest.MonkeyPatch):
    """What the pool looks for just before the headers leave may also come just after."""
    monkeypatch.setattr(wire._Watched, "is_connected", property(lambda connection: connection.sock is not None))
    unheard = b""  # the second request ends with its headers
    with scripted(ok() + ok(), unheard, ok(b"", b"201 Created")) as served:
        monkeypatch.setattr(http_answer, "_BLOCK", 1)  # the second answer stays in the socket
        monkeypatch.setattr(http_answer._Wire, "empty", True)
        accepted, leftover, fresh = told(served, 3)

    assert classify(accepted) is Outcome.ACCEPTED
    assert isinstance(leftover, Failure)
    assert leftover.outcome is Outcome.NOT_SENT
    assert "no event was sent" in leftover.detail
    assert isinstance(fresh, Reply)
    assert fresh.status == 201


@pytest.mark.fault("F76")
def test_a_connection_is_not_used_again_after_it_lay_idle_for_longer_than_servers_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.0)
    with scripted(ok(), ok()) as served:
        told(served, 2)

    assert served.connections == 2


@pytest.mark.fault("F77")
@pytest.mark.parametrize("end", [close, cut])
def test_a_head_that_breaks_off_is_never_accepted(end):
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n"
    cuts = range(0, len(head), 3)
    with scripted(*(end(head[:at]) for at in cuts)) as served:
        assert {classify(answer) for answer in told(served, len(cuts))} == {Outcome.UNKNOWN}


@pytest.mark.fault("F77")
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (b"200 OK", Outcome.UNKNOWN),
        (b"302 Found", Outcome.REFUSED),
        (b"401 Unauthorized", Outcome.REFUSED),
        (b"400 Bad Request", Outcome.REJECTED),
        (b"413 Content Too Large", Outcome.TOO_LARGE),
        (b"429 Too Many Requests", Outcome.THROTTLED),
        (b"500 Internal Server Error", Outcome.UNAVAILABLE),
    ],
)
def test_where_only_the_body_breaks_off_the_status_stands_unless_it_accepts(status: bytes, outcome: Outcome):
    head = b"HTTP/1.1 %b\r\nContent-Length: 50\r\n\r\nhalf" % status
    with scripted(close(head), cut(head), head) as served:  # the last one keeps the client waiting
        assert {classify(answer) for answer in told(served, 3, timeout=0.3)} == {outcome}


@pytest.mark.fault("F78")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
@pytest.mark.parametrize(
    "headers",
    [
        b"Location: /elsewhere\r\n",
        b"Location: http://[\r\nLocation: \xff\r\n",
        b"Location: /\r\nContent-Encoding: gzip\r\n",
        b"Location: /\r\nContent-Encoding: gzip, br, zstd, gzip, gzip, gzip, gzip\r\n",
        b"Location: /\r\nSet-Cookie: \x00=;;=\xff\r\n",
        b"",
    ],
)
def test_a_redirect_of_any_kind_is_refused_and_nothing_of_it_is_looked_at(status: int, headers: bytes):
    answer = b"HTTP/1.1 %d Elsewhere\r\n%bContent-Length: %d\r\n\r\n" % (status, headers, 0 if status == 304 else 2)
    with scripted(answer + (b"" if status == 304 else b"no"), ok()) as served:
        first, second = told(served, 2)

    assert isinstance(first, Reply)
    assert (first.status, classify(first), classify(second)) == (status, Outcome.REFUSED, Outcome.ACCEPTED)
    assert [head.method for head in served.heads] == ["POST", "POST"]


@pytest.mark.fault("F78")
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_redirect_with_a_body_without_end_is_read_for_16_kb(encoding: str):
    block = b"x" * 65_536 if encoding == "identity" else gzip.compress(bytes(64_000_000), 1)
    sent = []

    def endless(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Encoding: %b\r\n\r\n" % encoding.encode())
        while sum(sent) < 4 * MOST_BYTES:
            connection.sendall(block)
            sent.append(len(block))
        return False

    with scripted(endless) as served:
        assert classify(told(served, 1)[0]) is Outcome.REFUSED
    assert sum(sent) < MOST_BYTES


@pytest.mark.fault("F78")
def test_cookies_are_not_sent_back_and_no_login_is_taken_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=canary; Path=/\r\nContent-Length: 0\r\n\r\n", ok()) as served:
        told(served, 2)

    assert len(served.heads) == 2
    assert all({"cookie", "authorization"}.isdisjoint(head.headers) for head in served.heads)


def early(answer: bytes) -> "socket.socket":
    """A server that answers each connection at once, reads nothing, and leaves it open; its listener."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                connection.sendall(answer)
                kept.append(connection)
        except OSError:
            for connection in kept:
                connection.close()

    kept: list[socket.socket] = []
    threading.Thread(target=serve, daemon=True).start()
    return listener


@pytest.mark.fault("F79")
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ok(), Outcome.UNKNOWN),
        (ok(b"", b"413 Content Too Large"), Outcome.TOO_LARGE),
        (b"garbage\r\n", Outcome.UNKNOWN),
    ],
)
def test_an_answer_to_half_a_request_is_never_an_acceptance(answer: bytes, outcome: Outcome):
    with early(answer) as listener:
        target = destination(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.5)
        with webhook_to(target) as webhook:
            found = webhook.post(b"x" * 20_000_000, BATCH_ID, 1)
        listener.shutdown(socket.SHUT_RDWR)

    assert classify(found) is outcome


@pytest.mark.fault("F79")
def test_a_slow_upload_has_as_long_as_the_whole_request(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statsig_export.shipping.destination.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        port = listener.getsockname()[1]
        size = 8_000_000

        def read_slowly() -> None:
            connection, _ = listener.accept()
            with connection:
                time.sleep(0.6)
                received = 0
                while received < size:
                    received += len(connection.recv(1 << 20))
                connection.sendall(ok())

        thread = threading.Thread(target=read_slowly)
        thread.start()
        with webhook_to(destination(f"http://127.0.0.1:{port}/", timeout=20.0)) as webhook:
            found = webhook.post(b"x" * size, BATCH_ID, 1)
        thread.join()

    assert classify(found) is Outcome.ACCEPTED


@pytest.mark.fault("F692")
def test_a_request_that_is_not_sent_whole_in_time_is_told_from_one_that_is_not_answered():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        target = destination(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.3)
        with webhook_to(target) as webhook:
            large, small = (webhook.post(b"x" * size, BATCH_ID, 1) for size in (20_000_000, 100))
            buffered = webhook.post(b"x" * 200_000, BATCH_ID, 1)  # the system takes it all and the other side does not

    assert [classify(found) for found in (large, small, buffered)] == [Outcome.UNKNOWN] * 3
    assert isinstance(large, Failure)
    assert isinstance(buffered, Failure)
    assert isinstance(small, Failure)
    assert large.detail == "the request was not sent whole within 0.3 s: raise timeout, or lower max_bytes"
    assert buffered.detail == large.detail
    assert small.detail == "no whole answer within 0.3 s"


@pytest.mark.fault("F692")
@pytest.mark.parametrize(("timeout", "connects_within"), [(0.5, 0.5), (5, 5), (30, 5), (120, 20), (3600, 600)])
def test_a_longer_timeout_gives_longer_to_connect(timeout: float, connects_within: float):
    assert seconds_to_connect(timeout) == connects_within


@pytest.mark.fault("F692")
def test_a_handshake_that_takes_its_time_is_waited_for_as_long_as_the_timeout_gives(monkeypatch: pytest.MonkeyPatch):
    """As through a proxy that dials, or on a machine that others keep busy."""
    monkeypatch.setattr("statsig_export.shipping.destination.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/canary"
        with webhook_to(destination(url, timeout=3.0)) as webhook:
            found = webhook.post(BODY, BATCH_ID, 1)

    assert isinstance(found, Failure)
    assert found.latency_ms >= 500
    assert found.detail == "no connection within 0.5 s, of which a longer timeout gives more"


@contextmanager
def address_that_never_answers() -> Iterator[tuple[str, int]]:
    """A port whose queue of connections is full."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.mark.fault("F181")
def test_all_addresses_of_a_host_share_the_time_to_connect(monkeypatch: pytest.MonkeyPatch):
    with address_that_never_answers() as silent, scripted(ok()) as served:
        port = int(served.url.split(":")[2].split("/")[0])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (silent, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        (answer,) = told(served, 1, timeout=1.0)

    assert classify(answer) is Outcome.ACCEPTED


@pytest.mark.fault("F181")
def test_a_name_that_is_looked_up_for_ever_ends_with_the_request(monkeypatch: pytest.MonkeyPatch):
    stuck, looked_up = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        stuck.wait(10)
        looked_up.set()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with webhook_to(destination("https://webhooks.example.org/canary", timeout=0.1)) as webhook:
        answer = webhook.post(BODY, BATCH_ID, 1)
    assert not looked_up.is_set()
    stuck.set()

    assert isinstance(answer, Failure)
    assert (answer.outcome, answer.detail) == (Outcome.NOT_SENT, "no connection within 0.1 s")


@pytest.mark.fault("F80")
def test_no_answer_makes_a_post_raise_and_each_request_gets_its_own(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)
    report = fuzz(2_000, seed=int.from_bytes(socket.inet_aton("127.0.0.1")))

    assert report.clean, report.problems
    assert report.answers == 2_000
    assert {"orderly 2xx", "odd 3xx", "damaged 5xx", "noise unknown"} <= set(report.outcomes)


@pytest.mark.fault("F80")
@pytest.mark.parametrize("mutant", ["uses any connection again", "takes 1xx for final", "takes any status"])
def test_the_fuzz_finds_a_client_that_is_mistaken(mutant: str, monkeypatch: pytest.MonkeyPatch):
    if mutant == "uses any connection again":
        monkeypatch.setattr(http_answer._Wire, "empty", True)
        monkeypatch.setattr(http_answer, "_BLOCK", 1)
        monkeypatch.setattr(wire._Watched, "is_connected", property(lambda connection: connection.sock is not None))
        monkeypatch.setattr(wire._Watched, "endheaders", _headers_only)
        monkeypatch.setattr("fuzz.loop.make", answers._leftover)
    elif mutant == "takes 1xx for final":
        monkeypatch.setattr(http_answer, "_FINAL", 100)
    else:
        monkeypatch.setattr(http_answer, "_STATUS_LINE", http_answer.re.compile(rb"[A-Z]+/(\d).\d +(\d{3}).*"))

    assert not fuzz(50 if mutant.startswith("uses") else 300, seed=1).clean


def _headers_only(connection: wire._Watched, *arguments: object, **options: object) -> None:
    super(wire._Watched, connection).endheaders(*arguments, **options)  # type: ignore[arg-type]
    wire._progress().body_began = True
