"""Exports several windows: one after another, or side by side in several processes of this machine.

Either way what each comes to is told in the order of the windows, and a window that fails ends nothing.
"""

from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final, TypeAlias

from statsig_export.config import Config
from statsig_export.errors import LedgerError, PartitionFileError, StatsigExportError
from statsig_export.export.exporter import Exporter
from statsig_export.export.processes import OF_MEMORY, Child, begin, children, heard, may_have_children
from statsig_export.export.reports import ExportReport
from statsig_export.runs import RunContext
from statsig_export.vocabulary import Category
from statsig_export.windows import Window

Asked: TypeAlias = tuple[Window, Sequence[Category] | None]
"""A window, and its categories; None for all."""
Outcome: TypeAlias = tuple[Window, ExportReport | StatsigExportError]
"""What a window came to."""
Outcomes: TypeAlias = Generator[Outcome, None, None]

AHEAD: Final = 4
"""So many windows for each process, from the next to be told on, are handed out: a large one does not hold up the
others, and few were exported for nothing where the caller gives up.
"""


def outcomes(
    config: Config,
    windows: Mapping[Window, Sequence[Category] | None],
    context: RunContext,
    *,
    processes: int = 1,
    announced: Sequence[Window] = (),
) -> Outcomes:
    """Export the windows, each with its categories, and tell what each came to, in their order.

    `processes` are the most at once, of windows or of the shards of one. One by one each window is exported when it is
    asked for; side by side some of the next are exported by then. `announced`: see Exporter.
    """
    count = min(processes, len(windows))
    if count > 1 and config.windows.shards == 1 and may_have_children():
        yield from _SideBySide(config, windows, context, count, announced).outcomes()
    else:
        yield from _one_after_another(config, windows.items(), context, announced, processes)


def _one_after_another(
    config: Config, windows: Iterable[Asked], context: RunContext, announced: Sequence[Window], processes: int = 1
) -> Outcomes:
    """Over the same connections, as long as no window fails."""
    with ExitStack() as until:
        exporter: Exporter | None = None
        for window, categories in windows:
            if exporter is None:
                exporter = until.enter_context(Exporter(config, context, announced, processes))
            try:
                outcome: ExportReport | StatsigExportError = exporter.export(window, categories)
            except StatsigExportError as error:
                outcome = error
            if isinstance(outcome, StatsigExportError) and not isinstance(outcome, PartitionFileError):
                until.close()
                exporter = None
            yield window, outcome


@dataclass(frozen=True, slots=True)
class _Order:
    """What a child is told when it begins."""

    config: Config
    orchestrator_run_id: str | None
    announced: Sequence[Window]


def _work(order: _Order, pipe: Connection) -> None:
    """What a child does: it exports each window that it is given, until it is given no more."""

    def given() -> Generator[Asked, None, None]:
        with suppress(EOFError, OSError):
            while True:
                yield pipe.recv()

    context = RunContext(order.orchestrator_run_id, pipe.send)
    for outcome in _one_after_another(order.config, given(), context, order.announced):
        pipe.send(outcome)


@dataclass(slots=True)
class _SideBySide:
    """Windows that are given to children, one at a time each."""

    config: Config
    windows: Mapping[Window, Sequence[Category] | None]
    context: RunContext
    most: int
    announced: Sequence[Window]
    begun: list[Child] = field(default_factory=list)
    busy: dict[Child, Window] = field(default_factory=dict)
    found: dict[Window, ExportReport | StatsigExportError] = field(default_factory=dict)
    """What came to an end before those ahead of it."""

    def outcomes(self) -> Outcomes:
        left, told = deque(self.windows.items()), 0
        with children() as self.begun, closing(self._alone(left)) as alone:
            for window in self.windows:
                while window not in self.found:
                    self._hand_out(left, AHEAD * self.most - (len(self.windows) - len(left) - told))
                    if self.begun:
                        self._listen()
                    else:  # the system starts no process
                        self.found.update([next(alone)])
                told += 1
                yield window, self.found.pop(window)

    def _alone(self, left: deque[Asked]) -> Outcomes:
        """In this process."""
        given = (left.popleft() for _ in range(len(left)))
        return _one_after_another(self.config, given, self.context, self.announced)

    def _hand_out(self, left: deque[Asked], room: int) -> None:
        """Give a window to each child that has none, and begin those that are wanting."""
        order = _Order(self.config, self.context.orchestrator_run_id, self.announced)
        for _ in range(min(room, len(left))):
            child = next((child for child in self.begun if child not in self.busy), None)
            if child is None:
                if len(self.begun) >= self.most:
                    return
                if not begin(self.begun, self.most, "export windows", self.config, _work, order):
                    self.most = len(self.begun)
                    return
                child = self.begun[-1]
            self.busy[child], _ = asked = left.popleft()
            with suppress(OSError):  # it has ended: that is heard next
                child.pipe.send(asked)

    def _listen(self) -> None:
        for child, said in heard(self.begun):
            if isinstance(said, int):
                self.context.on_progress(said)
            elif isinstance(said, tuple):
                window, self.found[window] = said
                del self.busy[child]
            else:
                self.begun.remove(child)
                child.pipe.close()
                how = child.end()
                if (window := self.busy.pop(child, None)) is not None:
                    self.found[window] = _died(child, how, window)


def _died(child: Child, how: str, window: Window) -> LedgerError:
    return LedgerError(
        f"the process {child.process.pid} that exported {window.key} ended by {how}",
        hint=f"export it again: nothing is planned or sent twice. {OF_MEMORY}: allow fewer [export] processes, or take "
        "[windows] shards",
    )
