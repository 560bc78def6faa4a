"""What an error of the ledger's database means, and what to do about it.

A message holds the SQLSTATE and its name (SQLite: the name of its code), the host and port or the file, and nothing
else: no password, no parameter, no statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from statsig_export.databases.cause import AGAIN, CHECK, Advice, Cause
from statsig_export.databases.causes import advice_on, cause_of, place_of
from statsig_export.databases.poolers import refused_by_pooler
from statsig_export.errors import LedgerError, StalePlanError, StatsigExportError

_URL: Final = "[ledger] url"
_WITH_POSTGRESQL: Final[Advice] = (
    ("25006", f"{CHECK}: this server is a read-only replica, or lets this user only read; name the primary"),
    ("42501", f"grant the user of {_URL} its tables, and for a new ledger CREATE on the schema"),
    ("42P01", f"{CHECK}: another schema, or another version of statsig-export, made this ledger"),
    ("55P03", f"another process has the ledger locked; {AGAIN}"),
    ("40", f"another process was at the same rows; {AGAIN}"),
    ("57014", f"the server cancelled a statement; {AGAIN}"),
)
_DISK: Final = "its disk failed, or is a network share: a SQLite ledger belongs on a local disk"
_LIMITED: Final = "a file may not grow so large (`ulimit -f`)"
_WITH_SQLITE: Final[Advice] = (
    ("SQLITE_BUSY", f"another process has been writing to it; {AGAIN}"),
    ("SQLITE_LOCKED", f"another process has been writing to it; {AGAIN}"),
    ("SQLITE_FULL", "free space on its disk"),
    ("SQLITE_IOERR_SHM", "free space on its disk: SQLite keeps a file beside it that it could not make or enlarge"),
    ("SQLITE_READONLY", "let this user write to the ledger's file and its folder, where SQLite keeps files beside it"),
    ("SQLITE_PERM", "let this user write to the ledger's file and its folder"),
    ("SQLITE_CANTOPEN", f"{CHECK}: it names a file, which this user may write to, as well as its folder"),
    ("SQLITE_NOTADB", f"{CHECK}: the file there is no SQLite database, or is damaged; put back a copy"),
    ("SQLITE_CORRUPT", f"the file is damaged: put back a copy, or {CHECK}"),
    ("SQLITE_IOERR_WRITE", f"{_LIMITED}, {_DISK}"),
    ("SQLITE_IOERR", _DISK),
    ("SQLITE_PROTOCOL", "a SQLite ledger belongs on a local disk, not on a network share"),
    ("EACCES", "let this user enter the ledger's folder, and write to it unless it only reads"),
    ("EPERM", "let this user write to the ledger's folder"),
    ("EROFS", "let this user write to the ledger's folder"),
    ("ENOSPC", "free space on its disk"),
    ("EMFILE", "raise the limit of open files (ulimit -n)"),
    ("ENFILE", "raise the system's limit of open files"),
    ("E", CHECK),
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
    cause, place = cause_of(error), place_of(url)
    refused = refused_by_pooler(cause, place, "ledger.url")
    return refused or LedgerError(f"the ledger at {place} cannot be used ({cause})", hint=_hint(cause, url))


def _hint(cause: Cause, url: URL) -> str:
    if cause.name == "query_wait_timeout":
        return "the pooler has no server connection left: raise its pool size (a run takes [webhook] concurrency + 2)"
    return advice_on(cause, url, _URL, _WITH_SQLITE if url.get_backend_name() == "sqlite" else _WITH_POSTGRESQL)
