"""The errors of a source's database, as SourceError: which it is, where the database is, and what to do.

A message holds a code and its name, host and port or the file. The driver's text may quote rows, a statement or the
URL, and is not in it.
"""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import URL

from statsig_export.database_urls import file_of
from statsig_export.databases.cause import AGAIN, CHECK, Advice, Cause
from statsig_export.databases.causes import advice_on, cause_of, place_of
from statsig_export.databases.poolers import refused_by_pooler
from statsig_export.errors import ConfigError, SourceError, StatsigExportError
from statsig_export.source.backends.backend import Arguments

_OF_A_VALUE: Final = "22"
"""So begin the SQLSTATEs of what the value of some row makes: it is no JSON, or cannot be cast."""
_CAST: Final = "a value cannot be cast as a view or a generated column does: mend the view, or the row"
_GONE: Final = "the table or view reads what is gone: mend the view, or the name in export.toml"
_SLOW: Final = 'raise it for this user, index the window column, or make windows shorter ([windows] every = "hour")'
_UNLOCKED: Final = "or if nobody writes to it, end {url} in ?immutable=1"
_OWN: Final[Advice] = (
    ("25006", "a view or function that is read writes, and an export only reads: mend the view"),
    ("42501", "grant this user SELECT on the table (or on all columns that are read), and USAGE on its schema"),
    ("42P01", _GONE),
    ("42703", _GONE),
    ("42883", _GONE),
    (_OF_A_VALUE, _CAST),
    ("P0001", "a function that a view calls raises it: mend the view, or the row"),
    ("40001", "the server, a replica, ended the read for its replication: set hot_standby_feedback, or run it again"),
    ("40", f"another session was at the same rows; {AGAIN}"),
    ("55P03", f"another session holds a lock on the table; {AGAIN}"),
    ("57014", f"its statement_timeout or somebody ended the statement: {_SLOW}"),
    ("57P05", f"the server ends sessions that wait; {AGAIN}"),
    ("53", "the server is out of memory, disk or connections: see its log"),
    ("SQLITE_BUSY", f"another process has been writing to it; {AGAIN}, or give [source.connect] timeout more seconds"),
    ("SQLITE_LOCKED", f"another process has been writing to it; {AGAIN}"),
    ("SQLITE_READONLY", f"let this user write beside the file, as SQLite has to, {_UNLOCKED}"),
    ("SQLITE_CANTOPEN", f"let this user read the file, and write beside it as SQLite has to, {_UNLOCKED}"),
    ("SQLITE_PERM", "let this user read the file"),
    ("SQLITE_NOTADB", f"{CHECK}: the file there is no SQLite database, or is encrypted or damaged"),
    ("SQLITE_CORRUPT", "the file is damaged: put back a copy"),
    ("SQLITE_IOERR", "its disk failed, or is a network share"),
    ("SQLITE_FULL", "free space on its disk, or in its temporary folder"),
    ("SQLITE_SCHEMA", f"somebody changed the tables meanwhile; {AGAIN}"),
    ("SQLITE_ERROR", _GONE),
)
_MAKING: Final[Advice] = (
    ("42501", "grant this user CREATE on the schema"),
    ("1142", "grant this user CREATE on the database"),
    ("SQLITE_READONLY", "let this user write to the file and its folder"),
    ("SQLITE_CANTOPEN", "let this user write to the file and its folder"),
)
_CONNECTING: Final[Advice] = (
    ("42501", "grant this user CONNECT on the database"),
    ("2013", f"{CHECK}: its host and port; what answers there is no MySQL server, or takes no connection now"),
)
NOT_TAKEN: Final = (TypeError, ValueError, AttributeError, LookupError)
"""What drivers raise, beside errors of their own, for an argument that they do not take: Python's."""
_NOT_TAKEN: Final = re.compile(
    r"invalid connection option|invalid dsn|options were not recognized|invalid \w+ value|bad value for"
)
"""What drivers say on connecting of an argument that they do not know, or of its value."""
_TAKES: Final = (
    "what it takes are the arguments of its own connect() (docs/databases.md); take out those of other drivers"
)
_SCHEMA: Final = 'take it out, and name the schema by [source.<table>] schema = "..."'
_READING: Final = "mend the database or the access to it"


@dataclass(frozen=True, slots=True)
class Named:
    """What messages call a database, and where export.toml names it."""

    table: str
    """The table of export.toml: its `url` and its `connect` are meant."""
    database: str
    after_a_read: str
    """What to do after a read that failed."""

    @property
    def url(self) -> str:
        return f"{self.table}.url"


SOURCE: Final = Named("source", "the source database", "Nothing of the window was planned: run the window again")


class SourceErrors:
    """Makes the errors of one database. They are raised `from None`."""

    def __init__(self, url: URL, arguments: Arguments, named: Named = SOURCE) -> None:
        self._url = url
        self._arguments = arguments
        self._named = named
        self._place = place_of(url, arguments)
        self._database = f"{named.database} ({url.get_backend_name()})"

    def unreachable(self, error: Exception) -> StatsigExportError:
        """For a connection that failed."""
        not_taken = isinstance(error, NOT_TAKEN) or _NOT_TAKEN.search(str(error))
        if not_taken and (self._arguments or self._url.query):
            return self._refused(error)
        reached = "reached" if file_of(self._url) is None else "opened"
        own = (*_CONNECTING, *_OWN)
        return self._made(error, f"{self._database} cannot be {reached}", CHECK.format(url=self._named.url), own)

    def _refused(self, error: Exception) -> ConfigError:
        """For arguments that the driver does not take: those that it names, else all that it was given."""
        connect = f"{self._named.table}.connect"
        given = {**dict.fromkeys(self._url.query, self._named.url), **dict.fromkeys(self._arguments, connect)}
        words = set(re.findall(r"\w+", str(error)))
        wrong = sorted(name for name in given if name in words) or sorted(given)
        keys = " and ".join(sorted({given[name] for name in wrong}))
        which = wrong[0] if len(wrong) == 1 else f"one of these: {', '.join(wrong)}"
        return ConfigError(
            f"{keys}: the driver does not take {which}, or not with this value ({type(error).__name__})",
            hint=_SCHEMA if wrong in (["schema"], ["currentSchema"]) else _TAKES,
        )

    def unlisted(self, error: Exception, table: str | None) -> StatsigExportError:
        """For a look at the catalog that failed, or at one of its tables."""
        otherwise = "check that this user may read its tables, or name a --layout: then no table is read"
        return self._made(error, f"{table or self._database} cannot be looked at", otherwise)

    def unmade(self, error: Exception) -> StatsigExportError:
        """For tables that could not be created."""
        return self._made(error, "the tables could not be created", "let this user create tables", _MAKING)

    def unread(self, table: str, error: Exception) -> StatsigExportError:
        """For a read that failed: nothing of the window was planned."""
        made = self._made(error, f"reading table {table} failed", _READING)
        if isinstance(made, ConfigError) or AGAIN in made.hint.lower():
            return made
        return SourceError(made.message, hint=f"{made.hint}. {self._named.after_a_read}")

    def of_a_value(self, error: Exception) -> bool:
        """Whether the value of some row has ended a read."""
        return cause_of(error).code.startswith(_OF_A_VALUE)

    def _made(self, error: Exception, what: str, otherwise: str, own: Advice = _OWN) -> StatsigExportError:
        cause = cause_of(error)
        refused = refused_by_pooler(cause, self._place, self._named.url)
        return refused or SourceError(f"{what}: {cause}, at {self._place}", hint=self._hint(cause, otherwise, own))

    def _hint(self, cause: Cause, otherwise: str, own: Advice) -> str:
        if cause.name == "query_wait_timeout":
            return "the pooler has no server connection left: raise its pool size, or run fewer at once"
        hint = advice_on(cause, self._url, self._named.url, own)
        return otherwise if hint == CHECK.format(url=self._named.url) else hint
