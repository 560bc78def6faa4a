"""MySQL and MariaDB: what an error means, by its number. Pure."""

from functools import cache
from importlib import import_module
from typing import Final

from statsig_export.databases.cause import AGAIN, CHECK, NETWORK, Advice, Cause, phrased, system_cause

_MARIADB: Final = {
    1969: "ER_STATEMENT_TIMEOUT",
    1970: "ER_SUBQUERIES_NOT_SUPPORTED",
    4151: "ER_ACCOUNT_HAS_BEEN_LOCKED",
}
"""Numbers of MariaDB's that drivers do not name."""
_PACKAGES: Final = (
    ("'cryptography' package", "2059", "the package cryptography is not installed"),
    ("'pynacl' package", "2059", "the package PyNaCl is not installed"),
)
"""What pymysql needs for a user's way to sign in: a RuntimeError, no error of the database."""

ADVICE: Final[Advice] = (
    ("1045", f"{CHECK}: its user and password; a user that needs TLS (REQUIRE SSL) is refused so without ssl_ca"),
    ("1820", "this user's password has expired: set a new one"),
    ("1862", "this user's password has expired: set a new one"),
    ("3118", "this user is locked: ALTER USER ... ACCOUNT UNLOCK"),
    ("4151", "this user is locked: ALTER USER ... ACCOUNT UNLOCK"),
    ("2026", f"{CHECK}: the server has no TLS, or its certificate is not by the authority that ssl_ca names"),
    ("1698", f"{CHECK}: its user, whom the server lets in by the system's account alone"),
    ("1044", f"{CHECK}: its database is not there, or this user has no right to it (GRANT SELECT ON ...)"),
    ("1049", f"{CHECK}: the server has no such database"),
    ("1046", f"{CHECK}: it names no database"),
    ("1130", "the server does not let this machine in: create the user for its address ('user'@'host')"),
    ("1129", "the server has blocked this machine after failed connections: FLUSH HOSTS there"),
    ("1040", "the server has no connection left: raise max_connections, or run fewer at once"),
    ("1203", "the server has no connection left for this user: raise max_user_connections"),
    ("1226", "this user has used up a limit of the server's: raise it, or wait"),
    ("1142", "grant this user SELECT on the table, and on what a view reads"),
    ("1143", "grant this user SELECT on the table's columns"),
    ("1227", "this user has not the right that a view or function needs"),
    ("1356", "the view reads what is gone, or its definer may not read: mend the view"),
    ("1146", "a table that is read is gone: mend the view, or look whether it was renamed"),
    ("1054", "a column that is read is gone: mend the table or the view"),
    ("1205", f"another session holds a lock on the table; {AGAIN}"),
    ("1213", f"another session was at the same rows; {AGAIN}"),
    ("1317", f"somebody ended the statement (KILL); {AGAIN}"),
    ("1927", f"somebody ended the connection (KILL); {AGAIN}"),
    ("1053", f"the server went down; {AGAIN}"),
    ("1298", "the server knows no such time zone: load its tables of them (mariadb-tzinfo-to-sql), or write an offset"),
    ("1969", "the server's max_statement_time ended it: raise it for this user, or index the window column"),
    ("3024", "the server's max_execution_time ended it: raise it for this user, or index the window column"),
    ("1104", "the server's max_join_size ends it: raise it, or set sql_big_selects for this user"),
    ("1292", "a value cannot be cast as a view does: mend the view, or the row"),
    ("1366", "a value cannot be cast as a view does: mend the view, or the row"),
    ("1021", "free space on the server's disk"),
    ("3159", f"{CHECK}: the server wants TLS; give [source.connect] ssl_ca"),
    ("2059", "install it: pip install 'pymysql[rsa,ed25519]'"),
    ("2006", f"the connection was lost; {AGAIN}"),
    ("2013", f"the connection was lost; {AGAIN}"),
    ("2055", f"the connection was lost; {AGAIN}"),
    ("ENOENT", f"{CHECK}: its unix_socket, and the files for TLS that it or [source.connect] names"),
    *NETWORK,
)


def cause_of(origin: BaseException) -> Cause:
    """The cause of a driver's error; for a connection that failed, the system's."""
    if isinstance(origin, RuntimeError):
        return phrased(str(origin), _PACKAGES) or Cause("", type(origin).__name__)
    number = next((part for part in origin.args[:1] if isinstance(part, int)), getattr(origin, "errno", None))
    below = getattr(origin, "original_exception", None)
    if isinstance(below, OSError):
        inner = system_cause(below)
        return Cause(inner.code, f"{inner.name}, MySQL {number}")
    if not number:
        return Cause("", type(origin).__name__)
    return Cause(str(number), _names(type(origin).__module__.partition(".")[0]).get(number) or type(origin).__name__)


@cache
def _names(driver: str) -> dict[int, str]:
    """The names that a driver has for numbers."""
    names = dict(_MARIADB)
    for module, prefix in (("ER", "ER_"), ("CR", "")):
        try:
            constants = vars(import_module(f"{driver}.constants.{module}"))
        except ImportError:
            continue
        names |= {number: f"{prefix}{name}" for name, number in constants.items() if isinstance(number, int)}
    return names
