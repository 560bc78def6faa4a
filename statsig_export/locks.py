"""One shipper per (destination, partition), or one that prunes it, by locks that the kernel or the database owns.

Such a lock ends with its process, however that ends: no lease to wait for, no clock to trust, and a stopped process
(SIGSTOP) keeps what is its own. The loser does not wait: it leaves the partition to the winner.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Protocol

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.errors import LedgerError


class PartitionLocks(Protocol):
    """The locks of one run."""

    def acquire(self, name: str) -> bool:
        """Take the lock, or say at once that another has it."""

    def check(self) -> None:
        """Raise LedgerError unless every lock taken is still ours."""

    def close(self) -> None:
        """Let go of all of them."""


class FileLocks:
    """flock on one small file a partition, beside a SQLite ledger. For one machine, as SQLite itself is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[int] = []

    def acquire(self, name: str) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / _digest(name).hex(), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LedgerError(
                f"no lock file could be made ({type(error).__name__})", hint="check the ledger's folder"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held.append(handle)
        return True

    def check(self) -> None:
        """Nothing can take a flock away from a living process."""

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())


class AdvisoryLocks:
    """PostgreSQL's session-level advisory locks, all on one connection that lives as long as the run."""

    def __init__(self, engine: Engine) -> None:
        self._guard = Lock()
        try:
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            # The server notices a client that vanished even while it runs a statement for it.
            self._connection.execute(text("SET client_connection_check_interval = '5s'"))
        except SQLAlchemyError as error:
            raise _lost(error) from None

    def acquire(self, name: str) -> bool:
        key = int.from_bytes(_digest(name)[:8], "big", signed=True)
        return bool(self._ask("SELECT pg_try_advisory_lock(:key)", key=key))

    def check(self) -> None:
        self._ask("SELECT 1")

    def close(self) -> None:
        """Let go of the locks, and end the session: the server notices its end only some time after."""
        with self._guard:
            with suppress(SQLAlchemyError):
                self._connection.execute(text("SELECT pg_advisory_unlock_all()"))
            self._connection.invalidate()
            self._connection.close()

    def _ask(self, statement: str, **parameters: int) -> object:
        with self._guard:
            try:
                return self._connection.execute(text(statement), parameters).scalar_one()
            except SQLAlchemyError as error:
                raise _lost(error) from None


def lock_name(partition: int) -> str:
    """The lock under which a partition (its id in the ledger) is shipped, and pruned."""
    return f"ship {partition}"


def open_locks(engine: Engine) -> PartitionLocks:
    """The locks that go with a ledger's database."""
    if engine.dialect.name == "postgresql":
        return AdvisoryLocks(engine)
    return FileLocks(Path(f"{engine.url.database}.locks"))


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def _lost(error: SQLAlchemyError) -> LedgerError:
    return LedgerError(
        f"the connection that holds the shipping locks is gone ({type(error).__name__})",
        hint="ship again: what was under way is sent again with the same ids",
    )
