"""SQLite: what an error means, by the name of its code. Pure."""

from typing import Final

from statsig_export.databases.cause import Cause

_OWN_WORDS: Final = (
    *(
        "database is locked",
        "database table is locked",
        "database schema is locked",
        "database disk image is malformed",
    ),
    *("disk I/O error", "database or disk is full", "unable to open database file", "file is not a database"),
    *("attempt to write a readonly database", "access permission denied", "locking protocol", "out of memory"),
    *(
        "no such table: ",
        "no such column: ",
        "no such function: ",
        "no such module: ",
        "no such collation",
        "interrupted",
    ),
    *("malformed JSON", "integer overflow", "no such access mode", "no such vfs", "string or blob too big"),
    *("too many", "unsupported file format", "malformed database schema", "database schema has changed"),
)
"""Beginnings of messages that hold names at most. Others may quote a row, as a JSON path from a column does."""


def cause_of(origin: BaseException) -> Cause:
    name, said = type(origin).__name__, str(origin)
    code = str(getattr(origin, "sqlite_errorname", ""))
    if said.startswith("Could not decode to UTF-8"):
        return Cause(code, "text that is not UTF-8")
    return Cause(code or name, said if said.startswith(_OWN_WORDS) else (name if code else ""))
