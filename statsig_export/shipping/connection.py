"""A requests adapter that knows how far a request got, can end it on time, and reads the answer itself.

requests tells neither whether a body byte left before an error, nor does its timeout bound a whole request: a server
that drips a byte a second never trips it. Both decide whether events may have arrived, so the connection itself notes
when the body begins, and the socket is shut down at the deadline, in whatever phase the request is.

So do the addresses of a host: urllib3 gives each of them the whole time to connect, and looks the name up without a
limit. Here they share it.

The answer is read by http_answer.py and stays in Progress. requests and urllib3 get to see its status and an empty
body, none of its headers: so there is nothing to redirect, to decode, to keep as a cookie or to trip over.
"""

import fcntl
import os
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPMessage, HTTPResponse
from io import BufferedReader, BytesIO
from typing import Any, Final, TypeAlias

from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.shipping.deadlines import Deadlines
from statsig_export.shipping.http_answer import HttpAnswer, read_answer, read_tunnel_status

ANSWER_BYTES: Final = 16_384
"""So much is read of an answer's body, unless more is asked for."""
IDLE_SECONDS: Final = 1.5
"""A connection that lay idle for longer is not used again: the shortest usual patience of servers is 2 s, and a POST
that meets their closing is one whose fate nobody knows."""
_LEAST_SECONDS: Final = 0.001
_TUNNEL_STATUS: Final = re.compile(r"Tunnel connection failed: (\d+)")


_Address: TypeAlias = tuple[int, int, int, str, Any]
"""As getaddrinfo has it: family, kind, protocol, canonical name, and what `connect` takes."""


class LeftoverError(ConnectionError):
    """Before the body was sent, something lay in a connection that was used before: an answer to nothing, or its end.

    No byte of the body has left.
    """


class ProxyStatusError(OSError):
    """The proxy answered CONNECT with another status than 200: this is not the webhook's answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class Progress:
    """How far the request of this thread got."""

    def __init__(self, seconds: float, answer_bytes: int = ANSWER_BYTES) -> None:
        self.seconds = seconds
        """The deadline, from the beginning."""
        self.answer_bytes = answer_bytes
        """So much is read of the answer's body."""
        self.body_began = False
        """The headers are out, and from here on a byte of the body may be."""
        self.body_sent = False
        """The system has taken all of it; where the deadline ended the request, the other side has, too."""
        self.answer: HttpAnswer | None = None
        """The final answer. It is not whole where it came before the whole request was sent."""
        self.expired = False
        """The deadline ended it."""
        self._deadline = time.monotonic() + seconds
        self._handle: socket.socket | None = None
        self._guard = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds until the deadline; never none at all, which sockets take for a call that does not wait."""
        return max(_LEAST_SECONDS, self._deadline - time.monotonic())

    def attach(self, connection: socket.socket) -> None:
        """Note the socket in use, by a handle of our own: TLS takes the original one away while it shakes hands."""
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        with self._guard:
            self._detach()
            self._handle = handle
            if self.expired:
                self._shut_down()

    def expire(self) -> None:
        with self._guard:
            self.expired = True
            self._shut_down()

    def close(self) -> None:
        with self._guard:
            self._detach()

    def _shut_down(self) -> None:
        if self._handle is not None:
            self.body_sent = self.body_sent and not _waits_to_be_sent(self._handle)
            try:
                self._handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster

    def _detach(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def _waits_to_be_sent(connection: socket.socket) -> bool:
    """Whether the system holds bytes that the other side has not acknowledged: on a slow line, most of a batch."""
    try:
        (waiting,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    except OSError:  # a system that does not tell
        return False
    return bool(waiting)


_this_thread = threading.local()


@contextmanager
def watched(deadlines: Deadlines, seconds: float, answer_bytes: int = ANSWER_BYTES) -> Iterator[Progress]:
    """Follow the one request that this thread makes inside, and end it after `seconds`."""
    progress = Progress(seconds, answer_bytes)
    _this_thread.progress = progress
    try:
        with deadlines.kept(seconds, progress.expire):
            yield progress
    finally:
        del _this_thread.progress
        progress.close()


def _progress() -> Progress:
    progress: Progress = _this_thread.progress
    return progress


class _FinalAnswer(HTTPResponse):
    """Begins with the final answer, notes it in Progress, and passes on its status alone."""

    def begin(self) -> None:
        stream = self.fp
        progress = _progress()
        progress.answer = answer = read_answer(stream.read1, progress.answer_bytes)
        self.version, self.status, self.reason = 11, answer.status, ""
        self.headers = self.msg = HTTPMessage()
        self.chunked, self.length = False, 0
        self.will_close = not answer.reusable
        self.fp = BufferedReader(BytesIO())
        stream.close()


class _TunnelAnswer(HTTPResponse):
    """A proxy's answer to CONNECT, read by the same rules: 1xx are skipped, and any 2xx opens the tunnel."""

    def _read_status(self) -> tuple[str, int, str]:
        stream = self.fp
        status = read_tunnel_status(stream.read1)
        self.fp = BufferedReader(BytesIO(b"\r\n"))  # the end of the headers: they are read
        stream.close()
        return "HTTP/1.1", HTTPStatus.OK if status // 100 == 2 else status, ""  # noqa: PLR2004  the class of success


class _Watched(HTTPConnection):
    """Reports to the Progress of the thread that uses it."""

    debuglevel = 0
    """Somebody may have set http.client's, which prints URL, headers and body: not of what is sent here."""

    _answered_at: float | None = None
    """When the last exchange over the socket in use was complete; None before the first."""
    _sent_whole = False

    @property
    def is_connected(self) -> bool:
        """What the pool asks before it uses a connection again.

        Not TLS within a proxy's TLS: urllib3 reads ahead for it, and what lies there nobody can see from outside.
        """
        idle = 0.0 if self._answered_at is None else time.monotonic() - self._answered_at
        return isinstance(self.sock, socket.socket) and idle < IDLE_SECONDS and super().is_connected

    def connect(self) -> None:
        self._answered_at = None
        super().connect()

    def _new_conn(self) -> socket.socket:
        """The first of the host's addresses that takes a connection, within the time to connect for all of them: each
        has an equal share of what those before it left over.
        """
        addresses = self._addresses()
        end = time.monotonic() + min(float(self.timeout or 0), _progress().left)
        for number, address in enumerate(addresses, start=1):
            share = (end - time.monotonic()) / (len(addresses) - number + 1)
            try:
                connection = self._connected(address, max(_LEAST_SECONDS, share))
            except OSError as error:
                if number == len(addresses) or time.monotonic() >= end:
                    raise NewConnectionError(self, "none of the host's addresses takes a connection") from error
            else:
                _progress().attach(connection)
                return connection
        raise NewConnectionError(self, "the host's name has no address")

    def _addresses(self) -> Sequence[_Address]:
        """In the order of the system. Its resolver knows no deadline and cannot be ended, so a thread waits for it."""
        looked_up: Future[Sequence[_Address]] = Future()

        def look_up(host: str) -> None:
            try:
                looked_up.set_result(socket.getaddrinfo(host, self.port, allowed_gai_family(), socket.SOCK_STREAM))
            except (OSError, UnicodeError) as error:
                looked_up.set_exception(error)

        progress = _progress()
        threading.Thread(target=look_up, args=(self._dns_host.strip("[]"),), daemon=True).start()
        try:
            return looked_up.result(progress.left)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            progress.expire()
            raise NewConnectionError(self, "the host's name was not looked up in time") from error

    def _connected(self, address: _Address, seconds: float) -> socket.socket:
        family, kind, protocol, _, place = address
        connection = socket.socket(family, kind, protocol)
        try:
            for option in self.socket_options or ():
                connection.setsockopt(*option)
            connection.settimeout(seconds)
            connection.connect(place)
        except OSError:
            connection.close()
            raise
        connection.settimeout(self.timeout)
        return connection

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        self._sent_whole = False
        if self.sock is not None:  # kept alive from an earlier request
            _progress().attach(self.sock)
        super().putrequest(*args, **kwargs)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        super().endheaders(*args, **kwargs)
        if self._answered_at is not None and not super().is_connected:
            raise LeftoverError("the connection was closed meanwhile, or held an answer to nothing: no event was sent")
        progress = _progress()
        self.sock.settimeout(progress.seconds)  # else a long upload would have to be through within the time to connect
        progress.body_began = True
        reach(CrashPoint.HEADERS_SENT)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send it. Where that breaks off and an answer is there all the same, the answer is left to be read."""
        try:
            super().request(*args, **kwargs)
        except OSError:
            if not _progress().body_began or super().is_connected:
                raise
        else:
            self._sent_whole = True
            _progress().body_sent = True

    def getresponse(self) -> Any:
        reach(CrashPoint.BODY_SENT)
        self.response_class = _FinalAnswer
        response = super().getresponse()
        self._answered_at = time.monotonic()
        progress = _progress()
        if not self._sent_whole and progress.answer is not None:
            progress.answer = replace(progress.answer, whole=False, reusable=False)
            self.close()
        return response


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS, and through a proxy's tunnel."""

    def _tunnel(self) -> None:
        self.response_class = _TunnelAnswer
        try:
            super()._tunnel()
        except OSError as error:
            found = _TUNNEL_STATUS.match(str(error))
            if found is None:
                raise
        else:
            return
        raise ProxyStatusError(int(found[1]))


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedTls


class WatchedAdapter(HTTPAdapter):
    """Sends over watched connections, without any retry of its own: one call, one attempt."""

    def __init__(self) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: Any, **kwargs: Any) -> Any:
        if str(proxy).lower().startswith("socks"):  # its connections would be ours, and go past the proxy
            raise InvalidSchema("a SOCKS proxy is not supported")
        return self._watch(super().proxy_manager_for(proxy, **kwargs))

    @staticmethod
    def _watch(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
