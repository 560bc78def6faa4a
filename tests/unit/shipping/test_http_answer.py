"""The reader of answers, without a socket: what is an answer, whether it is whole, and where the next one may begin."""

from collections.abc import Callable

import pytest

from statsig_export.shipping.http_answer import HEAD_BYTES, INTERIM_ANSWERS, HttpAnswer, NoAnswerError, read_answer

LIMIT = 100
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def wire(*blocks: bytes, breaks: bool = False) -> Callable[[int], bytes]:
    """Hands out the blocks in turn, then the end or a reset."""
    left = [block for block in blocks if block]

    def receive(most: int) -> bytes:
        if not left:
            if breaks:
                raise ConnectionResetError
            return b""
        block = left.pop(0)
        if len(block) > most:
            left.insert(0, block[most:])
        return block[:most]

    return receive


def read(*blocks: bytes, breaks: bool = False) -> HttpAnswer:
    return read_answer(wire(*blocks, breaks=breaks), LIMIT)


def with_headers(*lines: bytes, status: int = 200, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"HTTP/1.1 %d" % status, *lines, b"", body))


@pytest.mark.fault("F75")
@pytest.mark.parametrize("interim", [[100], [102], [103], [199], [100, 103, 102], [103] * INTERIM_ANSWERS])
def test_interim_answers_are_skipped_until_the_final_one(interim: list[int]):
    heads = b"".join(with_headers(b"Content-Length: 7", b"Retry-After: 1", status=status) for status in interim)
    found = read(heads + OK)

    assert (found.status, found.body, found.whole, found.reusable) == (200, b"ok", True, True)
    assert "retry-after" not in found.headers


@pytest.mark.fault("F75")
@pytest.mark.parametrize("interim", [[101], [103, 101], [103] * (INTERIM_ANSWERS + 1)])
def test_another_protocol_and_interim_answers_without_end_are_no_answer(interim: list[int]):
    with pytest.raises(NoAnswerError):
        read(b"".join(with_headers(status=status) for status in interim) + OK)


@pytest.mark.fault("F77")
@pytest.mark.parametrize(
    "line",
    [
        *(
            b"HTTP/1.1 000",
            b"HTTP/1.1 099",
            b"HTTP/1.1 99",
            b"HTTP/1.1 2147483648",
            b"HTTP/1.1 20x OK",
            b"HTTP/1.1 2_0",
        ),
        *(b"HTTP/1.1 +20 OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 \xb2\xb0\xb0", b"HTTP/1.1 200OK", b"HTTP/1.1  200 OK"),
        *(b" HTTP/1.1 200 OK", b"HTTP/1.1\t200 OK", b"HTTP/0.9 200 OK", b"HTTP/2.0 200 OK", b"HTTP/2 200", b"200 OK"),
        *(b"HTTP/11 200 OK", b"http/1.1 200 OK", b"ICY 200 OK", b"HTTP/1.1", b"", b"\x00", b"<html>"),
    ],
)
def test_what_does_not_begin_as_http_1_does_is_no_answer(line: bytes):
    with pytest.raises(NoAnswerError):
        read(line + b"\r\nContent-Length: 2\r\n\r\nok")


@pytest.mark.fault("F77")
@pytest.mark.parametrize("status", [200, 204, 302, 404, 503, 600, 999])
@pytest.mark.parametrize("phrase", [b"", b" ", b" OK", b" \xff\xfe", b" a  b"])
def test_any_status_of_three_digits_is_one_with_whatever_phrase(status: int, phrase: bytes):
    assert read(b"HTTP/1.1 %d%b\r\nContent-Length: 0\r\n\r\n" % (status, phrase)).status == status


@pytest.mark.fault("F77")
@pytest.mark.parametrize("breaks", [False, True])
def test_a_head_that_breaks_off_anywhere_is_no_answer(*, breaks: bool):
    head = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\n\r\n"
    for end in range(len(head)):
        with pytest.raises((NoAnswerError, ConnectionResetError)):
            read(head[:end], breaks=breaks)
    assert read(head).whole


@pytest.mark.fault("F77")
def test_a_head_has_as_many_and_as_long_headers_as_fit_into_its_limit():
    assert read(with_headers(*[b"X-%d: y" % number for number in range(5_000)], b"Content-Length: 0")).reusable
    assert read(with_headers(b"X: " + b"y" * 70_000, b"Content-Length: 0")).reusable
    for lines in ([b"X: " + b"y" * HEAD_BYTES], [b"X: y"] * HEAD_BYTES):
        with pytest.raises(NoAnswerError):
            read(with_headers(*lines))
    with pytest.raises(NoAnswerError):
        read_answer(lambda most: b"x" * most, LIMIT)


@pytest.mark.fault("F77")
@pytest.mark.parametrize(
    ("answer", "body", "whole"),
    [
        (with_headers(b"Content-Length: 5", body=b"hell"), b"hell", False),
        (with_headers(b"Content-Length: 1000", body=b"x" * LIMIT), b"x" * LIMIT, True),
        (with_headers(b"Content-Length: -5", body=b"hello"), b"", False),
        (with_headers(b"Content-Length: five", body=b"hello"), b"", False),
        (with_headers(b"Content-Length: " + b"9" * 5_000, body=b"hello"), b"", False),
        (with_headers(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"), b"", False),
        (with_headers(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), b"hello", True),
        (with_headers(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), b"hello", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"5\r\nhel"), b"hel", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"5\r\nhelloX\r\n0\r\n\r\n"), b"hello", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"-1\r\nhello"), b"", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"0x5\r\nhello\r\n0\r\n\r\n"), b"", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"f" * 15 + b"\r\n" + b"x" * 1_000), b"x" * LIMIT, True),
        (with_headers(b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\nX: y"), b"hello", False),
        (with_headers(b"Transfer-Encoding: chunked", body=b"0\r\n" + b"X: y\r\n" * HEAD_BYTES), b"", False),
        (with_headers(body=b"hello"), b"hello", True),
        (with_headers(body=b"x" * 1_000), b"x" * LIMIT, True),
    ],
)
def test_a_whole_head_is_an_answer_and_the_body_says_whether_it_is_whole(answer: bytes, body: bytes, *, whole: bool):
    found = read(answer)

    assert (found.status, found.body, found.whole) == (200, body, whole)
    assert not found.reusable


@pytest.mark.fault("F77")
def test_a_body_that_a_reset_breaks_off_is_not_whole():
    for answer in (with_headers(body=b"hel"), with_headers(b"Content-Length: 9", body=b"hel")):
        found = read(answer, breaks=True)
        assert (found.status, found.whole, found.reusable) == (200, False, False)


@pytest.mark.fault("F76")
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        with_headers(b"Content-Length: 0"),
        with_headers(b"Content-Length: 100", body=b"x" * LIMIT),
        with_headers(status=204),
        with_headers(status=304),
        with_headers(b"Content-Length: 0", status=204),
        with_headers(b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n"),
        with_headers(b"Transfer-Encoding: Chunked", body=b"2 ;a=b\r\nok\r\n0\r\nX: y\r\n\r\n"),
        with_headers(b"Connection: keep-alive", b"Content-Length: 0"),
        with_headers(b"X:", b"Y: \t z \t", b"Content-Length:0"),
    ],
)
def test_a_connection_is_used_again_only_after_an_answer_whose_end_is_certain(answer: bytes):
    assert read(answer).reusable
    assert read(*(answer[at : at + 1] for at in range(len(answer)))).reusable
    assert not read(answer + b"\r\n").reusable
    assert not read(answer + OK).reusable


@pytest.mark.fault("F76")
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
        with_headers(b"Connection: close", b"Content-Length: 0"),
        with_headers(b"Connection: Keep-Alive, Close", b"Content-Length: 0"),
        with_headers(b"Content-Length: 2", b"Content-Length: 2", body=b"ok"),
        with_headers(b"Content-Length: 2, 2", body=b"ok"),
        with_headers(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"2\r\nok\r\n0\r\n\r\n"),
        with_headers(b"Transfer-Encoding: gzip, chunked", body=b"2\r\nok\r\n0\r\n\r\n"),
        with_headers(b"Transfer-Encoding: chunked, gzip", body=b"ok"),
        with_headers(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"ok"),
        with_headers(b"Content-Length: 2", status=204, body=b"ok"),
        with_headers(b"Transfer-Encoding: chunked", status=304, body=b"0\r\n\r\n"),
        with_headers(b"Content-Length : 2", body=b"ok"),
        with_headers(b"X: y", b" folded", b"Content-Length: 2", body=b"ok"),
        with_headers(b"no colon", b"Content-Length: 2", body=b"ok"),
        with_headers(b"X: a\rb", b"Content-Length: 2", body=b"ok"),
        with_headers(b"X: \x00", b"Content-Length: 2", body=b"ok"),
        OK.replace(b"\r\n", b"\n"),
        b"HTTP/1.1 103\n\n" + OK,
    ],
)
def test_an_odd_answer_counts_and_its_connection_is_not_used_again(answer: bytes):
    found = read(answer)

    assert found.status in {200, 204, 304}
    assert found.whole
    assert not found.reusable
