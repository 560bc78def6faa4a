"""How long the ledger's questions and steps take, in ledgers of more and more batches."""

import importlib
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final
from unittest import mock

import dagster as dg

from benchmarks.ledger_data import LargeLedger, fill
from statsig_export.config import Config, load_config
from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.delivery.sensors import ship_sensor
from statsig_export.delivery.rules import Attempted, Reply, RetryPolicy, decide
from statsig_export.ledger import queries
from statsig_export.ledger.records import PlannedBatch, ShipRun
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.shipping.status import due_partitions, status
from statsig_export.windows import split_partition_key

_REPEATS: Final = 5
_STEPS: Final = 100
_PAGE: Final = 256
_SHIP_RUN: Final = "bench"
_CONFIG: Final = """\
[source]
url = "sqlite:///no-source.db"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "env:BENCH_LEDGER_URL"
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """The median of one operation."""

    ledger: str
    batches: int
    operation: str
    ms: float | None
    """None where the library does not have it."""


def ledger_timings(folder: Path, ledger: str, ledger_url: str, count: int) -> Iterator[Timing]:
    """Fill the empty ledger at this URL, and time what is asked of it."""
    (folder / "export.toml").write_text(_CONFIG)
    environ = {"BENCH_LEDGER_URL": ledger_url, "FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}
    with ExitStack() as until:
        until.enter_context(mock.patch.dict(os.environ, environ))  # where Dagster's resource looks
        config = load_config(folder / "export.toml")
        opened = until.enter_context(ledger_of(config))
        began = time.perf_counter()
        large = fill(opened, config, count)
        yield Timing(ledger, count, "(filling it)", (time.perf_counter() - began) * 1000)
        for operation, work in (
            *_questions(config, large),
            ("a tick of the sensor", _tick(folder, until)),
            *_steps(opened, large),
        ):
            yield Timing(ledger, count, operation, None if work is None else _median_ms(work))


def _questions(config: Config, large: LargeLedger) -> Iterator[tuple[str, Callable[[], object] | None]]:
    trace = _trace()
    yield "due_partitions", lambda: due_partitions(config)
    yield "status", lambda: status(config)
    yield "status of three days", lambda: status(config, large.today - timedelta(days=3))
    yield "trace of an event in the newest window", trace and (lambda: trace(config, large.traceable))
    yield "trace of an id that no file holds", trace and (lambda: trace(config, large.nowhere))


def _steps(ledger: Ledger, large: LargeLedger) -> Iterator[tuple[str, Callable[[], object]]]:
    """What a ship run and an export do, on the batches that are due."""
    now_ms = round(time.time() * 1000)
    due = [split_partition_key(due.partition) for due in queries.due(ledger.database, large.destination, now_ms)]
    ids = list(queries.partition_ids(ledger.database, large.destination, due).values())
    yield f"the next {_PAGE} batches", lambda: queries.waiting_batches(ledger.database, ids, now_ms, _PAGE)
    ledger.start_ship_run(ShipRun(_SHIP_RUN, None, large.destination, "0" * 16, "0", now_ms))
    waiting = iter(queries.waiting_batches(ledger.database, ids, now_ms, _REPEATS * _STEPS))
    yield f"claim and finish of {_STEPS} batches", lambda: _deliver(ledger, islice(waiting, _STEPS))
    numbers = iter(range(large.windows, large.windows + _REPEATS))
    yield "plan of a window of 1,200 batches", lambda: _plan(ledger, large, next(numbers))


def _deliver(ledger: Ledger, waiting: Iterable[PlannedBatch]) -> None:
    answer = Reply(200, 10.0)
    for batch in waiting:
        now_ms = round(time.time() * 1000)
        claim = ledger.claim(batch, _SHIP_RUN, now_ms)
        decision = decide(answer, Attempted(batch.rows, claim.number, 1.0), 0.5, RetryPolicy())
        ledger.finish(claim, answer, decision, now_ms)


def _plan(ledger: Ledger, large: LargeLedger, number: int) -> None:
    ledger.plan(large.export_run(number), large.plans(number))


def _tick(folder: Path, until: ExitStack) -> Callable[[], object]:
    """One evaluation of the sensor as the daemon makes it, on an instance on disk without any run yet."""
    home = folder / "dagster"
    home.mkdir()
    instance = until.enter_context(dg.DagsterInstance.local_temp(str(home)))
    definitions = definitions_for(folder / "export.toml")
    resources = definitions.resources or {}

    def tick() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with dg.build_sensor_context(
                instance=instance, definitions=definitions, resources={"statsig_export": resources["statsig_export"]}
            ) as context:
                found = ship_sensor.evaluate_tick(context).run_requests
            if not found:
                raise SystemExit("the sensor asked for nothing, although batches are due")

    return tick


def _trace() -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = importlib.import_module("statsig_export.lineage.trace").trace
    except (ImportError, AttributeError):
        return None
    return found


def _median_ms(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)
