"""The set-up of a webhook, checked before anything is sent: URL, token or key, proxy, CA bundle. Of each webhook, the
destination's and those of alerts: so what to do instead is for the caller to say.

A value copied from a console may hold a line end, a blank, quotes or an invisible character. Sent as it is, it requests
another URL or signs with another key, and looks like a fault of the other side. So each fault here is a ConfigError
that names the variable or the file, never the value.
"""

import errno
import os
import re
import ssl
import unicodedata
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import idna

from statsig_export.errors import ConfigError

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
"""Unicode's categories of what has no ink: control and format characters, lone surrogates, separators."""
_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019\u00ab\u00bb"
_HEXADECIMAL: Final = re.compile("0[xX][0-9a-fA-F]*")
_LONGEST_NAME: Final = 253
_HTTP: Final = frozenset({"http", "https"})
_COPY_HINT: Final = "copy the value again, and nothing but the value"


def checked_url(variable: str, url: str, *, no_credentials: str) -> str:
    """A webhook's URL, unless it cannot be one: https, or http on loopback. Raises ConfigError without the URL, with
    the hint `no_credentials` where it holds some.
    """
    parts = _of_a_web_page(variable, url, no_credentials)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigError(f"{variable} is a plain http:// URL", hint="use https (http works on loopback only)")
    if parts.scheme == "https":
        _refuse_keys_nowhere()
    return url


def checked_api_url(url: str) -> str:
    """The base URL of an API, as export.toml has it. Raises ValueError without it."""
    return _base(
        url, lambda: checked_url("this", url, no_credentials="leave them out: keys have settings of their own")
    )


def checked_link(url: str) -> str:
    """The base URL of pages that people open; http is theirs to choose. Raises ValueError without it."""
    return _base(url, lambda: _of_a_web_page("this", url, "leave them out: it stands in every message"))


def _base(url: str, check: Callable[[], object]) -> str:
    try:
        check()
    except ConfigError as error:
        raise ValueError(str(error)) from None
    if "?" in url:
        raise ValueError("this holds a URL with a query (?...)")
    return url.rstrip("/")


def _of_a_web_page(variable: str, url: str, no_credentials: str) -> SplitResult:
    parts = _split(variable, url)
    if parts.scheme not in _HTTP or not parts.hostname:
        raise ConfigError(f"{variable} does not hold an https:// URL")
    if "@" in parts.netloc:
        raise ConfigError(f"{variable} holds credentials before the host", hint=no_credentials)
    if "#" in url:
        raise ConfigError(f"{variable} holds a URL with a fragment (#...), which is never sent", hint=_COPY_HINT)
    return parts


def is_host(text: str) -> bool:
    """Whether this is the name or the address of a host, without a port."""
    return _is_an_address(text) if ":" in text else _is_a_name(text)


def checked_secret(variable: str, secret: str, *, in_a_header: bool) -> str:
    """A token (which goes into a header as it is) or a key. Raises ConfigError without it."""
    _refuse_copying_faults(variable, secret, blanks=True)
    if in_a_header and not _is_latin_1(secret):
        raise ConfigError(f"{variable} holds a character that no HTTP header can carry", hint=_COPY_HINT)
    return secret


def checked_proxy(variable: str, url: str) -> str:
    """The URL of an HTTP proxy. Raises ConfigError without it, since it may hold a password."""
    _refuse_copying_faults(variable, url, blanks=False)
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ConfigError(f"{variable} holds a proxy without a scheme", hint="write http://host:port")
    if scheme.lower().startswith("socks"):
        raise ConfigError(f"{variable} holds a SOCKS proxy, which is not supported", hint="use an HTTP proxy")
    parts = _split(variable, url)
    if parts.scheme not in _HTTP or not parts.hostname:
        raise ConfigError(f"{variable} does not hold the URL of a proxy", hint="write http://host:port")
    if parts.path.strip("/") or "?" in url or "#" in url:
        raise ConfigError(f"{variable} holds a proxy with more behind its port", hint="write http://host:port")
    if not all(_is_latin_1(unquote(part or "")) for part in (parts.username, parts.password)):
        raise ConfigError(f"{variable} holds credentials with a character that no HTTP header can carry")
    return url


def checked_ca_bundle(key: str, file: Path) -> str:
    """The path of a PEM file that holds certificates. Raises ConfigError."""
    fault = ca_bundle_fault(str(file))
    if fault is not None:
        raise ConfigError(f"{key}: {fault}", hint="it takes a PEM file of certificate authorities")
    return str(file)


def ca_bundle_fault(file: str) -> str | None:
    """What is wrong with a CA bundle, None when it can be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if Path(file).is_dir():
            return f"the CA bundle {file} is a folder"
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        return f"the CA bundle {file} holds no certificate that can be read"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return f"the CA bundle {file} cannot be read ({why})"
    if not context.cert_store_stats()["x509"]:
        return f"the CA bundle {file} holds no certificate that can be read"
    return None


def _refuse_keys_nowhere() -> None:
    """The HTTP library writes the keys of each TLS connection to the file that this variable names, which some leave
    behind who have looked at their traffic. Where it cannot, it connects to nobody, and speaks of a file not found.
    """
    file = os.path.expandvars(os.environ.get("SSLKEYLOGFILE", ""))
    try:
        if file:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = file
    except (OSError, ValueError) as error:
        cause = errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)
        raise ConfigError(
            f"SSLKEYLOGFILE names a file that cannot be written ({cause}): no TLS connection can be made",
            hint="unset that variable, which is for who looks into the traffic",
        ) from None


def host_and_port(url: str) -> str:
    """What may be said of a proxy's URL."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    except ValueError:
        return "(no URL)"


def _split(variable: str, url: str) -> SplitResult:
    """The parts of a URL of HTTP, its host and port possible ones."""
    _refuse_copying_faults(variable, url, blanks=False)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{variable} does not hold a URL") from None
    if "\\" in url:
        raise ConfigError(f"{variable} does not hold a URL: it has a backslash")
    if port == 0:
        raise ConfigError(f"{variable} holds a URL with port 0")
    possible = _is_an_address(host) if "[" in parts.netloc else _is_a_name(host)
    if host and not (possible and (parts.scheme not in _HTTP or _is_encodable(host))):
        raise ConfigError(f"{variable} holds a URL whose host is no host name")
    return parts


def _is_an_address(host: str) -> bool:
    """What stands in brackets: IPv6, without a zone, which means something on one machine only."""
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _is_a_name(host: str) -> bool:
    """Whether a resolver would look for it: labels of 1 to 63 characters, those of other scripts by IDNA. What ends in
    a number is an IPv4 address of four (`1.2.3`, `0x7f.1` and `256.1.1.1` are none), as browsers have it.
    """
    try:
        name = host.encode("idna").decode().removesuffix(".")
        last = name.rpartition(".")[2]
        if last.isdigit() or _HEXADECIMAL.fullmatch(last):
            return str(IPv4Address(name)) == host
    except ValueError:
        return False
    return len(name) <= _LONGEST_NAME and all(character.isalnum() or character in "-._" for character in name)


def _is_encodable(host: str) -> bool:
    """Whether the HTTP library can encode a name of other scripts: it has IDNA 2008, where Python has IDNA 2003."""
    try:
        return host.isascii() or bool(idna.encode(host.lower(), strict=True, std3_rules=True))
    except idna.IDNAError:
        return False


def _refuse_copying_faults(variable: str, value: str, *, blanks: bool) -> None:
    """`blanks`: whether there may be any inside. Percent escapes of the same are no better."""
    decoded = unquote(value)
    if not value:
        raise ConfigError(f"{variable} is empty")
    if value != value.strip() or decoded != decoded.strip():
        raise ConfigError(f"{variable} begins or ends with a blank or a line end", hint=_COPY_HINT)
    if (" " in value and not blanks) or any(_is_invisible(character) for character in decoded):
        raise ConfigError(f"{variable} holds a blank, a line end, or a character that nobody sees", hint=_COPY_HINT)
    if value[0] in _QUOTES and value[-1] in _QUOTES:
        raise ConfigError(f"{variable} holds quotes around its value", hint="leave them out")


def _is_invisible(character: str) -> bool:
    return character != " " and unicodedata.category(character) in _INVISIBLE


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
