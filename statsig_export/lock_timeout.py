"""A lock timeout for our statements on PostgreSQL: without one they wait forever for another's lock."""

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

_UNLESS_BOUND = "SELECT set_config('lock_timeout', '{}ms', {}) WHERE current_setting('lock_timeout') = '0'"


def bound_lock_waits(engine: Engine, milliseconds: int) -> None:
    """Fail with SQLSTATE 55P03 after that time, on every connection without a lock_timeout of its own."""

    def bound(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_UNLESS_BOUND.format(milliseconds, "false"))
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", bound)


def bound_lock_waits_in_transactions(engine: Engine, milliseconds: int) -> None:
    """The same per transaction: a pooler would pass a setting of the session on to the next client."""

    def bound(connection: Connection) -> None:
        connection.exec_driver_sql(_UNLESS_BOUND.format(milliseconds, "true"))

    event.listen(engine, "begin", bound)
