"""A server on loopback that answers consecutive requests with given bytes."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from statsig_export.testing.webhook.http_wire import Head, read_exactly, read_head, reset

Script = bytes | Callable[[socket.socket], bool]
"""What is sent, or what does it and says whether the connection stays open. Bytes leave it open."""


@dataclass
class Served:
    """What the server saw."""

    url: str
    heads: list[Head] = field(default_factory=list)
    connections: int = 0
    ended: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each connection that the server has closed."""


def ok(body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def close(sent: bytes) -> Script:
    """Sent, then the end."""

    def play(connection: socket.socket) -> bool:
        connection.sendall(sent)
        return False

    return play


def cut(sent: bytes) -> Script:
    """Sent, then a reset."""

    def play(connection: socket.socket) -> bool:
        connection.sendall(sent)
        connection.recv(0)
        reset(connection)
        return False

    return play


@contextmanager
def scripted(*answers: Script) -> Iterator[Served]:
    """Answers the requests in turn; after the last one there is nothing but ends of connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}/canary")
        done = threading.Event()
        thread = threading.Thread(target=_accept, args=(listener, served, list(answers), done))
        thread.start()
        try:
            yield served
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, served: Served, answers: list[Script], done: threading.Event) -> None:
    """One connection after the other: a client that gives one up has closed it before it opens the next."""
    while not done.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        served.connections += 1
        connection.settimeout(5)
        try:
            with connection, connection.makefile("rb") as stream:
                while answers:
                    head = read_head(stream)
                    read_exactly(stream, head.length if "content-length" in head.headers else 0)
                    served.heads.append(head)
                    answer = answers.pop(0)
                    if isinstance(answer, bytes):
                        connection.sendall(answer)
                    elif not answer(connection):
                        break
        except OSError:
            continue
        finally:
            served.ended.release()
