"""What our statements need of a PostgreSQL session, set for each transaction alone.

A pooler that assigns a session per transaction (PgBouncer, Supavisor, Neon, RDS Proxy) gives the session to somebody
else afterwards: what is set for the session stays there. It may also refuse or ignore the startup parameter `options`.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from statsig_export.errors import ConfigError

_LOCK_TIMEOUT: Final = (
    "CASE current_setting('lock_timeout') WHEN '0' THEN '{}ms' ELSE current_setting('lock_timeout') END"
)
NOT_PREPARED: Final = {"prepare_threshold": None}
"""For psycopg: a statement that is prepared on the server is not there in the next transaction's session."""


def settings_of_a_transaction(lock_wait_ms: int, expressions: Mapping[str, str] | None = None, **settings: str) -> str:
    """A statement that makes these settings until the transaction ends; `expressions` are SQL in place of a value.

    The wait for another's lock is bounded (SQLSTATE 55P03), unless the user, the database or the URL has a
    lock_timeout: without one it lasts forever.
    """
    values = {"lock_timeout": _LOCK_TIMEOUT.format(lock_wait_ms), **(expressions or {})}
    values |= {name: f"'{value}'" for name, value in settings.items()}
    return "SELECT " + ", ".join(f"set_config('{name}', {value}, true)" for name, value in values.items())


def set_in_transactions(engine: Engine, statement: str) -> None:
    """Run the statement at the beginning of each transaction."""

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    event.listen(engine, "begin", begin)


def check_search_path(engine: Engine, key: str, arguments: Mapping[str, object] | None = None) -> None:
    """Raise ConfigError, on connecting, where `options` asks for a search_path that does not hold.

    A pooler can be told to ignore `options`: tables would be looked for, and a ledger made, in another schema.
    `key` is the configuration's, for the message; `arguments` are those of the driver beside the URL's.
    """
    wanted = re.search(r"search_path=(\S+)", _options(engine.url, arguments or {}))
    if wanted is not None:
        event.listen(engine, "connect", partial(_check_search_path, key, wanted[1]))


def _options(url: URL, arguments: Mapping[str, object]) -> str:
    options = arguments.get("options", url.query.get("options", ""))
    return options if isinstance(options, str) else " ".join(map(str, options if isinstance(options, tuple) else ()))


def _check_search_path(key: str, wanted: str, connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('search_path')")
    ((found,),) = cursor.fetchall()
    cursor.close()
    connection.rollback()
    if _bare(found) != _bare(wanted):
        raise ConfigError(
            f"{key}: a pooler ignores its `options`, so that its search_path does not hold",
            hint="set it for the user (ALTER ROLE ... SET search_path), or name the server itself",
        )


def _bare(search_path: str) -> str:
    return re.sub(r"[\s\\\"']", "", search_path)
