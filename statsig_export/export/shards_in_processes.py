"""Reads the shards of a window in several processes of this machine.

Each takes shards as any other worker does (wide.py).
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from statsig_export.config import Config
from statsig_export.errors import LedgerError, StatsigExportError
from statsig_export.export.opening import Run, known_of, opened
from statsig_export.export.processes import OF_MEMORY, Child, begin, children, heard, may_have_children
from statsig_export.export.wide import WideWindow
from statsig_export.ledger.locks import open_locks
from statsig_export.runs import RunContext
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

ROWS_WORTH_A_PROCESS: Final = 50_000
"""Fewer are read by one process in the time that another takes to start."""


@dataclass(frozen=True, slots=True)
class _Order:
    """What a child is to do."""

    config: Config
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


def work_in_processes(wide: WideWindow, processes: int) -> None:
    """Have the missing shards of a window with enough rows read in so many processes at most; else, and where that is
    one, nothing.

    Returns when all have ended; what others read at that moment may be missing still. Raises what a child raised, and
    LedgerError, which names it, where one was killed.
    """
    missing = wide.missing()
    count = min(processes, len(missing))
    if count <= 1 or not may_have_children():
        return
    count = min(count, wide.rows() // ROWS_WORTH_A_PROCESS)
    if count <= 1:
        return
    errors: list[StatsigExportError] = []
    with children() as begun:
        for number in range(count):
            order = _order(wide, missing[number * len(missing) // count])
            if not begin(begun, count, f"read the shards of {wide.run.window.key}", wide.run.config, _work, order):
                break
        _listen(wide, begun, errors)
    killed = [child for child in begun if child.process.exitcode]
    if errors:
        raise errors[0]
    if killed and wide.missing():
        raise _died(wide, killed)


def _order(wide: WideWindow, first: int) -> _Order:
    run = wide.run
    return _Order(
        run.config,
        run.context.orchestrator_run_id,
        run.window,
        run.categories,
        wide.place.basis,
        wide.before,
        first,
        run.started_ms,
        wide.opened.source.hashes_ids,
    )


def _listen(wide: WideWindow, begun: Sequence[Child], errors: list[StatsigExportError]) -> None:
    """Pass on what the children read, until all have ended."""
    listening = list(begun)
    while listening:
        for child, said in heard(listening):
            if isinstance(said, StatsigExportError):
                errors.append(said)
            elif isinstance(said, int):
                wide.run.context.on_progress(said)
            else:
                listening.remove(child)


def _died(wide: WideWindow, killed: Sequence[Child]) -> LedgerError:
    more = f", and {len(killed) - 1} more" if len(killed) > 1 else ""
    left = ", ".join(str(number + 1) for number in wide.missing())
    return LedgerError(
        f"the process {killed[0].process.pid} that read shards of {wide.run.window.key} ended by {killed[0].end()}"
        f"{more}; nothing of the window was planned, and of its {wide.count} shards {left} are still to be read",
        hint=f"export it again: the other shards are not read again. {OF_MEMORY}: allow less at once by fewer cores "
        "(taskset -c 0), or more shards",
    )


def _work(order: _Order, pipe: Connection) -> None:
    """What a child does."""
    try:
        with opened(order.config) as here:
            here.source.hashes_ids = order.hashes_ids
            context = RunContext(order.orchestrator_run_id, pipe.send)
            run = Run(order.config, context, order.window, order.categories, order.started_ms)
            wide = WideWindow.of(run, here, known_of(run, here)).since(order.before)
            if wide.place.basis == order.basis:  # else the window has changed: the parent will see it
                with closing(open_locks(here.ledger.database.engine)) as locks:
                    wide.work(locks, order.first)
    except StatsigExportError as error:
        pipe.send(error)
