"""MySQL and MariaDB: what differs there."""

from typing import Any, Final

_PYMYSQL: Final = "pymysql"


# A session of ours: UTC for TIMESTAMP columns, no writing, and a bound on waiting for a table that is being altered.
_MYSQL_SESSION: Final = (
    "SET SESSION time_zone = '+00:00', lock_wait_timeout = {seconds}",
    "SET SESSION TRANSACTION READ ONLY",
)


def _abandon(cursor: Any) -> None:  # noqa: ANN401 - pymysql's
    """Let a result go that was not read to its end, and whose connection is closed next.

    MySQL has no way to call a result off, so pymysql would read the rest of it, row by row, when the cursor is closed
    and again when the result is collected, over a connection that may be gone.
    """
    result = getattr(cursor, "_result", None)
    if result is not None:
        result.unbuffered_active = False
