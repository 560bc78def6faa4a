"""ClickHouse: what an error means, by the number that the server gives it. Its text may quote rows. Pure."""

import re
from typing import Final

from statsig_export.databases.cause import AGAIN, CHECK, NETWORK, Advice, Cause, Phrases, phrased

_CODE: Final = re.compile(r"\bcode:? (\d{1,4})\b", re.IGNORECASE)
_STATUS: Final = re.compile(r"\bHTTP status (\d{3})\b")
_NAMES: Final = {
    36: "BAD_ARGUMENTS",
    47: "UNKNOWN_IDENTIFIER",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    115: "UNKNOWN_SETTING",
    158: "TOO_MANY_ROWS",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    192: "UNKNOWN_USER",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    241: "MEMORY_LIMIT_EXCEEDED",
    243: "NOT_ENOUGH_SPACE",
    279: "ALL_CONNECTION_TRIES_FAILED",
    307: "TOO_MANY_BYTES",
    394: "QUERY_WAS_CANCELLED",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    396: "TOO_MANY_ROWS_OR_BYTES",
    452: "SETTING_CONSTRAINT_VIOLATION",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}
_OTHER: Final = "no ClickHouse"
_PHRASES: Final[Phrases] = (
    ("You must use port", "native port", "the server's port for other clients, not the one for HTTP"),
    ("Unexpected response to server version", _OTHER, "what answers is another server, or a proxy"),
    ("BadStatusLine", _OTHER, "what answers does not speak HTTP"),
    ("is readonly", "code 164", "READONLY"),
    ("NameResolutionError", "EAI_NONAME", "the host's name does not resolve"),
    ("Connection refused", "ECONNREFUSED", "connection refused"),
    ("timed out", "ETIMEDOUT", "no answer in time"),
    ("CERTIFICATE_VERIFY_FAILED", "TLS", "the server's certificate is not by a known authority"),
    ("SSL", "TLS", "TLS"),
    ("RemoteDisconnected", "ECONNRESET", "the server closed the connection"),
)
"""What the client says of a server that it did not reach."""

_PAGE: Final = "docs/how-to/databases/clickhouse.md"
_LIMIT: Final = "raise that limit for this user, or make windows shorter"
_SHARD: Final = f"a shard or replica of the table does not answer: see the server's log; {AGAIN}"
_PROXY: Final = f"{CHECK}: its host and port (8123, with TLS 8443), and which proxy HTTP_PROXY and NO_PROXY name"
ADVICE: Final[Advice] = (
    ("code 516", f"{CHECK}: its user and password"),
    ("code 192", f"{CHECK}: its user and password"),
    ("code 81", f"{CHECK}: the server has no such database"),
    ("code 497", "grant this user SELECT on the table"),
    (
        "code 164",
        f"let this user change settings of its own statements: readonly = 2, not 1 ({_PAGE})",
    ),
    (
        "code 452",
        f"a constraint keeps this user from a setting of the export: {_PAGE} names them",
    ),
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
    *dict.fromkeys(("code 158", "code 160", "code 307", "code 396"), _LIMIT).items(),
    ("code 201", f"the quota of this user is used up; {AGAIN}"),
    *dict.fromkeys(("code 209", "code 210", "code 279"), _SHARD).items(),
    ("code 243", "free space on the server's disk, where it keeps results until they are complete"),
    ("native port", f"{CHECK}: the port for HTTP is 8123, with TLS 8443, not 9000 or 9440"),
    *dict.fromkeys(
        ("HTTP 429", "HTTP 502", "HTTP 503", "HTTP 504"), f"a proxy before the server is busy; {AGAIN}"
    ).items(),
    ("HTTP", _PROXY),
    (_OTHER, _PROXY),
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
    if cause := phrased(said, _PHRASES):
        return cause
    status = _STATUS.search(said)
    return Cause(f"HTTP {status[1]}", "not ClickHouse's own answer") if status else Cause("", name)
