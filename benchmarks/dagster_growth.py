"""What Dagster itself adds: to the start of a run, and to each partition of a ranged run.

The source is empty, so that what is left of a run is Dagster's share and the library's fixed costs; the latter are
measured by themselves and taken off.
"""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final
from unittest import mock

import dagster as dg
from sqlalchemy import create_engine

from benchmarks.receiving import ROOT
from statsig_export.config import Config, load_config
from statsig_export.config_file import CONFIG_VARIABLE
from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.keys import EXPORT_JOB, RANGE_END, RANGE_START, SHIP_JOB
from statsig_export.export.export import export_windows
from statsig_export.layouts.native_tables import create_tables
from statsig_export.shipping.ship import ship
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, windows_between

_REPEATS: Final = 3
_MANY: Final = 31
"""Windows of a ranged run."""
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_CONFIG: Final = """\
[source]
url = "sqlite:///source.db"
[windows]
start = "{start:%Y-%m-%dT%H:%M:%SZ}"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""


@dataclass(frozen=True, slots=True)
class Share:
    """One figure of Dagster's."""

    what: str
    seconds: float


def dagster_shares(folder: Path) -> Iterator[Share]:
    """The figures, each the median of a few runs. `folder` is empty."""
    with mock.patch.dict(os.environ, {"FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}):
        yield from _shares(folder)


def _shares(folder: Path) -> Iterator[Share]:
    config, windows = _project(folder)
    one, many = windows[:1], windows[:_MANY]
    alone = {len(some): _median(partial(_export, config, some)) for some in (one, many)}
    with dg.DagsterInstance.local_temp(str(folder)) as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Share("loading the definitions", _median(lambda: definitions_for(folder / "export.toml")))
        runs = {len(some): _median(partial(_run_export, folder, instance, some)) for some in (one, many)}
        ship_run = _median(lambda: _run(folder, instance, SHIP_JOB, {}))
    first, rest = (runs[number] - alone[number] for number in (len(one), len(many)))
    partitions = (len(many) - len(one)) * len(Category)
    a_partition = (rest - first) / partitions
    yield Share(f"an export run of {len(one) * len(Category)} partitions, in process", runs[len(one)])
    yield Share(f"an export run of {len(many) * len(Category)} partitions, in process", runs[len(many)])
    yield Share("  of that: the library, on empty windows", alone[len(many)])
    yield Share("  of that: Dagster, a partition", a_partition)
    yield Share("  of that: Dagster, the run itself", first - a_partition * len(one) * len(Category))
    yield Share("a ship run with nothing to send, in process", ship_run)
    yield Share("  of that: the library", _median(lambda: ship(config)))
    yield Share("a ship run in a process of its own (`dagster job execute`)", _median(lambda: _execute(folder)))


def _project(folder: Path) -> tuple[Config, list[Window]]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=_MANY + 1)
    (folder / "export.toml").write_text(_CONFIG.format(start=start))
    engine = create_engine(f"sqlite:///{folder / 'source.db'}")
    create_tables(engine, "native")
    engine.dispose()
    config = load_config(folder / "export.toml")
    return config, list(windows_between(start, today, config.windows))


def _export(config: Config, windows: list[Window]) -> None:
    list(export_windows(config, dict.fromkeys(windows)))


def _run_export(folder: Path, instance: dg.DagsterInstance, windows: list[Window]) -> None:
    first, *_, last = Category
    tags = {RANGE_START: f"{first}|{windows[0].key}", RANGE_END: f"{last}|{windows[-1].key}"}
    _run(folder, instance, EXPORT_JOB, tags)


def _run(folder: Path, instance: dg.DagsterInstance, job: str, tags: dict[str, str]) -> None:
    definitions = definitions_for(folder / "export.toml")
    found = definitions.resolve_job_def(job)
    if not found.execute_in_process(run_config=_QUIET, tags=tags, instance=instance).success:
        raise SystemExit(f"{job} failed")


def _execute(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "dagster",
        "job",
        "execute",
        "-m",
        "statsig_export.dagster.definitions",
        "-j",
        SHIP_JOB,
    ]
    environ = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        CONFIG_VARIABLE: str(folder / "export.toml"),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{SHIP_JOB} in a process of its own failed:\n{done.stderr[-2_000:]}")


def _median(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken)
