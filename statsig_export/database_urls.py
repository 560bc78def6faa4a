"""Database URLs: which one may write, which driver a bare name means, and where a database's file is."""

import logging
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from statsig_export.errors import ConfigError

_DRIVER: Final = re.compile(r"\w+(\+\w+)?")
"""A database and a driver, as SQLAlchemy looks for them."""
_DRIVERS: Final = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
"""The drivers of our extras, where SQLAlchemy means another by the bare name."""
_ENCODED: Final = "@, /, ? and : in a user or password are written %40, %2F, %3F and %3A"
_AROUND: Final = " \t\r\n\"'`"
_DSN: Final = re.compile(r"\b(host|hostaddr|dbname|user)\s*=")
_HOST_BEHIND_QUERY: Final = re.compile(r"\?[^?]*@[^&]*/")
"""A host after a `?`, which was part of a password: what stands before it is no host, and is not to be shown."""
_OTHER_NAMES: Final = {
    **dict.fromkeys(("postgres", "pgsql", "psql", "pg"), "postgresql"),
    "sqlite3": "sqlite",
    "mysql2": "mysql",
}
_URI_PARAMETERS: Final = frozenset({"mode", "immutable", "nolock", "cache", "vfs", "psow"})
"""What SQLite takes in a file: URI, which Python's driver takes nowhere else."""
_FILES: Final = frozenset({"sqlite", "duckdb"})
_NO_FILE: Final = (":memory:", "md:", "motherduck:")

log = logging.getLogger(__name__)


def read_url(text: str, key: str, place: Callable[[str], Path]) -> URL:
    """The URL that a key has: with the driver that it means, a file's path made absolute by `place`.

    Raises ConfigError that does not quote it, as any part may hold a password.
    """
    try:
        url = make_url(text.removeprefix("jdbc:"))
    except (ArgumentError, ValueError):  # the latter for a port that is no number: it may be part of a password
        raise _no_url(text, key) from None
    if _DRIVER.fullmatch(url.drivername) is None:
        raise _no_url(text, key)
    backend = url.get_backend_name()
    if text.startswith("jdbc:"):
        raise ConfigError(f"{key}: this is a URL of JDBC's", hint=f"write {backend}://user:password@host/database")
    if backend in _OTHER_NAMES:
        right = _OTHER_NAMES[backend]
        raise ConfigError(f"{key}: SQLAlchemy knows no {backend}://", hint=f"write {right}://")
    if backend not in _FILES and ("@" in f"{url.host}{url.database}" or _HOST_BEHIND_QUERY.search(text)):
        raise ConfigError(f"{key}: this is not an SQLAlchemy URL", hint=_ENCODED)
    if backend in _FILES:
        return _located(url, place)
    return _with_driver(url, key)


def _no_url(text: str, key: str) -> ConfigError:
    """What is wrong with a text that is no URL, without a word of it."""
    wrong = ConfigError(f"{key} is not an SQLAlchemy URL", hint="such as sqlite:///events.db")
    if text != text.strip(_AROUND):
        wrong = ConfigError(
            f"{key} is not an SQLAlchemy URL: blanks, a line's end or quotes are around it", hint="take them away"
        )
    elif "://" in text:
        wrong = ConfigError(
            f"{key} is not an SQLAlchemy URL",
            hint=f"such as postgresql://user:password@host:5432/database, its port a number; {_ENCODED}",
        )
    elif _DSN.search(text):
        wrong = ConfigError(
            f"{key}: this is a connection string of libpq's", hint="write postgresql://user:password@host/database"
        )
    return wrong


def refuse_asynchronous(url: URL, key: str) -> None:
    """Raise ConfigError for a driver that only an event loop can use. An unknown dialect passes here."""
    try:
        asynchronous = url.get_dialect().is_async
    except (NoSuchModuleError, ImportError):
        return
    if asynchronous:
        backend = url.get_backend_name()
        driver = _DRIVERS.get(backend)
        raise ConfigError(
            f"{key}: {url.get_driver_name()} is an asynchronous driver, which is not used here",
            hint=f"write {backend}://" + (f", which is read with {driver}" if driver else ""),
        )


def file_of(url: URL) -> Path | None:
    """The file of a database that is one; None for any other, and for one in memory."""
    name = url.database or ""
    if (
        url.get_backend_name() not in _FILES
        or not name
        or name.startswith(_NO_FILE)
        or url.query.get("mode") == "memory"
    ):
        return None
    if not name.startswith("file:"):
        return Path(name)
    path = unquote(urlsplit(name).path)
    return None if not path or path == ":memory:" else Path(path)


def _with_driver(url: URL, key: str) -> URL:
    driver = _DRIVERS.get(url.drivername)
    if driver is None or (driver == "pymysql" and find_spec(driver) is None):
        return url
    log.info("%s: %s:// is read as %s+%s://", key, url.drivername, url.drivername, driver)
    return url.set(drivername=f"{url.drivername}+{driver}")


def _located(url: URL, place: Callable[[str], Path]) -> URL:
    path = file_of(url)
    if path is None:
        return url
    file = str(place(str(path)))
    as_uri = str(url.database).startswith("file:") or url.query.keys() & _URI_PARAMETERS
    if url.get_backend_name() != "sqlite" or not as_uri:
        return url.set(database=file)
    return url.set(database=f"file:{quote(file)}").update_query_dict({"uri": "true"})
