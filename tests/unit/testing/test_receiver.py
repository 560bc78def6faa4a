"""The stand-in webhook: what it takes, what it refuses, and what it keeps of it."""

import base64
import gzip
import hashlib
import hmac
import http.client
import json
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_view
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.event_reader import Event
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.testing.webhook.transcript import read_transcript

Headers = dict[str, str]
JSON = {"Content-Type": "application/json"}


def custom_event(number: int = 1, **changes: object) -> Event:
    event: Event = {
        "eventName": "product_view",
        "user": {"userID": "u_1", "custom": {"plan": "pro", "tags": ["a", None, 1.5]}},
        "userID": "u_1",
        "timestamp": 1_793_491_200_000 + number,
        "statsigMetadata": {"sdkType": "python", "sdkVersion": None},
        "value": "",
        "metadata": {"name": "山田 \U0001f600 \u202e"},
        "timeUUID": f"uuid-{number}",
    }
    return {**event, **changes}


def exposure(number: int = 1, **changes: object) -> Event:
    return {**custom_event(number, eventName="statsig::gate_exposure"), "unitID": "userID", **changes}


def without(event: Event, key: str) -> Event:
    return {name: value for name, value in event.items() if name != key}


def text(*events: Event) -> bytes:
    return json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()


def post(
    receiver: Receiver, body: bytes, headers: Headers | None = None, *, method: str = "POST", path: str = ""
) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)) as connection:
        target = path or "/" + receiver.url.split("/", 3)[3]
        connection.request(method, target, body, {**JSON, **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read().decode()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def test_a_good_batch_is_answered_200_and_its_events_are_kept_as_they_were_sent(receiver: Receiver):
    events = [custom_event(1), exposure(2)]
    status, body = post(receiver, text(*events), {"webhook-id": "b1", "webhook-attempt": "3"})
    assert (status, json.loads(body)) == (200, {"events": 2})
    assert receiver.events() == events
    (received,) = receiver.requests
    assert (received.webhook_id, received.attempt, received.status, received.accepted) == ("b1", 3, 200, True)
    assert received.sha256 == hashlib.sha256(text(*events)).hexdigest()
    assert received.wire_bytes == len(text(*events))


def test_a_bad_body_is_answered_400_with_the_reason_and_nothing_of_it_is_taken_in(receiver: Receiver):
    status, body = post(receiver, text(custom_event(1), custom_event(2, value=7)))
    assert (status, json.loads(body)) == (400, {"error": "event 1: value is not a string"})
    assert receiver.events() == []


def test_another_path_is_404_another_method_405_and_no_json_content_type_415(receiver: Receiver):
    body = text(custom_event())
    assert post(receiver, body, path="/webhooks/else")[0] == 404
    assert post(receiver, b"", method="GET")[0] == 405
    assert post(receiver, body, method="PUT")[0] == 405
    assert post(receiver, body, {"Content-Type": "text/plain"})[0] == 415
    assert post(receiver, body, {"Content-Type": "application/json; charset=utf-8"})[0] == 200
    assert [received.accepted for received in receiver.requests] == [False, False, False, False, True]


def test_a_body_shorter_than_content_length_is_refused(receiver: Receiver):
    body = text(custom_event())
    head = f"POST {receiver.url.split('/', 3)[3]} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 5}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(head.encode() + body)
        client.shutdown(socket.SHUT_WR)
        answered = client.makefile("rb").read()
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert b"5 bytes shorter than Content-Length" in answered
    assert receiver.events() == []


def test_a_client_that_dies_half_way_through_its_body_has_delivered_nothing(receiver: Receiver):
    body = text(custom_event())
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(f"POST /webhooks/stand-in HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:50])
    assert receiver.wait_for(1)
    (received,) = receiver.requests
    assert (received.accepted, received.wire_bytes) == (False, 50)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", 413),
        ("\x16\x03\x01 nonsense\r\n\r\n", 400),
    ],
)
def test_a_request_whose_body_cannot_be_delimited_is_refused(receiver: Receiver, head: str, status: int):
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(head.encode())
        answered = client.makefile("rb").read()
    assert answered.startswith(f"HTTP/1.1 {status} ".encode())
    assert [received.status for received in receiver.requests] == [status]


def test_expect_100_continue_is_answered_before_the_body(receiver: Receiver):
    body = text(custom_event())
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as client:
        client.sendall(
            b"POST /webhooks/stand-in HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")


def test_one_connection_carries_many_requests():
    with Receiver() as receiver, closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)) as client:
        for number in range(5):
            body = text(custom_event(number)) if number != 2 else b"bad"
            client.request("POST", "/webhooks/stand-in", body, JSON)
            response = client.getresponse()
            response.read()
            assert response.status == (400 if number == 2 else 200)
        assert receiver.connections == 1
        assert [received.number for received in receiver.requests] == [1, 2, 3, 4, 5]


def test_gzip_is_unpacked_and_a_broken_stream_refused(receiver: Receiver):
    body = text(custom_event())
    packed = gzip.compress(body)
    assert post(receiver, packed, {"Content-Encoding": "gzip"})[0] == 200
    assert post(receiver, body, {"Content-Encoding": "gzip"})[0] == 400
    assert post(receiver, packed[:-4], {"Content-Encoding": "gzip"})[0] == 400
    assert post(receiver, packed + b"x", {"Content-Encoding": "gzip"})[0] == 400
    assert post(receiver, packed)[0] == 400
    assert post(receiver, body, {"Content-Encoding": "br"})[0] == 415
    assert receiver.requests[0].sha256 == hashlib.sha256(body).hexdigest()
    assert receiver.requests[0].wire_bytes == len(packed)
    assert len(receiver.events()) == 1


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("encoding", ["base64", "hex"])
def test_a_signature_must_be_over_the_exact_bytes_on_the_wire(algorithm: str, encoding: str):
    auth = Authentication("hmac", "key", algorithm=algorithm, encoding=encoding)  # type: ignore[arg-type]
    body = gzip.compress(text(custom_event()))
    digest = hmac.new(b"key", body, algorithm).digest()
    good = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    gzipped = {"Content-Encoding": "gzip"}
    with Receiver(auth=auth) as receiver:
        assert post(receiver, body, {**gzipped, "X-Fivetran-Hmac-Sign": good})[0] == 200
        assert post(receiver, body, {**gzipped, "X-Fivetran-Hmac-Sign": good[::-1]})[0] == 401
        assert post(receiver, gzip.compress(text(custom_event(2))), {**gzipped, "X-Fivetran-Hmac-Sign": good})[0] == 401
        assert post(receiver, body, gzipped)[0] == 401
        assert len(receiver.events()) == 1


def test_a_token_is_looked_for_in_its_header_and_never_written_down(tmp_path: Path):
    auth = Authentication("token", "canary-token", header="X-Token")
    with Receiver(auth=auth, transcript=tmp_path / "transcript.jsonl") as receiver:
        assert post(receiver, text(custom_event()), {"X-Token": "canary-token"})[0] == 200
        assert post(receiver, text(custom_event()), {"X-Token": "canary"})[0] == 401
        assert post(receiver, text(custom_event()), {"X-Token": "canäry-token"})[0] == 401
        assert post(receiver, text(custom_event()), {"Authorization": "canary-token"})[0] == 401
    assert "canary" not in repr(auth)
    assert "canary" not in (tmp_path / "transcript.jsonl").read_text()


def test_strict_delivery_demands_the_delivery_headers_and_equal_bytes_under_an_equal_id():
    good = {"webhook-id": "ab" * 32, "webhook-timestamp": "1793491200", "webhook-attempt": "1"}
    with Receiver(strict_delivery=True) as receiver:
        for name in good:
            assert post(receiver, text(custom_event()), without(dict(good), name))[0] == 400  # type: ignore[arg-type]
        assert post(receiver, text(custom_event()), {**good, "webhook-id": "b1"})[0] == 400
        assert post(receiver, text(custom_event()), {**good, "webhook-attempt": "0"})[0] == 400
        assert post(receiver, text(custom_event()), good)[0] == 200
        assert post(receiver, text(custom_event()), {**good, "webhook-attempt": "2"})[0] == 200
        status, body = post(receiver, text(custom_event(2)), {**good, "webhook-attempt": "3"})
        assert (status, "other bytes" in body) == (400, True)
        assert len(receiver.events()) == 2


def test_the_transcript_holds_every_request_with_its_events_and_its_answer(tmp_path: Path):
    path = tmp_path / "transcript.jsonl"
    rules = [Rule(requests=[2], actions=[answer(503)])]
    with Receiver(transcript=path, faults=rules) as receiver:
        pretty = json.dumps([custom_event(1), exposure(2)], indent=2).encode()
        post(receiver, pretty, {"webhook-id": "b1", "webhook-attempt": "1"})
        post(receiver, text(custom_event(3)), {"webhook-id": "b2", "webhook-attempt": "7"})
        post(receiver, b"[")
        first, second, third = read_transcript(path)
    assert first.events == (custom_event(1), exposure(2))
    assert (first.count, first.sha256) == (2, hashlib.sha256(pretty).hexdigest())
    assert (second.webhook_id, second.attempt, second.status, second.accepted) == ("b2", 7, 503, False)
    assert (second.fault, second.events) == ("status 503", (custom_event(3),))
    assert (third.status, third.accepted, third.events) == (400, False, ())
    assert third.reason == "the body is not JSON at character 1"


def test_a_request_stands_in_the_transcript_before_it_is_answered(tmp_path: Path):
    path = tmp_path / "transcript.jsonl"
    with Receiver(transcript=path) as receiver:
        for number in range(20):
            post(receiver, text(custom_event(number)))
            assert len(path.read_text().splitlines()) == number + 1


def test_another_receiver_goes_on_with_the_same_port_transcript_and_table(tmp_path: Path):
    transcript, tables = tmp_path / "transcript.jsonl", tmp_path / "fivetran.db"
    with Receiver(transcript=transcript, tables=tables) as receiver:
        post(receiver, text(custom_event(1)))
        port = receiver.port
    with Receiver(port, transcript=transcript, tables=tables) as receiver:
        post(receiver, text(custom_event(2)))
    assert [received.events[0]["timeUUID"] for received in read_transcript(transcript)] == ["uuid-1", "uuid-2"]
    with closing(sqlite3.connect(tables)) as database:
        assert database.execute("select count(*) from statsig_events").fetchone() == (2,)


def test_without_keep_events_memory_holds_counts_and_the_transcript_the_events(tmp_path: Path):
    path = tmp_path / "transcript.jsonl"
    with Receiver(transcript=path, keep_events=False) as receiver:
        post(receiver, text(custom_event(1), custom_event(2)))
        assert [(received.count, received.events) for received in receiver.requests] == [(2, ())]
    assert next(read_transcript(path)).events == (custom_event(1), custom_event(2))


def test_a_batch_sent_again_makes_new_rows_and_the_view_shows_each_event_once(tmp_path: Path):
    tables = tmp_path / "fivetran.db"
    rules = [Rule(requests=[2], actions=[answer(500)])]
    with Receiver(tables=tables, faults=rules) as receiver:
        body = text(custom_event(1), exposure(2))
        for _ in range(3):
            post(receiver, body)
    with closing(sqlite3.connect(tables)) as database:
        rows = database.execute("select _id, _index, event, data from statsig_events").fetchall()
        database.execute(dedupe_view(Warehouse.SQLITE, table="statsig_events", view="once", packed=True))
        seen = database.execute(
            "select statsig_export_id, event, data, _created, _fivetran_synced from once order by 1"
        ).fetchall()
    assert len(rows) == 4
    assert len({row[0] for row in rows}) == 2
    assert sorted(row[1] for row in rows) == [0, 0, 1, 1]
    assert [row[:2] for row in seen] == [("uuid-1", "product_view"), ("uuid-2", "statsig::gate_exposure")]
    assert [json.loads(row[2]) for row in seen] == [custom_event(1), exposure(2)]
    assert seen[0][2].encode() == text(custom_event(1))[1:-1]


def test_many_clients_at_once_are_served_and_nothing_is_lost(tmp_path: Path):
    def send(client: int, receiver: Receiver) -> None:
        for number in range(20):
            assert post(receiver, text(custom_event(client * 100 + number)))[0] == 200

    with Receiver(transcript=tmp_path / "t.jsonl", tables=tmp_path / "t.db") as receiver:
        clients = [threading.Thread(target=send, args=(client, receiver)) for client in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len({event["timeUUID"] for event in receiver.events()}) == 160
        assert sorted(received.number for received in receiver.requests) == list(range(1, 161))
    assert len(list(read_transcript(tmp_path / "t.jsonl"))) == 160


def test_closing_ends_idle_connections_and_serve_forever_at_once():
    receiver = Receiver()
    receiver.start()
    served = threading.Thread(target=receiver.serve_forever)
    served.start()
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=5)) as client:
        client.request("POST", "/webhooks/stand-in", text(custom_event()), JSON)
        client.getresponse().read()
        receiver.close()
        served.join(5)
        assert not served.is_alive()
        assert client.sock.recv(10) == b""


def test_a_receiver_that_was_never_started_can_be_closed():
    receiver = Receiver()
    receiver.close()
    receiver.close()


def test_importing_the_receiver_loads_neither_pandas_nor_sqlalchemy_nor_dagster():
    program = (
        "import sys, statsig_export.testing.webhook.receiver;"
        "print([name for name in ('pandas', 'pyarrow', 'sqlalchemy', 'dagster', 'requests', 'pydantic')"
        " if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
