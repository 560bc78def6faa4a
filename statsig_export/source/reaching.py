"""Whether a host takes a connection, straight or through the proxy that the environment names for it.

For drivers that would try again for a quarter of an hour where nobody answers.
"""

import base64
import http.client
import re
import socket
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from statsig_export.errors import SourceError
from statsig_export.storage.errors import cause_of

_WAIT: Final = 10
"""Seconds for each step: the connection, and the proxy's answer."""
_STATUS: Final = re.compile(r"Tunnel connection failed: (\d{3})\b")
_CHECK: Final = "correct HTTPS_PROXY (https_proxy), or name the host in NO_PROXY where it is reached without"


def require_reached(host: str, port: int) -> None:
    """Raise OSError where nobody listens there, SourceError where it is the proxy that does not lead there."""
    proxy = None if proxy_bypass(host) else getproxies().get("https")
    if not proxy:
        socket.create_connection((host, port), timeout=_WAIT).close()
        return
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        named, own = parts.hostname or "", parts.port
    except ValueError:
        raise SourceError("the proxy that HTTPS_PROXY names is no URL", hint=_CHECK) from None
    place = own or (443 if parts.scheme == "https" else 80)
    try:
        _tunnel(parts.scheme == "https", (named, place), (host, port), _authorization(parts.username, parts.password))
    except (OSError, http.client.HTTPException) as error:
        status = _STATUS.match(str(error))
        why = f"HTTP {status[1]}" if status else cause_of(error).words
        raise SourceError(
            f"the proxy {named}:{place}, which HTTPS_PROXY names, does not lead to {host}:{port} ({why})", hint=_CHECK
        ) from None


def _tunnel(secure: bool, proxy: tuple[str, int], target: tuple[str, int], headers: dict[str, str]) -> None:  # noqa: FBT001
    if secure:  # its certificate is for the driver to check, by the driver's settings
        socket.create_connection(proxy, timeout=_WAIT).close()
        return
    connection = http.client.HTTPConnection(*proxy, timeout=_WAIT)
    connection.set_tunnel(*target, headers=headers)
    try:
        connection.connect()
    finally:
        connection.close()


def _authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    words = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(words).decode()}"}
