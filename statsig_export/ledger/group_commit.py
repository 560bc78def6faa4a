"""Steps of several threads in one transaction: those that wait while another transaction is on its way to the disk.

On SQLite a transaction takes longer than what is written in it, and there is one at a time. So whoever has the turn
takes along the steps of all who wait for it. Nobody goes on before the transaction with its own step has ended.
PostgreSQL takes transactions side by side: there each step has its own.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy import Connection

from statsig_export.errors import LedgerError
from statsig_export.ledger.database import LedgerDatabase

T = TypeVar("T")
_Waiting: TypeAlias = tuple[Callable[[Connection], Any], "Future[Any]"]


class _RefusedError(Exception):
    """One step of several raised a LedgerError."""


class GroupCommit:
    """Of one ledger, for any number of threads."""

    def __init__(self, database: LedgerDatabase) -> None:
        self._database: Final = database
        self._alone = database.engine.dialect.name == "postgresql"
        self._turn = Lock()
        self._waiting: deque[_Waiting] = deque()

    def commit(self, step: Callable[[Connection], T]) -> T:
        """Do what a step does to the ledger, and return what it returns once that lasts.

        A step that raises a LedgerError changes nothing, and leaves those beside it as they are: they are done again
        without it, so a step must not change anything but the ledger. Where the ledger itself fails, it has failed for
        every step of the transaction: each of their threads gets the error.
        """
        if self._alone:
            with self._database.write() as connection:
                return step(connection)
        done: Future[T] = Future()
        self._waiting.append((step, done))
        with self._turn:
            if not done.done():  # else who had the turn before has done it
                self._commit_all()
        return done.result()

    def _commit_all(self) -> None:
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._commit(group)
        except _RefusedError:
            for one in group:
                self._commit([one])

    def _commit(self, group: Sequence[_Waiting]) -> None:
        """All of them or none. Raises _RefusedError, with none done, where there are several and one is refused."""
        try:
            with self._database.write() as connection:
                results = [self._result(step, connection, of=len(group)) for step, _ in group]
        except _RefusedError:
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, each step gets it: nobody may wait for ever
            for _, done in group:
                done.set_exception(error)
        else:
            for (_, done), result in zip(group, results, strict=True):
                done.set_result(result)

    @staticmethod
    def _result(step: Callable[[Connection], Any], connection: Connection, *, of: int) -> Any:  # noqa: ANN401
        try:
            return step(connection)
        except LedgerError as error:
            if of == 1:
                raise
            raise _RefusedError from error
