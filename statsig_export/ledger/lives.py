"""Whether a run of an orchestrator lives: as long as it does, it holds a lock of the ledger under its id.

The kernel or the database owns the lock, as it does those of partitions: it ends with its process, however that ends
and wherever that was. Nobody has to see the process, or to trust a clock.
"""

from contextlib import closing, suppress
from threading import Event, Lock, Thread
from typing import Final, Self

from sqlalchemy.engine import URL

from statsig_export.errors import LedgerError, StatsigExportError
from statsig_export.ledger.database import LedgerDatabase, open_to_write
from statsig_export.ledger.locks import PartitionLocks, open_locks

LOOKED_AFTER_EVERY_S: Final = 15.0
"""How often a life sees to it that its lock is still its own: a database that was restarted has forgotten it. It also
keeps the connection from being ended as idle on the way."""
_LONGEST_END_S: Final = 2.0


class Life:
    """The lock of one run, until `end`; taken anew where the database lost it."""

    def __init__(self, url: URL, run: str, *, look_every_s: float = LOOKED_AFTER_EVERY_S) -> None:
        """Raises StatsigExportError where the ledger cannot be opened."""
        self._url, self._run, self._look_every_s = url, run, look_every_s
        self._guard = Lock()
        self._ended = Event()
        self._database: LedgerDatabase | None = None
        self._locks: PartitionLocks | None = None
        self.held = self._take()
        """False where another process holds it: that one is the run, then."""
        self._keeper = Thread(target=self._keep, name=f"life of {run}", daemon=True)
        if self.held:
            self._keeper.start()

    def end(self) -> None:
        self._ended.set()
        if self._keeper.is_alive():
            self._keeper.join(_LONGEST_END_S)  # it may be waiting for a database that is away
        self._drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _take(self) -> bool:
        with self._guard:
            self._database = open_to_write(self._url)  # the first run makes the ledger, and has a life in it
            try:
                self._locks = open_locks(self._database.engine)
                taken = self._locks.acquire(_name(self._run))
            except BaseException:  # close, then re-raise
                self._close()
                raise
            if not taken:
                self._close()
            return taken

    def _keep(self) -> None:
        while not self._ended.wait(self._look_every_s):
            try:
                if self._locks is not None:
                    self._locks.check()
                    continue
            except LedgerError:
                self._drop()
            with suppress(StatsigExportError):  # a database that is still away: the next look tries again
                self._take()
        self._drop()

    def _drop(self) -> None:
        with self._guard:
            self._close()

    def _close(self) -> None:
        if self._locks is not None:
            self._locks.close()
        if self._database is not None:
            self._database.close()
        self._locks = self._database = None


def is_alive(database: LedgerDatabase, run: str) -> bool:
    """Whether a process holds the lock of this run. Raises LedgerError."""
    with closing(open_locks(database.engine)) as locks:
        return not locks.acquire(_name(run))


def _name(run: str) -> str:
    return f"run {run}"
