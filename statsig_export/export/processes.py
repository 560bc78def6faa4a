"""Processes of this machine that help with an export: how many, how they begin, what they say, and how they end.

Each is a new interpreter that opens the ledger, the storage and the source for itself. So one that is killed loses what
it had begun, and nothing else; and none outlives its parent.
"""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeVar

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.spans import here

Order = TypeVar("Order")

log = logging.getLogger(__name__)

OF_MEMORY: Final = "SIGKILL that nobody sent is the system's answer to too little memory"
_NEW: Final = multiprocessing.get_context("spawn")
"""A fork would copy the threads' locks and the databases' connections."""
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_OLD_QUOTA: Final = Path("/sys/fs/cgroup/cpu")
"""Of the first version of control groups."""


class ChildError(Exception):
    """An error of our own in a child. Its text is the traceback there, which may quote a secret as any may."""


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """A process that works for this one."""

    process: BaseProcess
    pipe: Connection

    def end(self) -> str:
        """Wait for its end. Returns how it ended."""
        self.process.join()
        code = self.process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def cores() -> int:
    """That this process may use: of the machine's, as many as it is bound to and a container's limit allows."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, cores_of_quota(_QUOTA) or cores_of_old_quota(_OLD_QUOTA) or allowed)


def cores_of_quota(file: Path) -> int | None:
    """What a control group's `cpu.max` ("150000 100000": one core and a half) allows; None where it sets no limit."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return max(1, -(-int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # "max 100000", another kind of control group, or none
        return None


def cores_of_old_quota(folder: Path) -> int | None:
    """The same for a control group of the first version, which has a file for each number and -1 for no limit."""
    try:
        quota, period = (
            int((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii")) for name in ("quota", "period")
        )
        return max(1, -(-quota // period)) if quota > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None


def windows_at_once(config: Config) -> int:
    """How many windows a run exports side by side: one where it is the shards of each that are divided."""
    return config.export.processes if config.windows.shards == 1 else 1


def processes_of(config: Config) -> int:
    """In how many processes at most a run exports windows, or the shards of one."""
    return windows_at_once(config) if config.windows.shards == 1 else cores()


def may_have_children() -> bool:
    """Not so in a process of a pool, as Celery's workers are."""
    return not multiprocessing.current_process().daemon


@contextmanager
def children() -> Iterator[list[Child]]:
    """The children, to be filled by `begin`. They end when nobody is at the other end of their pipes; what ends this
    early ends them at once.
    """
    begun: list[Child] = []
    try:
        yield begun
        for child in begun:
            child.pipe.close()
        for child in begun:
            child.process.join()
    finally:
        for child in begun:
            child.process.kill()  # of those that have ended, nothing; SIGTERM may be ignored, as Dagster's run may do
            child.process.join()
            child.pipe.close()


def begin(
    begun: list[Child], most: int, does: str, config: Config, work: Callable[[Order, Connection], None], order: Order
) -> bool:
    """Add a child that carries out `work`. Returns whether the system allows one more; if not, a warning says so."""
    try:
        with _sigint_held_back():  # for good in the child: it reaches the parent too, which ends it
            begun.append(_begun(does, config, work, order))
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else type(error).__name__
        log.warning("%d of %d processes %s: the system starts no more (%s)", len(begun) or 1, most, does, cause)
        return False
    return True


def _begun(does: str, config: Config, work: Callable[[Order, Connection], None], order: Order) -> Child:
    mine, others = _NEW.Pipe()
    place = here()
    environ = {**config.own_environ(), **(place.variables() if place is not None else {})}
    process = _NEW.Process(target=_child, args=(work, order, environ, others), name=does)
    try:
        process.start()
    except OSError:
        mine.close()
        raise
    finally:
        others.close()
    return Child(process, mine)


@contextmanager
def _sigint_held_back() -> Iterator[None]:
    """What is started here never sees SIGINT; this thread does afterwards."""
    with suppress(OSError):
        resource_tracker.ensure_running()  # which lets SIGINT through once it has started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def heard(listened_to: Sequence[Child]) -> Iterator[tuple[Child, object]]:
    """What those children say that say something next; None of one that has ended. Raises its ChildError."""
    by_pipe = {child.pipe: child for child in listened_to}
    for pipe in wait(list(by_pipe)):
        child = by_pipe[pipe]  # type: ignore[index]  # what it was given
        try:
            said = child.pipe.recv()
        except (EOFError, OSError):
            said = None
        if isinstance(said, ChildError):
            raise said
        yield child, said


def _child(
    work: Callable[[Order, Connection], None], order: Order, environ: Mapping[str, str], pipe: Connection
) -> None:
    """What a child does. `environ`: where its spans belong, and what the configuration looks up, where that is not in
    the process's own.
    """
    os.environ.update(environ)
    _end_with_the_parent()
    prefer_jemalloc(os.environ)
    try:
        work(order, pipe)
    except Exception:  # noqa: BLE001  the parent raises it, where the caller knows how to show it without a secret
        with suppress(OSError):  # there is no parent any more
            pipe.send(ChildError(traceback.format_exc()))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
