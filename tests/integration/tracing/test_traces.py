"""Spans of real exports and shipments, as a collector on a socket gets them; and what one that is away costs."""

import os
import signal
import subprocess
import sys
import threading
import time
import timeit
from collections.abc import Iterator

import pytest
from home import ExportHome
from rows import custom_event, exposure
from trace_collector import Collected, trace_collector, values

from statsig_export import spans
from statsig_export.testing.webhook.faults import Action, Rule, answer
from statsig_export.tracing import first

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
DAY = ("--from", "2026-11-20", "--to", "2026-11-21")
STAGES = {"read", "reshape", "filter", "encode", "write", "publish", "plan"}
CANARY = "canary-7d1f"


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    """The process's collector, and nothing of another test's."""
    with trace_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        first._provider.cache_clear()
        monkeypatch.setattr(first._Late, "until", 0.0)
        yield collector
        provider = first._provider()
        if provider is not None and collector.hold is None and collector.status == 200:
            provider.shutdown()
        first._provider.cache_clear()


@pytest.fixture
def traced_home(home: ExportHome) -> ExportHome:
    home.set("traces", opentelemetry=True)
    home.set("webhook", max_events=2)
    home.add([custom_event(key, CANARY, metadata={"x": CANARY}) for key in range(1, 6)], [exposure(1)])
    home.write()
    return home


def ids(collected: Collected) -> set[str]:
    return {span.trace_id.hex() for span in collected.spans}


def test_a_run_is_one_trace_with_its_stages_and_its_requests(traced_home: ExportHome, collected: Collected):
    assert traced_home.verb("run", *DAY).exit_code == 0
    (root,) = collected.named("statsig-export run")
    (export,), (ship,) = collected.named("export_window"), collected.named("ship")

    assert len(ids(collected)) == 1
    assert (export.parent_span_id, ship.parent_span_id) == (root.span_id, root.span_id)
    assert {span.name for span in collected.spans if span.parent_span_id == export.span_id} == STAGES
    requests = collected.named("request")
    assert {span.parent_span_id for span in requests} == {ship.span_id}
    assert len(requests) == len(traced_home.receiver.requests) == 4
    shown = values(requests[0].attributes)
    assert (shown["http.response.status_code"], shown["statsig_export.outcome"]) == (200, "accepted")
    assert values(export.attributes)["statsig_export.window"] == "2026-11-20"
    assert collected.resource["service.name"] == "statsig-export"
    assert root.status.code == 0


def test_windows_that_other_processes_export_are_in_the_trace_of_the_run(traced_home: ExportHome, collected: Collected):
    traced_home.set("export", processes=2)
    traced_home.write()
    assert traced_home.verb("run", "--from", "2026-11-20", "--to", "2026-11-22").exit_code == 0
    (root,) = collected.named("statsig-export run")
    exports = collected.named("export_window")

    assert len(ids(collected)) == 1
    assert {span.parent_span_id for span in exports} == {root.span_id}
    assert {values(span.attributes)["statsig_export.window"] for span in exports} == {"2026-11-20", "2026-11-21"}


@pytest.mark.fault("F567")
def test_no_span_holds_a_secret_or_anything_of_an_event(traced_home: ExportHome, collected: Collected):
    traced_home.add([custom_event(99, None, user_id=CANARY)])
    traced_home.receiver.play([Rule(actions=[answer(401, body=CANARY)])])
    assert traced_home.verb("run", *DAY).exit_code == 4
    sent = b"".join(collected.raw)

    assert sent
    for secret in (CANARY, "secret_endpoint", "webhooks", "user-1", "sqlite:"):
        assert secret.encode() not in sent


def test_a_refused_request_and_the_run_that_it_ends_are_errors(traced_home: ExportHome, collected: Collected):
    traced_home.receiver.play([Rule(actions=[answer(401)])])
    traced_home.verb("run", *DAY)
    requests, (root,), (ship,) = (
        collected.named("request"),
        collected.named("statsig-export run"),
        collected.named("ship"),
    )

    assert {span.status.code for span in requests} == {2}
    assert values(requests[0].attributes)["error.type"] == "refused"
    assert (ship.status.code, values(ship.attributes)["error.type"]) == (2, "DestinationError")
    assert (root.status.code, root.status.message) == (2, "exit code 4")


def test_the_parent_that_cron_names_is_taken_up(
    traced_home: ExportHome, collected: Collected, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRACEPARENT", f"00-{TRACE}-{PARENT}-01")
    traced_home.verb("run", *DAY)
    (root,) = collected.named("statsig-export run")

    assert ids(collected) == {TRACE}
    assert root.parent_span_id.hex() == PARENT


def test_a_parent_that_is_none_is_a_trace_of_its_own(
    traced_home: ExportHome, collected: Collected, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRACEPARENT", "00-zz-1-01")
    traced_home.verb("run", *DAY)

    assert len(ids(collected)) == 1


def test_the_variables_of_opentelemetry_decide(
    traced_home: ExportHome, collected: Collected, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    traced_home.verb("ship")
    assert collected.resource["service.name"] == "mine"
    before = len(collected.requests)
    for name, value in (
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ):
        with monkeypatch.context() as said:
            said.setenv(name, value)
            first._provider.cache_clear()
            assert traced_home.verb("ship").exit_code == 0
    assert len(collected.requests) == before


def test_a_run_from_python_is_a_trace_too(traced_home: ExportHome, collected: Collected):
    traced_home.export()

    (export,) = collected.named("export_window")
    assert export.parent_span_id == b""


@pytest.mark.fault("F568")
def test_a_collector_that_is_down_costs_little_and_is_one_warning(
    traced_home: ExportHome, collected: Collected, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(first, "PATIENCE", 0.3)
    began = time.monotonic()
    result = traced_home.verb("run", *DAY)
    again = traced_home.verb("run", *DAY)

    assert (result.exit_code, again.exit_code) == (0, 0)
    assert time.monotonic() - began < 6
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "spans were not taken in 0 s and may be lost; the run itself is not affected"
    ]
    collected.status = 0  # its threads are left to the process


@pytest.mark.fault("F568")
@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_that_refuses_is_one_warning_without_a_traceback(
    traced_home: ExportHome, collected: Collected, status: int, monkeypatch: pytest.MonkeyPatch, caplog
):
    collected.status = status
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    result = traced_home.verb("run", *DAY)

    assert result.exit_code == 0
    assert [record.message for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == [
        "spans were lost: the collector did not take them; the run itself is not affected"
    ]


@pytest.mark.fault("F568")
def test_a_collector_that_does_not_answer_is_waited_for_once(
    traced_home: ExportHome, collected: Collected, monkeypatch: pytest.MonkeyPatch
):
    collected.hold = threading.Event()
    monkeypatch.setattr(first, "PATIENCE", 0.2)
    began = time.monotonic()
    for _ in range(5):
        assert traced_home.verb("ship").exit_code == 0

    assert time.monotonic() - began < 5


@pytest.mark.acceptance
def test_without_the_switch_nothing_of_opentelemetry_is_imported_and_a_span_costs_nothing(home: ExportHome):
    home.add([custom_event(1)])
    home.write()
    code = (
        "import sys\nfrom statsig_export.cli.options import cli\n"
        f"try: cli(['--config', {str(home.config_path)!r}, 'run', '--from', '2026-11-20', '--to', '2026-11-21'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'statsig_export.tracing'))])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ, **home.environ}
    )

    assert ran.stdout.splitlines()[-1] == "[]"
    assert spans.span("read") is spans.span("write")
    items = (one for one in ())
    assert spans.each("read", items, spans.here()) is items
    assert min(timeit.repeat(lambda: spans.span("read"), number=10_000, repeat=3)) / 10_000 < 5e-6


@pytest.mark.usefixtures("collected")
def test_where_the_extra_is_not_installed_a_run_goes_on_and_says_what_to_install(
    traced_home: ExportHome, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for name in [name for name in sys.modules if name.startswith("statsig_export.tracing.")]:
        if name != "statsig_export.tracing.first":
            monkeypatch.delitem(sys.modules, name)

    assert traced_home.verb("run", *DAY).exit_code == 0
    assert "pip install 'statsig-export[otel]'" in caplog.text
    first._provider.cache_clear()


@pytest.mark.fault("F569")
@pytest.mark.acceptance
def test_the_spans_that_have_ended_are_sent_when_sigterm_ends_the_process(
    traced_home: ExportHome, collected: Collected
):
    """In the middle of a request: the first signal asks it to end in good order, the second one ends it."""
    traced_home.export()
    traced_home.receiver.play([Rule(actions=[Action(), Action(delay=30.0)])])
    environ = {**os.environ, **traced_home.environ, **collected.environ}
    command = [sys.executable, "-m", "statsig_export", "--config", str(traced_home.config_path), "ship"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert traced_home.receiver.wait_for(1, 20)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGTERM, said
    assert "Traceback" not in said
    assert collected.named("request")
