"""A stand-in for Fivetran's webhook on loopback: a real socket, strict checks, and faults by script.

    with Receiver(auth=Authentication("hmac", secret="...")) as receiver:
        ...                                  # post to receiver.url
        receiver.events()                    # what it took in

It answers 200 to a good batch, 400 to a bad body, 401 to a wrong token or signature, 404 for another path, 405 for
another method, 411, 413 and 415 as HTTP has them; an error's reason names positions and keys, nothing of the payload.
A body of more than 64 kB is read only after its head has proven as much as it can: path, method, token, that there is a
signature. Bodies, all bodies at once and connections are bounded.
`faults.py` describes the scripts, `transcript.py` what is kept of each request, `testing/landing` the table.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from statsig_export.testing.landing.destination import Destination
from statsig_export.testing.landing.fivetran import FivetranTable, utc_now
from statsig_export.testing.webhook.connection import Connection, Exchange
from statsig_export.testing.webhook.endpoint import Authentication, Endpoint
from statsig_export.testing.webhook.event_reader import Event
from statsig_export.testing.webhook.fault_file import load_faults, parse_faults
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Script, Shape, Stage, answer, redirect
from statsig_export.testing.webhook.http_wire import BODY_LIMIT, Room
from statsig_export.testing.webhook.transcript import Received, Transcript, read_transcript

__all__ = [
    "NORMAL",
    "Action",
    "Authentication",
    "Event",
    "Faults",
    "Received",
    "Receiver",
    "Rule",
    "Shape",
    "Stage",
    "answer",
    "load_faults",
    "parse_faults",
    "read_transcript",
    "redirect",
]


MOST_CONNECTIONS = 256
"""At once; a further one is closed."""
_BODIES_AT_ONCE = 4 * BODY_LIMIT
"""Bytes of all bodies that are being read; what comes on top is answered 503."""


class Receiver:
    """Listens from construction on; serves from `start` (or the beginning of a `with`) until `close`.

    `transcript` is a file of JSON lines, `tables` the table that Fivetran would write: a file of SQLite or DuckDB that
    has it at once, or a FivetranTable, synced as its owner likes. All are made where missing, and appended to.
    `strict_delivery` also demands the headers webhook-id, -timestamp and -attempt, and equal bytes under an equal id.
    `on_request` gets each request once it is written down. `idle_timeout` (seconds) ends a connection on which nothing
    comes. Raises OSError when the port is taken or a file cannot be used (then it has a name), what FivetranTable
    raises for `tables`.
    """

    def __init__(  # noqa: PLR0913 - each is one property of the endpoint
        self,
        port: int = 0,
        path: str = "/webhooks/stand-in",
        *,
        auth: Authentication | None = None,
        transcript: Path | None = None,
        tables: Path | FivetranTable | None = None,
        faults: Faults | Sequence[Rule] = (),
        tls: ssl.SSLContext | None = None,
        strict_delivery: bool = False,
        keep_events: bool = True,
        on_request: Callable[[Received], None] | None = None,
        idle_timeout: float = 60,
        host: str = "127.0.0.1",
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._listener = socket.create_server((host, port), backlog=256)
        self._host = host
        self._path = path
        self._idle_timeout = idle_timeout
        self._closing = threading.Event()
        self._script = Script(_script(faults))
        try:
            table = FivetranTable(Destination.at(tables), now=now) if isinstance(tables, Path) else tables
            self._transcript = Transcript(transcript, table, keep_events=keep_events, on_request=on_request)
        except BaseException:  # whatever it was goes on its way, but leaves no port taken
            self._listener.close()
            raise
        endpoint = Endpoint(path, auth or Authentication(), strict_delivery)
        room = Room(_BODIES_AT_ONCE)
        self._exchange = Exchange(endpoint, self._script, self._transcript, self._closing.wait, now, tls, room)
        self._acceptor = threading.Thread(target=self._accept, name="receiver", daemon=True)
        self._connections: dict[Connection, threading.Thread] = {}
        self._changed = threading.Lock()
        self._accepted = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        scheme = "http" if self._exchange.tls is None else "https"
        return f"{scheme}://{self._host}:{self.port}{self._path}"

    @property
    def requests(self) -> list[Received]:
        """Every request so far, in the order in which they were written down."""
        return self._transcript.requests

    @property
    def connections(self) -> int:
        """How often somebody connected."""
        return self._accepted

    def events(self) -> list[Event]:
        """The events of every accepted request, in order, as often as they were accepted."""
        return [event for received in self.requests if received.accepted for event in received.events]

    def wait_for(self, count: int, timeout: float = 5) -> bool:
        """Whether `count` requests have been written down, waiting up to `timeout` seconds for them."""
        return self._transcript.wait_for(count, timeout)

    def play(self, faults: Faults | Sequence[Rule]) -> None:
        """Go on with another script; an empty one ends all faults."""
        self._script.play(_script(faults))

    def start(self) -> None:
        self._acceptor.start()

    def serve_forever(self) -> None:
        """Block until `close` is called from elsewhere. KeyboardInterrupt passes through."""
        self._closing.wait()

    def close(self) -> None:
        """End every connection and every delay, and wait for the threads."""
        if self._closing.is_set():
            return
        address = self._listener.getsockname()
        self._closing.set()
        if self._acceptor.ident is not None:
            socket.create_connection(address).close()
            self._acceptor.join()
        self._listener.close()
        with self._changed:
            connections = dict(self._connections)
        for connection, thread in connections.items():
            connection.close()
            thread.join()
        self._transcript.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            accepted, _ = self._listener.accept()
            if self._closing.is_set():
                accepted.close()
                return
            with self._changed:
                full = len(self._connections) >= MOST_CONNECTIONS
            if full:
                accepted.close()
                continue
            accepted.settimeout(self._idle_timeout)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(accepted, self._exchange)
            thread = threading.Thread(target=self._serve, args=(connection,), name="receiver", daemon=True)
            with self._changed:
                self._accepted += 1
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._changed:
                del self._connections[connection]


def _script(faults: Faults | Sequence[Rule]) -> Faults:
    return faults if isinstance(faults, Faults) else Faults(rules=tuple(faults))
