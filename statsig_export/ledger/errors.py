"""What an error of the ledger's database means: its cause by name, where the database is, and what to do about it.

A message holds the SQLSTATE and its name (SQLite: the name of its code), the host and port or the file, and nothing
else: no password, no parameter, no statement.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from statsig_export.errors import ConfigError, LedgerError, StalePlanError, StatsigExportError

_DEFAULT_PORT: Final = 5432


@dataclass(frozen=True, slots=True)
class _Cause:
    """What went wrong, in the database's own words."""

    code: str
    """An SQLSTATE, or the name of SQLite's or the system's code; "" where there is none."""
    name: str

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


_ON_CONNECTING: Final = (
    ("query_wait_timeout", "08P01", "query_wait_timeout"),
    ("transaction timeout", "08P01", "the pooler's transaction timeout"),
    ("statement pooling", "08P01", "statement pooling"),
    ("unsupported startup parameter", "08P01", "unsupported startup parameter"),
    ("password authentication failed", "28P01", "InvalidPassword"),
    ("no password supplied", "28P01", "no password supplied"),
    ("SASL authentication failed", "28P01", "InvalidPassword"),
    ("no such user", "28000", "no such user"),
    ("no pg_hba.conf entry", "28000", "no pg_hba.conf entry"),
    ("no such database", "3D000", "InvalidCatalogName"),
    ("too many clients", "53300", "TooManyConnections"),
    ("too many connections", "53300", "TooManyConnections"),
    ("connection slots are reserved", "53300", "TooManyConnections"),
    ("no more connections allowed", "53300", "TooManyConnections"),
    ("the database system is", "57P03", "CannotConnectNow"),
    ("Connection refused", "ECONNREFUSED", "connection refused"),
    ("failed to resolve host", "EAI_NONAME", "the host's name does not resolve"),
    ("could not translate host name", "EAI_NONAME", "the host's name does not resolve"),
    ("timeout expired", "ETIMEDOUT", "no answer in time"),
    ("timed out", "ETIMEDOUT", "no answer in time"),
    ("No such file or directory", "ENOENT", "no server listens at this socket"),
    ("No route to host", "EHOSTUNREACH", "no route to the host"),
    ("Network is unreachable", "ENETUNREACH", "the network is unreachable"),
    ("server closed the connection", "08006", "the server closed the connection"),
    ("consuming input failed", "08006", "the connection broke"),
    ("the connection is closed", "08003", "the connection is closed"),
    ("SSL", "08001", "TLS"),
    ("certificate", "08001", "TLS"),
)
"""What libpq, the server and PgBouncer say where the driver gives no SQLSTATE: it has none for a failed connection."""

_CHECK = "check [ledger] url"
_AGAIN = "nothing is lost: run it again"
_WITH_POSTGRESQL: Final = (
    ("28", f"{_CHECK}: its user and password"),
    ("3D000", f"{_CHECK}: the server has no such database"),
    ("3F000", f"{_CHECK}: the schema on its search path is not there"),
    ("25006", f"{_CHECK}: this server is a read-only replica, or lets this user only read; name the primary"),
    ("42501", "grant the user of [ledger] url its tables, and for a new ledger CREATE on the schema"),
    ("42P01", f"{_CHECK}: another schema, or another version of statsig-export, made this ledger"),
    ("42P05", f"{_CHECK}: a pooler mixes up sessions; name the server itself"),
    ("26000", f"{_CHECK}: a pooler mixes up sessions; name the server itself"),
    ("53300", "the server has no connection left: raise max_connections, or run fewer at once"),
    ("53200", "the server is out of memory for locks: raise max_locks_per_transaction"),
    ("53100", "free space on the server's disk"),
    ("55P03", f"another process has the ledger locked; {_AGAIN}"),
    ("40", f"another process was at the same rows; {_AGAIN}"),
    ("57014", f"the server cancelled a statement; {_AGAIN}"),
    ("57", f"the server went down or is starting; {_AGAIN}"),
    ("08003", f"the connection was lost; {_AGAIN}"),
    ("08006", f"the connection was lost; {_AGAIN}"),
    ("25P03", f"the server ends transactions that wait; {_AGAIN}"),
    ("E", f"{_CHECK}: its host and port, and whether the server is up"),
    ("08", f"{_CHECK}: its host, port and sslmode"),
    ("XX", "the server's own files or memory are damaged: see its log, restore a backup"),
    ("58", "see the server's log: its files or its disk failed"),
)
_WITH_SQLITE: Final = (
    ("SQLITE_BUSY", f"another process has been writing to it; {_AGAIN}"),
    ("SQLITE_LOCKED", f"another process has been writing to it; {_AGAIN}"),
    ("SQLITE_FULL", "free space on its disk"),
    ("SQLITE_IOERR_SHM", "free space on its disk: SQLite keeps a file beside it that it could not make or enlarge"),
    ("SQLITE_READONLY", "let this user write to the ledger's file and its folder, where SQLite keeps files beside it"),
    ("SQLITE_PERM", "let this user write to the ledger's file and its folder"),
    ("SQLITE_CANTOPEN", f"{_CHECK}: it names a file, which this user may write to, as well as its folder"),
    ("SQLITE_NOTADB", f"{_CHECK}: the file there is no SQLite database, or is damaged; put back a copy"),
    ("SQLITE_CORRUPT", f"the file is damaged: put back a copy, or {_CHECK}"),
    ("SQLITE_IOERR", "its disk failed, or is a network share: a SQLite ledger belongs on a local disk"),
    ("SQLITE_PROTOCOL", "a SQLite ledger belongs on a local disk, not on a network share"),
    ("EACCES", "let this user write to the ledger's folder"),
    ("EPERM", "let this user write to the ledger's folder"),
    ("EROFS", "let this user write to the ledger's folder"),
    ("ENOSPC", "free space on its disk"),
    ("EMFILE", "raise the limit of open files (ulimit -n)"),
    ("ENFILE", "raise the system's limit of open files"),
)


@contextmanager
def ledger_errors(url: URL) -> Iterator[None]:
    """Errors of the ledger's database leave as a StatsigExportError that names the cause and what to do."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise ledger_error(error, url) from error


def ledger_error(error: SQLAlchemyError | OSError, url: URL) -> StatsigExportError:
    """What is raised instead: a ConfigError where the configuration is at fault, else a LedgerError."""
    if isinstance(error, IntegrityError):
        return StalePlanError("another run wrote the same partition at the same time", hint="export it again")
    cause = cause_of(error)
    if cause.name == "statement pooling":
        return ConfigError(
            f"ledger.url: the pooler at {_place(url)} gives every statement another connection (pool_mode ="
            " statement), and a ledger needs transactions",
            hint="name the server itself, or a pooler with pool_mode = transaction or session",
        )
    if cause.name == "unsupported startup parameter":
        return ConfigError(
            f"ledger.url: the pooler at {_place(url)} takes no `options`",
            hint="take them out of the URL and set them for the user (ALTER ROLE ... SET), or name the server itself",
        )
    return LedgerError(f"the ledger at {_place(url)} cannot be used ({cause})", hint=_hint(cause, url))


def cause_of(error: SQLAlchemyError | OSError) -> _Cause:
    """The cause by its code and name."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, OSError):
        return _Cause(errno.errorcode.get(origin.errno or 0, ""), origin.strerror or type(origin).__name__)
    name = type(origin).__name__
    if type(origin).__module__ == "sqlite3":
        return _Cause(str(getattr(origin, "sqlite_errorname", name)), str(origin))
    said = str(origin)
    code = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    if code and code != "08P01":
        return _Cause(str(code), name)
    if "FATAL" in said and "does not exist" in said:  # the only two that are said of a connection
        return _Cause("3D000", "InvalidCatalogName") if 'database "' in said else _Cause("28000", "no such role")
    known = (_Cause(sqlstate, meaning) for text, sqlstate, meaning in _ON_CONNECTING if text in said)
    return next(known, _Cause(str(code or ""), name))


def _hint(cause: _Cause, url: URL) -> str:
    if cause.name == "query_wait_timeout":
        return "the pooler has no server connection left: raise its pool size (a run takes [webhook] concurrency + 2)"
    hints = _WITH_SQLITE if url.get_backend_name() == "sqlite" else _WITH_POSTGRESQL
    return next((hint for prefix, hint in hints if cause.code.startswith(prefix)), _CHECK)


def _place(url: URL) -> str:
    """The file, or host:port; a socket's folder where there is no host."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    host = url.host or url.query.get("host") or "localhost"
    return f"{host if isinstance(host, str) else ','.join(host)}:{url.port or url.query.get('port') or _DEFAULT_PORT}"
