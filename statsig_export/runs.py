"""What the caller of a run hands to it: who asks, who watches, the clock; and the observer that hears of every run.

A verb packs its keywords into a context once, where the run begins, and reports itself to the observer by `observed`.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module
from typing import Protocol, TypeVar

from statsig_export.config import Config
from statsig_export.spans import traced
from statsig_export.windows import Window

Report = TypeVar("Report")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Time, chance and the end, so that a test can own them. The clock gives seconds since the epoch."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    roll: Callable[[], float]
    """Random in [0, 1)."""
    stopping: Callable[[], bool] = lambda: False
    """Whether somebody asked the run to end: what is under way is finished, nothing else is begun."""

    def now_ms(self) -> int:
        return round(self.clock() * 1000)


REAL_TIME = Timing(clock=time.time, sleep=time.sleep, roll=random.random)


def no_progress(_: int) -> None:
    """No-op progress callback."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the exporter or the shipment gets of its caller, once."""

    orchestrator_run_id: str | None = None
    on_progress: Callable[[int], None] = no_progress
    """Called with the rows of each chunk of an export, with the events of each accepted batch of a shipment."""
    timing: Timing = REAL_TIME


class Job(StrEnum):
    """The verbs whose runs are observed."""

    EXPORT = "export_window"
    SHIP = "ship"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class RunStart:
    """A run that begins."""

    job: Job
    config: Config
    orchestrator_run_id: str | None
    partitions: Sequence[str]
    """The partitions (`category|window`) that were asked for. Empty for a shipment of all that is due."""
    window: Window | None = None
    """The window of an export."""


class Observation(Protocol):
    """One run, as an observer follows it; exactly one of the two is called, once."""

    def completed(self, report: object) -> None:
        """The run is done: an ExportReport, a ShipReport or a ReplayReport."""

    def failed(self, error: BaseException) -> None:
        """The run raised this."""


class Observer(Protocol):
    """Hears of each run where its verb is implemented. Decides nothing: a run is the same without it."""

    def started(self, run: RunStart) -> Observation | None:
        """A run begins; None if its end does not matter."""


def observer_of(config: Config) -> Observer | None:
    """The observer that export.toml enables. Found by name, since it lies above the verbs and imports their reports."""
    if not config.lineage.openlineage:
        return None
    observer: Observer = import_module("statsig_export.openlineage.emitter").OpenLineage()
    return observer


def observed(start: RunStart, run: Callable[[], Report]) -> Report:
    """Carry out `run`, and tell the observer of its start and end. Returns and raises what `run` does: a failure of the
    observer is one warning.
    """
    with traced(start.config, start.job.value, **_attributes(start)):
        return _observed(start, run)


def _attributes(start: RunStart) -> dict[str, str | int]:
    window = {} if start.window is None else {"window": start.window.key}
    asked_by = {} if start.orchestrator_run_id is None else {"orchestrator_run": start.orchestrator_run_id}
    return {"partitions": len(start.partitions), **window, **asked_by}


def _observed(start: RunStart, run: Callable[[], Report]) -> Report:
    observation = _quietly(partial(_started, start))
    if observation is None:
        return run()
    try:
        report = run()
    except BaseException as error:  # an interrupted run has failed too
        _quietly(partial(observation.failed, error))
        raise
    _quietly(partial(observation.completed, report))
    return report


def _started(start: RunStart) -> Observation | None:
    observer = observer_of(start.config)
    return observer.started(start) if observer is not None else None


def _quietly(tell: Callable[[], Report]) -> Report | None:
    try:
        return tell()
    except Exception as error:  # noqa: BLE001  whatever an observer raises, the run goes on; its text may hold a secret
        log.warning("the observer of runs failed (%s); the run itself is not affected", type(error).__name__)
        return None
