"""A connection that breaks: a TCP proxy before a database server that cuts it after a number of bytes of answers."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class CutConnection:
    """Listens on loopback and passes everything on to a unix socket, until `after` bytes came back. None: for ever."""

    def __init__(self, server: str, after: int | None = None) -> None:
        self.after = after
        self.passed = 0
        """Bytes of answers so far, over all connections."""
        self.round_trips = 0
        """How often a client spoke after it was answered, over all connections; the first word of each counts too."""
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                self._open += [client, server]
                answered = threading.Event()
                answered.set()
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(*ends, answered), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, answered: threading.Event) -> None:
        answers = source.family == socket.AF_UNIX
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                if answers and self.after is not None and self.passed + len(chunk) > self.after:
                    sink.sendall(chunk[: max(0, self.after - self.passed)])
                    break
                self.passed += len(chunk) if answers else 0
                if answers:
                    answered.set()
                elif answered.is_set():
                    answered.clear()
                    self.round_trips += 1
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
