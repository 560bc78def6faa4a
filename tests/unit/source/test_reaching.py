"""A host that is reached through a proxy, or not: on sockets of this machine."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from statsig_export.errors import SourceError
from statsig_export.source.reaching import require_reached


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def proxy_that_says(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            taken, _ = server.accept()
            with taken:
                asked.append(taken.recv(65_536))
                taken.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], asked
        thread.join()


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.fault("F614")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_where_nobody_listens_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, scheme: str):
    port = dead_port()
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:hidden@127.0.0.1:{port}")
    with pytest.raises(SourceError) as raised:
        require_reached("workspace.invalid", 443)
    told = str(raised.value)
    assert f"the proxy 127.0.0.1:{port}, which HTTPS_PROXY names, does not lead to workspace.invalid:443" in told
    assert "ECONNREFUSED" in told
    assert "hidden" not in f"{told} {raised.value.hint}"


@pytest.mark.fault("F614")
def test_a_proxy_that_refuses_is_told_by_its_status_alone(monkeypatch: pytest.MonkeyPatch):
    with proxy_that_says(b"HTTP/1.1 407 hidden\r\n\r\n") as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"me:p%40ss@127.0.0.1:{port}")
        with pytest.raises(SourceError, match=r"\(HTTP 407\)") as raised:
            require_reached("workspace.invalid", 443)
    assert "hidden" not in str(raised.value)
    assert asked[0].startswith(b"CONNECT workspace.invalid:443 ")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==" in asked[0]


@pytest.mark.fault("F614")
def test_a_proxy_that_leads_there_is_taken_and_a_host_that_it_is_not_for_is_called_itself(
    monkeypatch: pytest.MonkeyPatch,
):
    with proxy_that_says(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        require_reached("workspace.invalid", 443)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(OSError, match="refused"):
        require_reached("127.0.0.1", dead_port())
