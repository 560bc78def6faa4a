"""One process at a time ships or prunes a partition, by locks that the kernel or the database owns.

Such a lock ends with its process, however that ends: no lease, no clock, and a stopped process (SIGSTOP) keeps its
locks. Who does not get a lock does not wait, but leaves the partition to its holder.

A run takes its locks in groups and releases one group before it takes the next, since each lock is an open file, or an
entry in PostgreSQL's lock table, which all sessions of the server share.
"""

import errno
import fcntl
import hashlib
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.databases.causes import cause_of
from statsig_export.errors import LedgerError
from statsig_export.file_modes import OWN, close_to_others, of_folder, of_writers
from statsig_export.ledger.errors import ledger_errors
from statsig_export.ledger.lanes import Held, Lane, partition_of
from statsig_export.ledger.tables import meta

LOCKED_AT_ONCE: Final = 256
"""Partitions. PostgreSQL has room for some 6,400 locks (64 a connection), for everybody on the server."""
_SHARE_OF_OPEN_FILES: Final = 4
"""Locks take at most a quarter of the files that this process may open."""

T = TypeVar("T")


class PartitionLocks(Protocol):
    """The locks of one run."""

    def acquire(self, name: str) -> bool:
        """Take the lock; False at once if another process has it."""

    def check(self) -> None:
        """Raise LedgerError unless every lock taken is still ours."""

    def release(self) -> None:
        """Release all of them, to take others."""

    def close(self) -> None:
        """Release all of them, for good."""


class FileLocks:
    """flock on one small file per partition, beside a SQLite ledger. For one machine, like SQLite itself.

    The file exists while the lock is held; one that a killed process left is reused and removed. Only who may write to
    the ledger can open it: whoever can read a file can lock it, and so keep everybody from shipping.
    """

    def __init__(self, folder: Path, ledger_id: str, mode: int = OWN) -> None:
        """`mode`: the rights of the lock files."""
        self._folder = folder
        self._mode = mode
        self._ledger_id = ledger_id
        self._held: list[tuple[Path, int]] = []

    def acquire(self, name: str) -> bool:
        path = self._folder / _digest(self._ledger_id, name).hex()
        while True:
            handle = self._open(path)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return False
            if _is_at(handle, path):
                self._held.append((path, handle))
                return True
            os.close(handle)  # its holder removed it between our two steps: the name is another file now

    def check(self) -> None:
        """Nothing can take a flock away from a living process."""

    def release(self) -> None:
        while self._held:
            path, handle = self._held.pop()
            with suppress(OSError):  # a file that cannot be removed does no harm
                path.unlink()
            os.close(handle)

    def close(self) -> None:
        self.release()

    def _open(self, path: Path) -> int:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, self._mode)
        except OSError as error:
            few = error.errno in {errno.EMFILE, errno.ENFILE}
            raise LedgerError(
                f"no lock file could be made in {self._folder} ({cause_of(error)})",
                hint="raise the limit of open files (ulimit -n)" if few else "check the ledger's folder and its disk",
            ) from error
        with suppress(OSError):  # another user made it, and has set its rights
            close_to_others(self._folder, of_folder(self._mode))  # who removes a lock file lets a second run send
            os.fchmod(handle, self._mode)  # the umask does not count, nor what an earlier version gave it
        return handle


class AdvisoryLocks:
    """PostgreSQL's advisory locks, all of a group in one transaction that stays open as long as they are held.

    A pooler may give a session to others, but not in the middle of a transaction. This one holds no snapshot and no
    row, so it keeps nothing from being vacuumed.
    """

    def __init__(self, engine: Engine, ledger_id: str) -> None:
        self._guard = Lock()
        self._url = engine.url
        self._ledger_id = ledger_id
        self._transaction = ""
        self._gone: LedgerError | None = None
        with ledger_errors(self._url):
            self._connection = engine.connect().execution_options(isolation_level="READ COMMITTED")

    def acquire(self, name: str) -> bool:
        key = int.from_bytes(_digest(self._ledger_id, name)[:8], "big", signed=True)
        with self._guard, ledger_errors(self._url):
            if not self._transaction:
                self._transaction = _begin(self._connection)
            return bool(self._connection.execute(_TRY, {"key": key}).scalar_one())

    def check(self) -> None:
        """The locks are ours as long as the transaction is the one that took them."""
        with self._guard:
            if self._gone is None and self._transaction:
                self._gone = self._look()
            if self._gone is not None:
                raise self._gone

    def _look(self) -> LedgerError | None:
        """Why the locks are no longer ours."""
        try:
            if _transaction_of(self._connection) == self._transaction:
                return None
        except SQLAlchemyError as error:
            return _lost(str(cause_of(error)))
        return _lost("the server, or a pooler before it, ended its transaction")

    def release(self) -> None:
        with self._guard:
            self._transaction = ""
            with suppress(SQLAlchemyError):  # a lost connection holds no lock
                self._connection.rollback()

    def close(self) -> None:
        self.release()
        with suppress(SQLAlchemyError):
            self._connection.close()


def lock_name(held: Held) -> str:
    """The lock under which a partition (its id in the ledger), or a lane of one, is shipped, and pruned."""
    lane = held.number if isinstance(held, Lane) else 0
    return f"ship {partition_of(held)} {lane}" if lane else f"ship {partition_of(held)}"


def acquire_all(locks: PartitionLocks, held: Sequence[Held]) -> bool:
    """Take all of these; False as soon as another process has one of them. What was taken until then stays taken."""
    return all(locks.acquire(lock_name(one)) for one in held)


def open_locks(engine: Engine) -> PartitionLocks:
    """The locks that go with a ledger's database, whichever of its names it was opened by."""
    with ledger_errors(engine.url), engine.connect().execution_options(ledger_reads=True) as connection:
        ledger_id = connection.execute(select(meta.c.value).where(meta.c.key == "ledger_id")).scalar_one()
    if engine.dialect.name == "postgresql":
        return AdvisoryLocks(engine, ledger_id)
    file = Path(os.path.realpath(str(engine.url.database)))
    return FileLocks(Path(f"{file}.locks"), ledger_id, of_writers(file))


def groups_to_lock(engine: Engine, partitions: Sequence[T]) -> Iterator[Sequence[T]]:
    """The partitions in groups whose locks may be held at once."""
    most = LOCKED_AT_ONCE
    if engine.dialect.name != "postgresql":
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if allowed != resource.RLIM_INFINITY:
            most = max(1, min(most, allowed // _SHARE_OF_OPEN_FILES))
    return (partitions[at : at + most] for at in range(0, len(partitions), most))


_TRY: Final = text("SELECT pg_try_advisory_xact_lock(:key)")
_TRANSACTION: Final = text("SELECT concat(pg_backend_pid(), ' ', now())")
"""`now()` is the time at which the transaction began."""
_SETTINGS: Final = text(
    "SELECT set_config(name, wanted.setting, true) FROM pg_settings JOIN (VALUES"
    " ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),"
    " ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')"
    ") AS wanted (name, setting) USING (name)"
)
"""For this transaction, of what the server knows: that it may wait, and that a machine that vanished is noticed."""


def _begin(connection: Connection) -> str:
    """Begin the transaction that holds the locks; what tells it from any other."""
    with suppress(SQLAlchemyError), connection.begin_nested():  # where it may not be set, `check` notices the end
        connection.execute(_SETTINGS).all()
    return _transaction_of(connection)


def _transaction_of(connection: Connection) -> str:
    return str(connection.execute(_TRANSACTION).scalar_one())


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is still the one that goes by this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _digest(ledger_id: str, name: str) -> bytes:
    return hashlib.sha256(f"{ledger_id} {name}".encode()).digest()[:16]


def _lost(why: str) -> LedgerError:
    return LedgerError(
        f"the connection that holds the shipping locks is gone ({why})",
        hint="ship again: what was under way is sent again with the same ids",
    )
