"""Snowflake, BigQuery, Trino, Athena and Databricks: what an error of their clients means. Pure.

Their messages quote statements and values, so only numbers and classes are taken from them.
"""

import re
from typing import Final

from statsig_export.databases.cause import AGAIN, CHECK, NETWORK, Advice, Cause

_SNOWFLAKE_NAMES: Final = {
    7: "not enough to sign in with",
    14: "no answer in time",
    250001: "no connection, or a key that its passphrase does not open",
    250003: "no connection",
    250006: "no connection",
    251001: "no account",
    251005: "no user",
    251006: "no password",
    251007: "a value that cannot be used",
    390100: "wrong user or password",
    390101: "invalid account",
    390144: "the key pair's token is not accepted",
    390189: "no such role",
    390201: "no such object",
    390303: "the OAuth token is not accepted",
    390318: "the OAuth token has expired",
    390422: "this address is not let in by a network policy",
    394400: "this way to sign in is switched off",
    394507: "a second factor is needed",
    604: "the statement was cancelled",
    2003: "no such object, or no right to it",
    3001: "insufficient privileges",
    606: "no active warehouse",
}

_HOW: Final = (
    f"{CHECK} and [source.connect]: they must say how to sign in, or name a connection_name that is in connections.toml"
    " (docs/how-to/databases/snowflake.md)"
)
SNOWFLAKE: Final[Advice] = (
    ("390144", f"{CHECK} and [source.connect]: its user has this public key (DESC USER), and the clock is right"),
    ("3903", "[source.connect] token: fetch a new one"),
    ("390422", "let this machine's address in by the network policy"),
    ("394", "sign in by key pair or OAuth in [source.connect]: docs/how-to/databases/snowflake.md"),
    ("390189", f"{CHECK}: its role"),
    ("390", f"{CHECK} and [source.connect]: the account, the user and what it signs in with"),
    ("7", _HOW),
    ("14", f"{CHECK}: its account's name, and whether this machine reaches it"),
    ("250001", f"{CHECK} and [source.connect]: the account's name, the network, the key and its passphrase"),
    ("251007", "[source.connect]: a file that is not there, or a value that Snowflake's driver does not know"),
    ("250", f"{CHECK}: its account's name, and whether this machine reaches it"),
    ("251", _HOW),
    ("606", "{url} must name a warehouse: ?warehouse=..."),
    ("604", "the statement was cancelled or reached STATEMENT_TIMEOUT_IN_SECONDS; run it again, or raise it"),
    ("2003", "grant the role USAGE on database and schema and SELECT on the table, or name another ?role="),
    ("3001", "grant the role USAGE on database and schema and SELECT on the table, or name another ?role="),
    *NETWORK,
)
BIGQUERY: Final[Advice] = (
    ("400", "a view or a partition filter keeps the statement from running: run it by hand to see which"),
    ("401", f"{CHECK} and [source.connect]: its credentials"),
    ("403", "grant BigQuery Job User on the project and BigQuery Data Viewer on the dataset"),
    ("404", f"{CHECK}: its project and dataset"),
    ("DefaultCredentialsError", "name credentials: GOOGLE_APPLICATION_CREDENTIALS, or ?credentials_path= in {url}"),
    ("RefreshError", "the credentials are no longer accepted: make new ones"),
    ("5", "Google's service failed; nothing is lost: run it again"),
    ("429", "the project's quota is used up; nothing is lost: run it again later"),
    *NETWORK,
)


_NAME: Final = re.compile(r"\s*\[?(?:[A-Za-z]+: )?\[?([A-Z][A-Z_]{3,}(?:\.[A-Z_]+)?)[\]:]")
"""How a message begins: `TABLE_NOT_FOUND: ...` of Athena's, `[TABLE_OR_VIEW_NOT_FOUND] ...` of Databricks'."""

_REFUSED: Final = 400

NAMED: Final[Advice] = (
    ("HTTP 401", f"{CHECK} and [source.connect]: the token, which may have expired"),
    ("HTTP 403", f"{CHECK} and [source.connect]: the token, and whether its owner may use this warehouse"),
    ("HTTP 404", f"{CHECK}: its http_path, and whether this warehouse is still there"),
    ("HTTP 429", f"the workspace is busy; {AGAIN}"),
    ("HTTP 5", f"the warehouse does not answer, or does not start; {AGAIN}"),
    ("NO_SUCH_CATALOG", f"{CHECK}: its catalog and schema"),
    ("NO_SUCH_SCHEMA", f"{CHECK}: its catalog and schema"),
    ("OPERATION_CANCEL", f"somebody ended the statement, or a limit of the warehouse did; {AGAIN}"),
    ("TABLE_", "the table or view reads what is gone: mend the view, or the name in export.toml"),
    ("COLUMN_", "the table or view reads what is gone: mend the view, or the name in export.toml"),
    ("UNRESOLVED_COLUMN", "the table or view reads what is gone: mend the view, or the name in export.toml"),
    ("SCHEMA_", f"{CHECK}: its catalog and schema"),
    ("CATALOG_", f"{CHECK}: its catalog and schema"),
    ("PERMISSION_DENIED", "grant this user SELECT on the table, and USAGE on its catalog and schema"),
    ("INSUFFICIENT_PERMISSIONS", "grant this user SELECT on the table, and USAGE on its catalog and schema"),
    ("AccessDenied", "let this role run queries, read the tables in Glue and their files, and write to s3_staging_dir"),
    ("CAST_INVALID_INPUT", "a value cannot be cast as a view does: mend the view, or the row"),
    ("INVALID_CAST_ARGUMENT", "a value cannot be cast as a view does: mend the view, or the row"),
    ("EXCEEDED_", "make windows shorter, or let the cluster have more memory or time"),
    *NETWORK,
)


def named_cause(origin: BaseException) -> Cause:
    """For clients whose servers name their errors: an attribute (Trino), a code of AWS's, or how a message begins."""
    kind = type(origin).__name__
    context = getattr(origin, "context", None)
    status = context.get("http-code") if isinstance(context, dict) else None
    if isinstance(status, int) and status >= _REFUSED:  # Databricks: an answer that is none of its protocol
        return Cause(f"HTTP {status}", kind)
    response = getattr(origin, "response", None) or getattr(origin.__cause__, "response", None)
    aws = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    name = getattr(origin, "error_name", None) or aws
    if not name and (match := _NAME.match(str(origin))):
        name = match[1]
    return Cause(str(name), "") if name else Cause("", kind)


def snowflake_cause(origin: BaseException) -> Cause:
    number = getattr(origin, "errno", None)
    if not isinstance(number, int) or number < 0:
        return Cause("", type(origin).__name__)
    return Cause(str(number), _SNOWFLAKE_NAMES.get(number, type(origin).__name__))


def bigquery_cause(origin: BaseException) -> Cause:
    status, name = getattr(origin, "code", None), type(origin).__name__
    return Cause(str(int(status)), name) if isinstance(status, int) else Cause(name, "")
