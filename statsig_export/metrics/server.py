"""The server of --serve: the client's own, with a time limit for slow readers and no traceback for those who leave."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

log = logging.getLogger(__name__)
_LOOK_AGAIN_S: Final = 0.5


class _Handler(WSGIRequestHandler):
    timeout = 10
    """Seconds that a connection may say nothing: each has a thread."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  the signature is the library's
        log.debug(format, *args)


class _Server(ThreadingWSGIServer):
    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002  likewise
        """A reader that leaves before its answer is written, as one does whose time limit is over."""
        log.debug("a connection broke")


class _ServerOfIPv6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def serving(registry: CollectorRegistry, host: str, port: int) -> Iterator[WSGIServer]:
    """A server that listens; `answer_until` answers. Raises OSError, also for a host that is none."""
    kind = _ServerOfIPv6 if _is_ipv6(host) else _Server
    with make_server(host, port, make_wsgi_app(registry), kind, _Handler) as server:
        yield server


def answer_until(server: WSGIServer, stopping: Callable[[], bool]) -> None:
    """Answer until it is asked to stop, by a signal at the latest half a second ago."""
    server.timeout = _LOOK_AGAIN_S
    while not stopping():
        server.handle_request()


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6  # noqa: PLR2004
    except ValueError:
        return False
