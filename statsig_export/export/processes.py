"""Reads the shards of a window in several processes of this machine.

Each is a new interpreter that opens the ledger, the storage and the source for itself, and takes shards as any other
worker does (wide.py). So one that is killed loses what it had begun, and nothing else; and none outlives its parent.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from statsig_export.arrow.memory import prefer_jemalloc
from statsig_export.config import Config
from statsig_export.errors import LedgerError, StatsigExportError
from statsig_export.export.opening import Run, known_of, opened
from statsig_export.export.wide import WideWindow
from statsig_export.ledger.locks import open_locks
from statsig_export.runs import RunContext
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

log = logging.getLogger(__name__)

_NEW: Final = multiprocessing.get_context("spawn")
"""A fork would copy the threads' locks and the databases' connections."""


ROWS_WORTH_A_PROCESS: Final = 50_000
"""Fewer are read by one process in the time that another takes to start."""
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_OLD_QUOTA: Final = Path("/sys/fs/cgroup/cpu")
"""Of the first version of control groups."""


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


@dataclass(frozen=True, slots=True)
class _Order:
    """What a child is to do."""

    config: Config
    environ: Mapping[str, str]
    """What the configuration looks up, where that is not the process's own environment."""
    orchestrator_run_id: str | None
    window: Window
    categories: tuple[Category, ...]
    basis: str
    before: frozenset[str]
    first: int
    """The shard to begin with."""
    started_ms: int
    """When the parent's run began."""
    hashes_ids: bool
    """As the parent's source has it."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: BaseProcess
    says: Connection


def work_in_processes(wide: WideWindow, processes: int) -> None:
    """Have the missing shards of a window with enough rows read in so many processes at most; else, and where that is
    one, nothing.

    Returns when all have ended; what others read at that moment may be missing still. Raises what a child raised, and
    LedgerError, which names it, where one was killed.
    """
    missing = wide.missing()
    count = min(processes, len(missing))
    if count <= 1 or multiprocessing.current_process().daemon:  # which may have no children
        return
    count = min(count, wide.rows() // ROWS_WORTH_A_PROCESS)
    if count <= 1:
        return
    children: list[_Child] = []
    errors: list[StatsigExportError] = []
    try:
        with _sigint_held_back():  # for good in the children: it reaches the parent too, which ends them
            _begin(wide, [missing[number * len(missing) // count] for number in range(count)], children)
        _listen(wide, children, errors)
    finally:
        for child in children:
            child.process.terminate()  # of those that have ended, nothing
            child.process.join()
            child.says.close()
    killed = [child.process for child in children if child.process.exitcode]
    if errors:
        raise errors[0]
    if killed and wide.missing():
        raise _died(wide, killed)


def _begin(wide: WideWindow, firsts: Sequence[int], children: list[_Child]) -> None:
    """Add to the children one for each shard to begin with; fewer, or none, where the system allows no more."""
    for first in firsts:
        try:
            children.append(_begun(wide, first))
        except OSError as error:
            log.warning(
                "%d of %d processes read the shards of %s: the system starts no more (%s)",
                len(children) or 1,
                len(firsts),
                wide.run.window.key,
                os.strerror(error.errno) if error.errno else type(error).__name__,
            )
            return


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


def _begun(wide: WideWindow, first: int) -> _Child:
    run = wide.run
    order = _Order(
        run.config,
        run.config.own_environ(),
        run.context.orchestrator_run_id,
        run.window,
        run.categories,
        wide.place.basis,
        wide.before,
        first,
        run.started_ms,
        wide.opened.source.hashes_ids,
    )
    hears, says = _NEW.Pipe(duplex=False)
    process = _NEW.Process(target=_work, args=(order, says), name=f"shards of {run.window.key}")
    try:
        process.start()
    except OSError:
        hears.close()
        raise
    finally:
        says.close()
    return _Child(process, hears)


def _listen(wide: WideWindow, children: Sequence[_Child], errors: list[StatsigExportError]) -> None:
    """Pass on what the children read, until all have ended."""
    listening = [child.says for child in children]
    while listening:
        for says in wait(listening):
            assert isinstance(says, Connection)  # noqa: S101  what it was given
            try:
                said = says.recv()
            except (EOFError, OSError):
                listening.remove(says)
                continue
            if isinstance(said, StatsigExportError):
                errors.append(said)
            else:
                wide.run.context.on_progress(said)


def _died(wide: WideWindow, killed: Sequence[BaseProcess]) -> LedgerError:
    code = killed[0].exitcode or 0
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    more = f", and {len(killed) - 1} more" if len(killed) > 1 else ""
    left = ", ".join(str(number + 1) for number in wide.missing())
    return LedgerError(
        f"the process {killed[0].pid} that read shards of {wide.run.window.key} ended by {how}{more}; nothing of the "
        f"window was planned, and of its {wide.count} shards {left} are still to be read",
        hint="export it again: the other shards are not read again. SIGKILL that nobody sent is the system's answer to "
        "too little memory: allow less at once by fewer cores (taskset -c 0), or more shards",
    )


def _work(order: _Order, says: Connection) -> None:
    """What a child does."""
    os.environ.update(order.environ)
    _end_with_the_parent()
    prefer_jemalloc(os.environ)
    try:
        with opened(order.config) as here:
            here.source.hashes_ids = order.hashes_ids
            context = RunContext(order.orchestrator_run_id, says.send)
            run = Run(order.config, context, order.window, order.categories, order.started_ms)
            wide = WideWindow.of(run, here, known_of(run, here)).since(order.before)
            if wide.place.basis == order.basis:  # else the window has changed: the parent will see it
                with closing(open_locks(here.ledger.database.engine)) as locks:
                    wide.work(locks, order.first)
    except StatsigExportError as error:
        says.send(error)


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
