"""A bound on how long PostgreSQL lets a statement of ours wait for another's lock: without one it waits for ever."""

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

_UNLESS_BOUND = "SELECT set_config('lock_timeout', '{}ms', false) WHERE current_setting('lock_timeout') = '0'"


def bound_lock_waits(engine: Engine, milliseconds: int) -> None:
    """Fail with SQLSTATE 55P03 after so long, on every connection for which nobody set a lock_timeout before."""

    def bound(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(_UNLESS_BOUND.format(milliseconds))
        cursor.close()
        connection.commit()

    event.listen(engine, "connect", bound)
