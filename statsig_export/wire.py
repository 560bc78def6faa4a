"""A requests adapter that knows how far a request got, and can end it on time.

requests tells neither whether a body byte left before an error, nor does its timeout bound a whole request: a server
that drips a byte a second never trips it. Both decide whether events may have arrived, so the connection itself notes
when the body begins, and a timer shuts the socket down at the deadline, in whatever phase the request is.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from statsig_export.testing.crash import CrashPoint, reach


class Progress:
    """How far the request of this thread got."""

    def __init__(self) -> None:
        self.body_began = False
        """The headers are out, and from here on a byte of the body may be."""
        self.expired = False
        """The deadline ended it."""
        self._handle: socket.socket | None = None
        self._guard = threading.Lock()

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
            try:
                self._handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the other side was faster

    def _detach(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


_this_thread = threading.local()


@contextmanager
def watched(seconds: float) -> Iterator[Progress]:
    """Follow the one request that this thread makes inside, and end it after `seconds`."""
    progress = Progress()
    _this_thread.progress = progress
    timer = threading.Timer(seconds, progress.expire)
    timer.daemon = True
    timer.start()
    try:
        yield progress
    finally:
        timer.cancel()
        del _this_thread.progress
        progress.close()


def _progress() -> Progress:
    progress: Progress = _this_thread.progress
    return progress


class _Watched(HTTPConnection):
    """Reports to the Progress of the thread that uses it."""

    debuglevel = 0
    """Somebody may have set http.client's, which prints URL, headers and body: not of what is sent here."""

    def _new_conn(self) -> socket.socket:
        connection = super()._new_conn()
        _progress().attach(connection)
        return connection

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # kept alive from an earlier request
            _progress().attach(self.sock)
        super().putrequest(*args, **kwargs)

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        super().endheaders(*args, **kwargs)
        _progress().body_began = True
        reach(CrashPoint.HEADERS_SENT)

    def getresponse(self) -> Any:
        reach(CrashPoint.BODY_SENT)
        return super().getresponse()


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS."""


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

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return self._watch(super().proxy_manager_for(*args, **kwargs))

    @staticmethod
    def _watch(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager
