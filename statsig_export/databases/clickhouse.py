"""ClickHouse: what an error means, by the number that the server gives it. Its text may quote rows. Pure."""

import re
from typing import Final

from statsig_export.databases.cause import AGAIN, CHECK, NETWORK, Advice, Cause, Phrases, phrased

_CODE: Final = re.compile(r"\bcode:? (\d{1,4})\b", re.IGNORECASE)
_NAMES: Final = {
    36: "BAD_ARGUMENTS",
    47: "UNKNOWN_IDENTIFIER",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    115: "UNKNOWN_SETTING",
    159: "TIMEOUT_EXCEEDED",
    164: "READONLY",
    192: "UNKNOWN_USER",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    241: "MEMORY_LIMIT_EXCEEDED",
    394: "QUERY_WAS_CANCELLED",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    452: "SETTING_CONSTRAINT_VIOLATION",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}
_PHRASES: Final[Phrases] = (
    ("is readonly", "code 164", "READONLY"),
    ("NameResolutionError", "EAI_NONAME", "the host's name does not resolve"),
    ("Connection refused", "ECONNREFUSED", "connection refused"),
    ("timed out", "ETIMEDOUT", "no answer in time"),
    ("CERTIFICATE_VERIFY_FAILED", "TLS", "the server's certificate is not by a known authority"),
    ("SSL", "TLS", "TLS"),
    ("RemoteDisconnected", "ECONNRESET", "the server closed the connection"),
)
"""What the client says of a server that it did not reach."""

ADVICE: Final[Advice] = (
    ("code 516", f"{CHECK}: its user and password"),
    ("code 192", f"{CHECK}: its user and password"),
    ("code 81", f"{CHECK}: the server has no such database"),
    ("code 497", "grant this user SELECT on the table"),
    ("code 164", "let this user change settings of its own statements: readonly = 2, not 1 (docs/databases.md)"),
    ("code 452", "a constraint keeps this user from a setting of the export: docs/databases.md names them"),
    ("code 115", "[source.connect] settings names one that this server does not know, or the server is too old"),
    (
        "code 241",
        "make windows shorter, raise max_memory_usage, or [source.connect] settings = {{ final = 0 }}",
    ),
    ("code 159", "raise max_execution_time for this user, or make windows shorter"),
    ("code 202", f"the server is busy; {AGAIN}"),
    ("code 394", f"somebody ended the statement; {AGAIN}"),
    ("code 395", "a view that is read raises it: mend the view, or the row"),
    ("code 60", "the table or view reads what is gone: mend the view, or the name in export.toml"),
    ("code 47", "the table or view reads what is gone: mend the view, or the name in export.toml"),
    *NETWORK,
)


def cause_of(origin: BaseException) -> Cause:
    """The number stands behind a word: alone it would be taken for the beginning of another database's code."""
    said, name = str(origin), type(origin).__name__
    code = getattr(origin, "code", None)
    if code is None and (match := _CODE.search(said)):
        code = int(match[1])
    if code is not None:
        return Cause(f"code {code}", _NAMES.get(int(code), name))
    return phrased(said, _PHRASES) or Cause("", name)
