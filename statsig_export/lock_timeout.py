"""A bound on how long PostgreSQL lets a statement of ours wait for another's lock: without one it waits for ever."""

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

_UNLESS_BOUND = "SELECT set_config('lock_timeout', '{}ms', {}) WHERE current_setting('lock_timeout') = '0'"


def bound_lock_waits(engine: Engine, milliseconds: int) -> None:
    """Fail with SQLSTATE 55P03 after so long, on every connection for which nobody set a lock_timeout before."""

    def bound(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_UNLESS_BOUND.format(milliseconds, "false"))
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", bound)


def bound_lock_waits_in_transactions(engine: Engine, milliseconds: int) -> None:
    """The same for each transaction by itself: what is set for a session, a pooler would give to its next user."""

    def bound(connection: Connection) -> None:
        connection.exec_driver_sql(_UNLESS_BOUND.format(milliseconds, "true"))

    event.listen(engine, "begin", bound)
