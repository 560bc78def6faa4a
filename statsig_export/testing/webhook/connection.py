"""One connection of the stand-in webhook: its requests, one after the other, each met by what the script says."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from io import BufferedReader
from json import dumps

from statsig_export.testing.webhook.endpoint import Endpoint, Verdict, attempt_number
from statsig_export.testing.webhook.faults import NORMAL, Action, Moment, Script, Seen, Stage
from statsig_export.testing.webhook.http_wire import (
    Answer,
    Head,
    RefusedError,
    Room,
    drain,
    read_exactly,
    read_head,
    reset,
)
from statsig_export.testing.webhook.replies import UNREADABLE, Pause, interim_answers, send_reply
from statsig_export.testing.webhook.transcript import Received, Transcript

_NO_HEAD = Head("", "", "1.1", {})
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_UNPROCESSED_RESETS = frozenset({Stage.ACCEPT, Stage.HEADERS, Stage.HALF_BODY, Stage.BODY})


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the connections of one receiver share."""

    endpoint: Endpoint
    script: Script
    transcript: Transcript
    pause: Pause
    now: Callable[[], datetime]
    tls: ssl.SSLContext | None
    room: Room


@dataclass(slots=True)
class _Request:
    """A request in the making."""

    number: int
    head: Head = _NO_HEAD
    body: bytes = b""
    verdict: Verdict = field(default_factory=lambda: Verdict(HTTPStatus.BAD_REQUEST, ""))

    def seen(self) -> Seen:
        events = tuple(read.event for read in self.verdict.events)
        webhook_id = self.head.headers.get("webhook-id", "")
        return Seen(self.number, webhook_id, attempt_number(self.head), events)


class Connection:
    """Serves one accepted socket until it ends. `close` may be called from another thread to end it."""

    def __init__(self, accepted: socket.socket, exchange: Exchange) -> None:
        self._socket = accepted
        self._exchange = exchange
        self._stream: BufferedReader | None = None

    def serve(self) -> None:
        """Answer requests until the client leaves, a fault ends the connection, or the receiver closes."""
        try:
            if self._reset_before_reading():
                return
            self._encrypt()
            self._stream = self._socket.makefile("rb")
            while self._serve_request(self._stream) and self._next_request_comes(self._stream):
                pass
        except OSError:
            return
        finally:
            if self._stream is not None:
                self._stream.close()
            self._socket.close()

    def close(self) -> None:
        """Wake the thread that serves it; that thread closes the socket."""
        try:
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            return

    def _encrypt(self) -> None:
        if self._exchange.tls is not None:
            self._socket = self._exchange.tls.wrap_socket(
                self._socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
            )
            if not self._exchange.pause(0):
                self._socket.do_handshake()

    def _next_request_comes(self, stream: BufferedReader) -> bool:
        return stream.peek(1) != b"" and not self._reset_before_reading()

    def _reset_before_reading(self) -> bool:
        found = self._exchange.script.before_reading()
        if found is None:
            return False
        number, action = found
        self._reset(_Request(number), action)
        return True

    def _serve_request(self, stream: BufferedReader) -> bool:
        """One request and its answer. True when another may follow."""
        if not stream.peek(1):
            return False
        request = _Request(self._exchange.script.number())
        try:
            request.head = read_head(stream)
            length = request.head.length
        except RefusedError as error:
            return self._refuse_unread(request, Verdict(error.status, error.reason))
        action = self._exchange.script.choose(request.seen(), Moment.HEAD)
        if action is not None and action.reset is None:
            request.verdict = Verdict(HTTPStatus.BAD_REQUEST, "answered before its body was read")
            self._answer(request, action, keep_alive=False)
            drain(self._socket)
            return False
        if action is not None:
            if action.reset is Stage.HALF_BODY:
                request.body = read_exactly(stream, length // 2)
            self._reset(request, action)
            return False
        refused = self._exchange.endpoint.judge_head(request.head, self._exchange.script.faults.max_bytes)
        if refused is not None or not self._exchange.room.take(length):
            busy = Verdict(HTTPStatus.SERVICE_UNAVAILABLE, "too many large bodies at once")
            return self._refuse_unread(request, refused or busy)
        try:
            return self._serve_body(request, stream, length)
        finally:
            self._exchange.room.give(length)

    def _refuse_unread(self, request: _Request, verdict: Verdict) -> bool:
        """Answer before the body, of which nothing is kept."""
        request.verdict = verdict
        self._answer(request, NORMAL, keep_alive=False)
        drain(self._socket)
        return False

    def _serve_body(self, request: _Request, stream: BufferedReader, length: int) -> bool:
        if request.head.expects_continue:
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = read_exactly(stream, length)
        request.verdict = self._judge(request)
        action = self._exchange.script.choose(request.seen(), Moment.BODY) or NORMAL
        if action.reset is not None:
            self._reset(request, action)
            return False
        keep_alive = request.head.keep_alive and len(request.body) == length
        return self._answer(request, action, keep_alive=keep_alive)

    def _judge(self, request: _Request) -> Verdict:
        faults = self._exchange.script.faults
        endpoint = self._exchange.endpoint
        verdict = endpoint.judge(request.head, request.body, faults.max_bytes, faults.max_events)
        webhook_id = request.head.headers.get("webhook-id", "")
        if (
            endpoint.strict_delivery
            and verdict.ok
            and not self._exchange.transcript.same_bytes(webhook_id, verdict.digest)
        ):
            return Verdict(
                HTTPStatus.BAD_REQUEST, "this webhook-id came with other bytes before", verdict.events, verdict.digest
            )
        return verdict

    def _answer(self, request: _Request, action: Action, *, keep_alive: bool) -> bool:
        status = int(action.status or request.verdict.status)
        text = _usual_body(request.verdict, status) if action.body is None else action.body
        text = "" if status in _BODILESS else text
        headers = {"Allow": "POST"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        answer = Answer(status, {**headers, **action.headers}, text.encode())
        self._write_down(request, action, None if action.reply in UNREADABLE else status)
        self._socket.sendall(interim_answers(action.interim))
        if action.delay and self._exchange.pause(action.delay):
            return False
        return send_reply(self._socket, answer, action, self._exchange.pause, keep_alive=keep_alive)

    def _reset(self, request: _Request, action: Action) -> None:
        self._write_down(request, action, None)
        self._exchange.pause(action.delay)
        if self._stream is not None:
            self._stream.close()
        reset(self._socket)

    def _write_down(self, request: _Request, action: Action, status: int | None) -> None:
        received = Received(
            number=request.number,
            time=self._exchange.now().isoformat(timespec="milliseconds"),
            webhook_id=request.head.headers.get("webhook-id", ""),
            attempt=attempt_number(request.head),
            status=status,
            accepted=_is_accepted(request.verdict, action),
            reason=request.verdict.reason,
            fault=action.fault,
            count=len(request.verdict.events),
            wire_bytes=len(request.body),
            sha256=request.verdict.digest,
            headers=request.head.headers,
        )
        self._exchange.transcript.append(received, request.verdict.events)


def _usual_body(verdict: Verdict, status: int) -> str:
    if verdict.reason:
        return dumps({"error": verdict.reason})
    if _is_success(status):
        return dumps({"events": len(verdict.events)})
    return dumps({"error": "so the script says"})


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _is_accepted(verdict: Verdict, action: Action) -> bool:
    """Whether the events are taken in. Nothing bad ever is, whatever the script says."""
    if not verdict.ok:
        return False
    if action.processed is not None:
        return action.processed
    return action.reset not in _UNPROCESSED_RESETS and _is_success(action.status or HTTPStatus.OK)
