"""Where a URL holds a secret: the one rule for every URL that a configuration writes out. Pure.

A password stands before the host, a token or key in the query. Names of files (`sslkey`, `credentials_path`) are none.
"""

import re
from typing import Final
from urllib.parse import parse_qsl

_HOLDS: Final = (
    *("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "credential", "signature", "jwt"),
    *("apikey", "accesskey", "accountkey", "sharedkey", "privatekey", "bearer", "connectionstring", "odbcconnect"),
)
"""A parameter whose name has one of these is a secret, without regard to case, `-`, `_` and `.`."""
_IS: Final = frozenset({"auth", "authorization", "pass", "pw", "sas", "sig"})
_NAMES_A_FILE: Final = ("path", "file", "dir", "folder", "sslkey")
_BY_TOKEN_ALONE: Final = frozenset({"http", "https", "github", "gitlab"})
"""Schemes whose servers take a token as the user's name."""


def secret_in(url: str) -> str | None:
    """Where a URL holds a secret, in words of our own; None where it holds none."""
    for part in url.split("::"):  # fsspec's chains
        place, _, query = re.sub("[#;]", "?", part).partition("?")
        if _has_password(place):
            return "a password before its host"
        if any(_is_secret(name) for name in _names_in(query)):
            return "a password, token or key among its parameters"
    return None


def _has_password(place: str) -> bool:
    scheme, separator, rest = place.partition("://")
    user, at, _ = rest.rpartition("@")
    if not separator or not at or rest.startswith("/"):  # a path: sqlite:////srv/a@b:c/events.db
        return False
    return bool(user.partition(":")[2]) or scheme.lower().rpartition("+")[2] in _BY_TOKEN_ALONE


def _names_in(query: str) -> list[str]:
    """The parameters that have a value. Some drivers separate them by `;`, some nest a query in a value."""
    pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=False)
    return [name for name, _ in pairs]


def _is_secret(name: str) -> bool:
    bare = re.sub(r"[^a-z0-9]", "", name.lower())
    if bare.endswith(_NAMES_A_FILE):
        return False
    return bare in _IS or bare.endswith(("key", "pass")) or any(word in bare for word in _HOLDS)
