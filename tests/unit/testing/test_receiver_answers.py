"""What the stand-in webhook sends before, behind and instead of an orderly answer, byte by byte."""

import gzip
import zlib

import pytest
from test_receiver_faults import exchange, playing, request, shaped, status

from statsig_export.testing.webhook.faults import NORMAL, Action, Rule, Shape


def test_interim_answers_come_first_and_the_delay_lies_behind_them():
    action = Action(interim=(102, 103), status=500, processed=True)
    with playing(action) as receiver:
        received = exchange(receiver, request())
        interim = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
        assert received.startswith(interim + b"HTTP/1.1 500 Internal Server Error\r\n")
        assert receiver.requests[0].status == 500
        assert receiver.requests[0].fault == "interim 102, interim 103, status 500"
        assert len(receiver.events()) == 1


def test_a_second_answer_lies_behind_the_first_and_the_connection_stays_open():
    with playing(Action(status=500, reply=Shape.SECOND_ANSWER), NORMAL) as receiver:
        received = exchange(receiver, request() + request())
        assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"500", b"200", b"200"]
        assert [found.status for found in receiver.requests] == [500, 200]


def test_lengths_may_contradict_each_other_or_the_chunks():
    two, _ = shaped(Shape.TWO_LENGTHS)
    both, _ = shaped(Shape.LENGTH_AND_CHUNKS)

    assert b"\r\nContent-Length: 6\r\n" in two
    assert b"\r\ncontent-length: 13\r\n" in two
    assert two.endswith(b'\r\n\r\n{"events": 1}')
    assert b"\r\nContent-Length: 6\r\n" in both
    assert both.endswith(b'\r\n\r\n6\r\n{"even\r\n7\r\nts": 1}\r\n0\r\n\r\n')


def test_chunks_may_have_trailers_or_be_longer_than_they_say():
    trailers, _ = shaped(Shape.TRAILERS)
    broken, _ = shaped(Shape.BROKEN_CHUNKS)

    assert trailers.endswith(b'ts": 1}\r\n0\r\nX-Checksum: 1\r\nContent-Length: 7\r\n\r\n')
    assert broken.endswith(b'6\r\n{"even...\r\n7\r\nts": 1}...\r\n0\r\n\r\n')


def test_a_gzip_bomb_is_small_and_says_what_it_is():
    received, _ = shaped(Shape.GZIP_BOMB)
    head, _, body = received.partition(b"\r\n\r\n")

    assert b"\r\nContent-Encoding: gzip\r\n" in head + b"\r\n"
    assert len(body) < 2_000_000
    first = zlib.decompressobj(31)
    assert first.decompress(body) == bytes(1 << 24)
    assert len(body) == 64 * (len(body) - len(first.unused_data))
    assert gzip.decompress(body[: -len(first.unused_data)]) == bytes(1 << 24)


def test_an_early_answer_comes_before_the_body_and_takes_nothing_in():
    with playing(Action(status=200, reply=Shape.EARLY), NORMAL) as receiver:
        head = request().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        received = exchange(receiver, head)
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (receiver.requests[0].status, receiver.requests[0].wire_bytes) == (200, 0)
        assert status(receiver) == 200
        assert [found.accepted for found in receiver.requests] == [False, True]


def test_an_early_answer_cannot_depend_on_the_body():
    with pytest.raises(ValueError, match="an early answer comes before"):
        Rule(event_name="page_view", actions=[Action(reply=Shape.EARLY)])
