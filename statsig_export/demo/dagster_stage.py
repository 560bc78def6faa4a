"""The Dagster part of the demo: the real job, sensor and ship runs, in this process and without a daemon.

The instance is a folder on disk, so `dagster dev` shows the demo's runs and partitions afterwards.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from statsig_export.config import load_config
from statsig_export.config_file import CONFIG_VARIABLE
from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.delivery.sensors import ship_sensor
from statsig_export.dagster.keys import EXPORT_JOB, RANGE_END, RANGE_START, SHIP_JOB
from statsig_export.demo.code_location import LOCATION
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, closed_windows, partition_key

RUN_LOG = "demo-runs.log"
RUN_KEY = "dagster/run_key"
OF_LOCATION = {".dagster/repository": f"__repository__@{LOCATION}", "dagster/code_location": LOCATION}
"""What a daemon's run carries, and what the UI's job and sensor pages list runs by."""
MAX_TICKS = 100
"""A stop for a demo that makes no progress; a tick offers ten runs."""

INSTANCE_SETTINGS = """\
# The demo's Dagster instance: SQLite files in this folder. See it with DAGSTER_HOME set to here and `dagster dev`.
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  # A run that dies without a word would hold its partitions for ever.
  enabled: true
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    # So many ship runs at once; the others wait in the queue, where they take no process.
    default_limit: 2
    granularity: run
"""


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What the demo did, for whoever tells of it."""

    dagster_home: Path
    windows: tuple[str, ...]
    export_runs: tuple[str, ...]
    """Dagster's run ids."""
    ship_runs: tuple[str, ...]
    ticks: int
    last_words: str
    """Why the sensor offered nothing in the end."""
    failures: tuple[str, ...]
    """What the failed runs said, one text a run."""


def run_demo(
    config_path: Path, dagster_home: Path, environ: Mapping[str, str], on_step: Callable[[str], None]
) -> DemoRun:
    """Export every closed window, then tick the sensor and carry out what it asks for until it asks for nothing.

    `environ` holds the variables that the configuration names. Dagster's own log goes to a file in `dagster_home`.
    Raises ConfigError for a configuration that cannot be read; a failed run is reported, not raised.
    """
    dagster_home.mkdir(parents=True, exist_ok=True)
    (dagster_home / "dagster.yaml").write_text(INSTANCE_SETTINGS, encoding="utf-8")
    instance_of = dg.DagsterInstance.from_config
    with _environment({**environ, CONFIG_VARIABLE: str(config_path)}), instance_of(str(dagster_home)) as instance:
        stage = _Stage(definitions_for(config_path), instance, dagster_home / RUN_LOG, on_step)
        windows = _closed(config_path)
        most = load_config(config_path).dagster.max_windows_a_run
        exported = [stage.export(part) for part in _parts(windows, most)]
        shipped, ticks, last_words = stage.ship()
    outcomes = [*exported, *shipped]
    return DemoRun(
        dagster_home=dagster_home,
        windows=tuple(window.key for window in windows),
        export_runs=tuple(outcome.run_id for outcome in exported),
        ship_runs=tuple(outcome.run_id for outcome in shipped),
        ticks=ticks,
        last_words=last_words,
        failures=tuple(outcome.failure for outcome in outcomes if outcome.failure),
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    run_id: str
    failure: str


@dataclass(frozen=True, slots=True)
class _Stage:
    """The definitions on an instance, with Dagster's console log turned away from the terminal."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    log: Path
    on_step: Callable[[str], None]

    def export(self, windows: Sequence[Window]) -> _Outcome:
        """One run of the export job over these windows and all categories."""
        categories = list(Category)
        self.on_step(f"export {windows[0].key} to {windows[-1].key}, {len(categories)} categories")
        first, last = partition_key(categories[0], windows[0].key), partition_key(categories[-1], windows[-1].key)
        return self._run(EXPORT_JOB, {}, {RANGE_START: first, RANGE_END: last})

    def ship(self) -> tuple[list[_Outcome], int, str]:
        """Tick, carry out, and so on. The runs, the number of ticks, and why the last tick offered nothing."""
        outcomes: list[_Outcome] = []
        for tick in range(1, MAX_TICKS + 1):
            requests, skip_reason = self._tick()
            self.on_step(f"ship_sensor, tick {tick}: {skip_reason or f'ship runs asked for: {len(requests)}'}")
            if not requests:
                return outcomes, tick, skip_reason
            for request in requests:
                tags = {**request.tags, RUN_KEY: request.run_key or ""}
                outcomes.append(self._run(SHIP_JOB, request.run_config, tags))
        return outcomes, MAX_TICKS, f"stopped after {MAX_TICKS} ticks"

    def _tick(self) -> tuple[Sequence[dg.RunRequest], str]:
        resources = self.definitions.resources or {}
        with (
            self._quiet(),
            dg.build_sensor_context(
                instance=self.instance,
                definitions=self.definitions,
                resources={"statsig_export": resources["statsig_export"]},
            ) as context,
        ):
            tick = ship_sensor.evaluate_tick(context)
        return tick.run_requests or (), tick.skip_message or ""

    def _run(self, job: str, run_config: Mapping[str, object], tags: Mapping[str, str]) -> _Outcome:
        with self._quiet():
            result = self.definitions.resolve_job_def(job).execute_in_process(
                instance=self.instance, run_config=run_config, tags={**tags, **OF_LOCATION}, raise_on_error=False
            )
        return _Outcome(result.run_id, "" if result.success else _what_failed(result))

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Dagster opens its console log on sys.stderr when a run starts."""
        with self.log.open("a", encoding="utf-8") as log, redirect_stderr(log):
            yield


def _what_failed(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            said = failure.user_failure_data.description if failure.user_failure_data else failure.error_display_string
            return said or "failed without a word"
    return "the run failed before its first step"


def _closed(config_path: Path) -> list[Window]:
    settings = load_config(config_path).windows
    now = datetime.now(UTC)
    return closed_windows(settings.start, now, settings, now)


def _parts(windows: Sequence[Window], most: int) -> list[Sequence[Window]]:
    return [windows[at : at + most] for at in range(0, len(windows), most)]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """The process environment with `values`: Dagster resolves secrets by name, from there alone."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
