"""PostgreSQL, and what speaks its protocol (Redshift, PgBouncer): what an error means. Pure.

Where the driver gives an SQLSTATE, its name is the class of psycopg's exception, whichever driver met it.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from statsig_export.databases.cause import AGAIN, CHECK, NETWORK, Advice, Cause, Phrases, phrased

_ON_CONNECTING: Final[Phrases] = (
    ("query_wait_timeout", "08P01", "query_wait_timeout"),
    ("transaction timeout", "08P01", "the pooler's transaction timeout"),
    ("statement pooling", "08P01", "statement pooling"),
    ("unsupported startup parameter", "08P01", "unsupported startup parameter"),
    ("password authentication failed", "28P01", "InvalidPassword"),
    ("no password supplied", "28P01", "no password supplied"),
    ("SASL authentication failed", "28P01", "InvalidPassword"),
    ("no such user", "28000", "no such user"),
    ("no encryption", "28000", "no pg_hba.conf entry (for a connection without TLS)"),
    ("no pg_hba.conf entry", "28000", "no pg_hba.conf entry"),
    ("pg_hba.conf rejects", "28000", "pg_hba.conf rejects it"),
    ("is not permitted to log in", "28000", "the role may not log in"),
    ("permission denied for database", "42501", "no right to CONNECT"),
    ("is not currently accepting connections", "55000", "the database lets nobody in"),
    ("no such database", "3D000", "InvalidCatalogName"),
    ("too many clients", "53300", "TooManyConnections"),
    ("too many connections", "53300", "TooManyConnections"),
    ("connection slots are reserved", "53300", "TooManyConnections"),
    ("no more connections allowed", "53300", "TooManyConnections"),
    ("terminating connection due to administrator command", "57P01", "AdminShutdown"),
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
    ("SSL connection has been closed", "08006", "the server closed the connection"),
    ("SSL SYSCALL error", "08006", "the connection broke"),
    ("the connection is closed", "08003", "the connection is closed"),
    ("invalid port number", "08001", "no such port"),
    ("root certificate file", "08001", "TLS: the root certificate's file cannot be read"),
    ("certificate verify failed", "08001", "TLS: the server's certificate is not by the authority of sslrootcert"),
    ("does not match host name", "08001", "TLS: the server's certificate is another host's"),
    ("server does not support SSL", "08001", "TLS: the server has none"),
    ("SSL required", "08001", "TLS: the server wants it"),
    ("SSL", "08001", "TLS"),
    ("certificate", "08001", "TLS"),
)
"""What libpq, the server and PgBouncer say where the driver gives no SQLSTATE: it has none for a failed connection."""
_TIMEOUTS: Final = ("statement timeout", "lock timeout", "user request", "conflict with recovery")
"""Why the server cancelled a statement: the words of its own messages, which hold nothing else."""
_SQLSTATE: Final = re.compile(r"SQLSTATE:? ([0-9A-Z]{5})\b")
"""Where a driver says it in words only, as ADBC does of an error in the middle of a stream."""

ADVICE: Final[Advice] = (
    (
        "28000",
        f"{CHECK}: its user and password, or let it in from here (LOGIN, pg_hba.conf; by sslmode if that asks for TLS)",
    ),
    ("28", f"{CHECK}: its user and password, which may have expired (VALID UNTIL)"),
    ("55000", f"{CHECK}: its database (ALTER DATABASE ... ALLOW_CONNECTIONS)"),
    ("3D000", f"{CHECK}: the server has no such database"),
    ("3F000", f"{CHECK}: the schema on its search path is not there"),
    ("42P05", f"{CHECK}: a pooler mixes up sessions; name the server itself"),
    ("26000", f"{CHECK}: a pooler mixes up sessions; name the server itself"),
    ("53300", "the server has no connection left: raise max_connections, or run fewer at once"),
    ("53200", "the server is out of memory for locks: raise max_locks_per_transaction"),
    ("53100", "free space on the server's disk"),
    ("57P", f"the server went down or is starting; {AGAIN}"),
    ("08003", f"the connection was lost; {AGAIN}"),
    ("08006", f"the connection was lost; {AGAIN}"),
    ("25P03", "the server ends transactions that wait: raise idle_in_transaction_session_timeout for this user"),
    ("08", f"{CHECK}: its host, port and sslmode"),
    ("XX", "the server's own files or memory are damaged: see its log, restore a backup"),
    ("58", "see the server's log: its files or its disk failed"),
    ("ENOENT", f"{CHECK}: its host and port, and whether the server is up"),
    *NETWORK,
)


def cause_of(origin: BaseException) -> Cause:
    """The cause of a driver's error: psycopg's, psycopg2's, ADBC's or another's."""
    said = str(origin)
    code = getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None)
    if not code and (match := _SQLSTATE.search(said)):
        code = match[1]
    if code and code != "08P01":
        reason = next((f": {words}" for words in _TIMEOUTS if f"due to {words}" in said), "")
        return Cause(str(code), name_of(str(code), type(origin).__name__) + reason)
    if "FATAL" in said and "does not exist" in said:  # the only two that are said of a connection
        return Cause("3D000", "InvalidCatalogName") if 'database "' in said else Cause("28000", "no such role")
    return phrased(said, _ON_CONNECTING) or Cause(str(code or ""), type(origin).__name__)


def name_of(sqlstate: str, otherwise: str) -> str:
    """The name of an SQLSTATE as psycopg has it."""
    for driver in ("psycopg", "psycopg2"):
        if find_spec(driver) is not None:
            try:
                return str(import_module(f"{driver}.errors").lookup(sqlstate).__name__)
            except KeyError:
                break
    return otherwise
