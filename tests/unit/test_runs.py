"""The observer of runs: what it hears, and that nothing it does changes a run."""

import logging
from pathlib import Path

import pytest

from statsig_export import runs
from statsig_export.config import Config, load_config
from statsig_export.runs import Job, RunStart, observed

EXPORT_TOML = Path(__file__).parents[2] / "export.toml"


class Recorder:
    """Keeps what it hears; raises the error at each hook whose name is given."""

    def __init__(self, *failing: str, error: Exception | None = None) -> None:
        self.failing = failing
        self.error = error or RuntimeError("https://user:key@lineage.example")
        self.heard: list[object] = []

    def started(self, run: RunStart) -> "Recorder":
        self._hear("started", run.job)
        return self

    def completed(self, report: object) -> None:
        self._hear("completed", report)

    def failed(self, error: BaseException) -> None:
        self._hear("failed", error)

    def _hear(self, hook: str, fact: object) -> None:
        self.heard.append((hook, fact))
        if hook in self.failing:
            raise self.error


@pytest.fixture
def start() -> RunStart:
    config: Config = load_config(EXPORT_TOML, environ={})
    return RunStart(Job.SHIP, config, None, ())


def observe(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> None:
    monkeypatch.setattr(runs, "observer_of", lambda _: recorder)


def test_a_run_is_heard_of_when_it_starts_and_when_it_is_done(monkeypatch: pytest.MonkeyPatch, start: RunStart):
    observe(monkeypatch, recorder := Recorder())

    assert observed(start, lambda: "report") == "report"
    assert recorder.heard == [("started", Job.SHIP), ("completed", "report")]


@pytest.mark.parametrize("error", [ValueError("the run's own"), KeyboardInterrupt()])
def test_what_a_run_raises_is_heard_of_and_raised(
    monkeypatch: pytest.MonkeyPatch, start: RunStart, error: BaseException
):
    def run() -> None:
        raise error

    observe(monkeypatch, recorder := Recorder())
    with pytest.raises(type(error)) as raised:
        observed(start, run)

    assert raised.value is error
    assert recorder.heard == [("started", Job.SHIP), ("failed", error)]


@pytest.mark.parametrize("failing", ["started", "completed", "failed"])
def test_an_observer_that_fails_is_one_warning_and_the_run_is_the_same(
    monkeypatch: pytest.MonkeyPatch, start: RunStart, caplog: pytest.LogCaptureFixture, failing: str
):
    def run() -> str:
        if failing == "failed":
            raise ValueError("the run's own")
        return "report"

    observe(monkeypatch, Recorder(failing))
    with caplog.at_level(logging.WARNING):
        if failing == "failed":
            with pytest.raises(ValueError, match="the run's own"):
                observed(start, run)
        else:
            assert observed(start, run) == "report"

    assert [record.getMessage() for record in caplog.records] == [
        "the observer of runs failed (RuntimeError); the run itself is not affected"
    ]


def test_no_observer_is_loaded_unless_it_is_enabled(start: RunStart):
    assert runs.observer_of(start.config) is None
