"""Every scripted fault of the stand-in webhook, seen from the client's side of the socket."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import trustme

from statsig_export.testing.webhook.event_reader import Event
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Shape, Stage, answer, redirect
from statsig_export.testing.webhook.receiver import Receiver

PATH = "/webhooks/stand-in"


def event(number: int = 1, name: str = "product_view") -> Event:
    return {
        "eventName": name,
        "user": {},
        "userID": "",
        "timestamp": number,
        "statsigMetadata": {},
        "value": "",
        "metadata": {},
        "timeUUID": f"uuid-{number}",
    }


def request(*events: Event, **headers: str) -> bytes:
    body = json.dumps(events or [event()]).encode()
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


def exchange(receiver: Receiver, sent: bytes) -> bytes:
    """Everything that comes back for one request on a connection of its own. Raises ConnectionResetError."""
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(sent)
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            raise ConnectionResetError from None
        received = b""
        while part := client.recv(65_536):
            received += part
        return received


def status(receiver: Receiver, *events: Event, **headers: str) -> int:
    """The status of one good request, 0 for a reset or an empty answer."""
    try:
        return int(exchange(receiver, request(*events, **headers))[9:12] or 0)
    except ConnectionError:
        return 0


@contextmanager
def playing(*actions: Action) -> Iterator[Receiver]:
    with Receiver(faults=[Rule(actions=actions)]) as receiver:
        yield receiver


def test_a_status_with_headers_and_a_body_of_its_own_takes_nothing_in():
    with playing(answer(503, "later", Retry_After="2")) as receiver:
        head, _, body = exchange(receiver, request()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 2\r\n" in head + b"\r\n"
        assert body == b"later"
        assert receiver.events() == []


def test_a_500_may_come_before_or_after_the_events_are_taken_in():
    with playing(Action(status=500), Action(status=500, processed=True)) as receiver:
        assert [status(receiver, event(1)), status(receiver, event(2))] == [500, 500]
        assert receiver.events() == [event(2)]
        assert [received.accepted for received in receiver.requests] == [False, True]


def test_a_bad_body_is_never_taken_in_whatever_status_is_scripted():
    with playing(Action(status=200, processed=True)) as receiver:
        bad = request().replace(b'"value"', b'"valve"')
        assert exchange(receiver, bad).startswith(b"HTTP/1.1 200 ")
        assert receiver.events() == []


def test_a_204_has_no_body_and_the_connection_goes_on():
    with playing(Action(status=204), NORMAL) as receiver:
        answered = exchange(receiver, request() + request())
        assert answered.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert answered.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_redirect_names_its_target():
    with playing(redirect("http://127.0.0.1:9/elsewhere", 307)) as receiver:
        answered = exchange(receiver, request())
        assert answered.startswith(b"HTTP/1.1 307 ")
        assert b"\r\nLocation: http://127.0.0.1:9/elsewhere\r\n" in answered
        assert receiver.events() == []


def test_a_delayed_answer_comes_late_but_was_taken_in_before():
    with playing(Action(delay=0.2)) as receiver, closing(socket.create_connection(("127.0.0.1", receiver.port))) as it:
        started = time.monotonic()
        it.sendall(request())
        assert receiver.wait_for(1)
        assert len(receiver.events()) == 1
        assert it.recv(12) == b"HTTP/1.1 200"
        assert time.monotonic() - started >= 0.2


def test_closing_the_receiver_cuts_a_long_delay_short():
    with playing(Action(delay=600)) as receiver, closing(socket.create_connection(("127.0.0.1", receiver.port))) as it:
        it.sendall(request())
        assert receiver.wait_for(1)
        receiver.close()
        it.settimeout(5)
        assert it.recv(12) == b""


def test_a_dripping_reply_comes_byte_by_byte():
    with playing(Action(drip=0.002)) as receiver, closing(socket.create_connection(("127.0.0.1", receiver.port))) as it:
        it.sendall(request(Connection="close"))
        parts = []
        while part := it.recv(65_536):
            parts.append(part)
        assert b"".join(parts).endswith(b'{"events": 1}')
        assert len(parts) > 20


@pytest.mark.parametrize(
    ("stage", "taken_in", "bytes_read"),
    [
        (Stage.ACCEPT, 0, 0),
        (Stage.HEADERS, 0, 0),
        (Stage.HALF_BODY, 0, len(json.dumps([event()])) // 2),
        (Stage.BODY, 0, len(json.dumps([event()]))),
        (Stage.PROCESSING, 1, len(json.dumps([event()]))),
    ],
)
def test_a_reset_at_each_stage_is_seen_as_a_reset_and_takes_in_only_after_processing(
    stage: Stage, taken_in: int, bytes_read: int
):
    with playing(Action(reset=stage)) as receiver:
        with pytest.raises(ConnectionError):
            exchange(receiver, request())
        assert receiver.wait_for(1)
        (received,) = receiver.requests
        assert (received.status, received.accepted, received.wire_bytes) == (None, bool(taken_in), bytes_read)
        assert received.fault == f"reset at {stage}"
        assert len(receiver.events()) == taken_in


def test_a_reset_at_accept_meets_the_next_request_of_a_connection_kept_alive_before_it_is_read():
    with Receiver(faults=[Rule(requests=[2], actions=[Action(reset=Stage.ACCEPT)])]) as receiver:
        with closing(socket.create_connection(("127.0.0.1", receiver.port), timeout=5)) as client:
            client.sendall(request(event(1)))
            assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
            client.sendall(request(event(2)))
            with pytest.raises(ConnectionResetError):
                client.recv(65_536)
        assert status(receiver, event(3)) == 200
        assert [(received.number, received.status) for received in receiver.requests] == [(1, 200), (2, None), (3, 200)]
        assert receiver.events() == [event(1), event(3)]


def test_a_stalled_upload_holds_the_body_half_read():
    with playing(Action(reset=Stage.HALF_BODY, delay=600)) as receiver:
        with closing(socket.create_connection(("127.0.0.1", receiver.port), timeout=0.1)) as client:
            client.sendall(request())
            assert receiver.wait_for(1)
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert receiver.events() == []


def shaped(shape: Shape) -> tuple[bytes, int | None]:
    """The bytes of a 200 in this shape, and the status that the transcript says was sent."""
    with playing(Action(reply=shape)) as receiver:
        received = exchange(receiver, request())
        assert len(receiver.events()) == 1
        return received, receiver.requests[0].status


def test_a_chunked_reply_is_whole_http():
    received, _ = shaped(Shape.CHUNKED)
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert body == b'6\r\n{"even\r\n7\r\nts": 1}\r\n0\r\n\r\n'


def test_interim_replies_come_before_the_reply():
    received, status_sent = shaped(Shape.CONTINUE_FIRST)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + b"HTTP/1.1 200 OK\r\n")
    assert status_sent == 200
    assert shaped(Shape.EARLY_HINTS_FIRST)[0].startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_reply_can_end_in_its_status_line_its_headers_or_its_body():
    assert shaped(Shape.TRUNCATED_STATUS) == (b"HTTP/1.1 20", None)
    received, status_sent = shaped(Shape.TRUNCATED_HEAD)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in received
    assert status_sent == 200
    received, _ = shaped(Shape.TRUNCATED_BODY)
    assert b"Content-Length: 13\r\n" in received
    assert received.endswith(b'\r\n\r\n{"even')


def test_content_length_can_announce_more_than_comes_while_the_connection_stays_open():
    with playing(Action(reply=Shape.LENGTH_TOO_LONG)) as receiver:
        client = socket.create_connection(("127.0.0.1", receiver.port), timeout=5)
        with closing(client):
            client.sendall(request())
            received = b""
            while not received.endswith(b'{"events": 1}'):
                received += client.recv(65_536)
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert b"Content-Length: 113\r\n" in received


def test_content_length_can_announce_less_than_comes_so_that_the_rest_spoils_the_next_reply():
    with playing(Action(reply=Shape.LENGTH_TOO_SHORT), NORMAL) as receiver:
        with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)) as client:
            body, headers = json.dumps([event()]), {"Content-Type": "application/json"}
            client.request("POST", PATH, body, headers)
            assert client.getresponse().read() == b'{"even'
        received = exchange(receiver, request())
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    received, _ = shaped(Shape.LENGTH_TOO_SHORT)
    assert b"Content-Length: 6\r\n" in received
    assert received.endswith(b'{"events": 1}')


def test_bytes_can_trail_behind_the_reply_or_stand_in_its_place_or_not_come_at_all():
    received, _ = shaped(Shape.TRAILING)
    assert b'{"events": 1}\x16\x03' in received
    received, status_sent = shaped(Shape.GARBAGE)
    assert (b"HTTP/1" in received, status_sent) == (False, None)
    assert shaped(Shape.EMPTY) == (b"", None)


def test_a_huge_reply_goes_on_until_the_client_leaves():
    with playing(Action(reply=Shape.HUGE)) as receiver:
        with closing(socket.create_connection(("127.0.0.1", receiver.port), timeout=5)) as client:
            client.sendall(request())
            received = b""
            while len(received) < 1_000_000:
                received += client.recv(65_536)
        assert b"Content-Length: 1073741824\r\n" in received[:1000]
    assert len(receiver.requests) == 1


def test_bodies_beyond_the_limits_are_answered_413():
    size = len(json.dumps([event(1), event(2)]))
    with Receiver(faults=Faults(max_bytes=size)) as receiver:
        assert status(receiver, event(1), event(2)) == 200
        assert status(receiver, event(1), event(20)) == 413
    with Receiver(faults=Faults(max_events=2)) as receiver:
        assert status(receiver, event(1), event(2)) == 200
        assert status(receiver, event(1), event(2), event(3)) == 413
        assert len(receiver.events()) == 2


def test_tls_shows_the_chosen_certificate_and_a_reset_at_accept_comes_before_the_handshake():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    rules = [Rule(requests=[2], actions=[Action(reset=Stage.ACCEPT)])]
    with Receiver(tls=context, faults=rules) as receiver:
        assert receiver.url.startswith("https://")

        def post(client_context: ssl.SSLContext) -> int:
            client = http.client.HTTPSConnection("127.0.0.1", receiver.port, timeout=5, context=client_context)
            with closing(client):
                client.request("POST", PATH, json.dumps([event()]), {"Content-Type": "application/json"})
                return client.getresponse().status

        assert post(trusting) == 200
        with pytest.raises(ConnectionError):
            post(trusting)
        with pytest.raises(ssl.SSLCertVerificationError):
            post(ssl.create_default_context())
        assert post(trusting) == 200
        assert [received.status for received in receiver.requests] == [200, None, 200]
