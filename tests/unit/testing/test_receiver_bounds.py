"""What a stranger can make the stand-in keep in memory: little."""

import gzip
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from statsig_export.testing.webhook import receiver as receiver_module
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.http_wire import BODY_LIMIT, Room
from statsig_export.testing.webhook.receiver import Receiver

LONG = 10_000_000


def head(length: int, *lines: str, path: str = "/webhooks/stand-in", method: str = "POST") -> bytes:
    usual = ("Host: x", f"Content-Length: {length}", "Content-Type: application/json")
    return "\r\n".join((f"{method} {path} HTTP/1.1", *usual, *lines, "", "")).encode()


def connected(receiver: Receiver) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout=5)


def answer_to(receiver: Receiver, sent: bytes) -> str:
    """The status line of the answer to a head alone: no byte of its body is sent."""
    with closing(connected(receiver)) as client:
        client.sendall(sent)
        return client.recv(4096).split(b"\r\n")[0].decode()


@pytest.fixture(params=["token", "hmac"])
def guarded(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    with Receiver(auth=Authentication(request.param, "secret", header="X-Proof")) as receiver:
        yield receiver


@pytest.mark.fault("F264")
@pytest.mark.parametrize("lines", [(), ("X-Proof:",), ("Expect: 100-continue",)])
def test_a_long_body_without_proof_is_refused_before_it_is_read(guarded: Receiver, lines: tuple[str, ...]):
    assert answer_to(guarded, head(LONG, *lines)) == "HTTP/1.1 401 Unauthorized"
    assert guarded.requests[0].wire_bytes == 0


@pytest.mark.fault("F264")
def test_a_long_body_with_a_wrong_token_on_another_path_or_by_another_method_is_refused_before_it_is_read():
    with Receiver(auth=Authentication("token", "secret", header="X-Proof")) as receiver:
        proof = "X-Proof: secret"
        assert "401" in answer_to(receiver, head(LONG, "X-Proof: guess"))
        assert "404" in answer_to(receiver, head(LONG, proof, path="/other"))
        assert "405" in answer_to(receiver, head(LONG, proof, method="PUT"))
        assert "413" in answer_to(receiver, head(BODY_LIMIT + 1, proof))
        assert "100" in answer_to(receiver, head(LONG, proof, "Expect: 100-continue"))


@pytest.mark.fault("F264")
def test_a_client_that_sends_its_long_body_all_the_same_gets_the_refusal(guarded: Receiver):
    with closing(connected(guarded)) as client:
        client.sendall(head(LONG) + b"x" * LONG)
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


@pytest.mark.fault("F264")
def test_nothing_is_unpacked_for_a_stranger(guarded: Receiver):
    body = gzip.compress(b'[{"eventName": "x", "pad": "' + b" " * LONG + b'"}]')
    with closing(connected(guarded)) as client:
        client.sendall(head(len(body), "Content-Encoding: gzip", "X-Proof: guess") + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
    assert (guarded.requests[0].sha256, guarded.requests[0].count) == ("", 0)


@pytest.mark.fault("F264")
def test_a_head_is_bounded_as_a_whole(guarded: Receiver):
    many = [f"X-{number}: {'x' * 60_000}" for number in range(6)]
    with closing(connected(guarded)) as client:
        client.sendall(head(0, *many))
        assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


@pytest.mark.fault("F264")
def test_connections_and_bodies_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(receiver_module, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(receiver_module, "_BODIES_AT_ONCE", 2 * LONG)
    with Receiver() as receiver, ExitStack() as stack:
        clients = [stack.enter_context(closing(connected(receiver))) for _ in range(2)]
        for client in clients:
            client.sendall(head(LONG, "Expect: 100-continue"))
            assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
        third = stack.enter_context(closing(connected(receiver)))
        third.sendall(head(LONG))
        assert third.recv(4096).startswith(b"HTTP/1.1 503 ")
        fourth = stack.enter_context(closing(connected(receiver)))
        assert fourth.recv(4096) == b""


@pytest.mark.fault("F264")
def test_room_that_is_given_back_can_be_taken_again():
    room = Room(10)

    assert [room.take(6), room.take(6)] == [True, False]
    room.give(6)
    assert room.take(10)
