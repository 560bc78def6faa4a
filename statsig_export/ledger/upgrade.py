"""Migrates the ledger of an older version with Alembic, in one transaction.

SQLite's DDL is part of the transaction that BEGIN IMMEDIATE opened; PostgreSQL's is also under an advisory lock. So a
migration that is killed leaves no trace, and the second of two processes finds it done.
"""

from threading import Lock
from typing import Final

from sqlalchemy import Connection, inspect

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.ledger.tables import alembic_version

_SCRIPTS: Final = "statsig_export.ledger:migrations"
_BEFORE_ALEMBIC: Final = "0001"
_ONE_AT_A_TIME: Final = Lock()
"""Alembic keeps the migration under way in module globals: two threads would mix theirs up."""


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the migrations that are missing until revision `to`, in the transaction that `connection` has open and with
    its locks taken.
    """
    from alembic import command  # noqa: PLC0415 - a tenth of every start, and only a ledger of an older version needs it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()  # no file, so that no logging is configured
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME:
        if not inspect(connection).has_table(alembic_version.name):
            command.stamp(config, _BEFORE_ALEMBIC)
        command.upgrade(config, to)
    reach(CrashPoint.MIGRATING)
