"""A step of Dagster is a trace, sent when the step ends, also where it fails."""

import pytest
from dagster_folder import DAYS, Project
from trace_collector import trace_collector, values

from statsig_export.tracing import first


@pytest.mark.fault("F569")
def test_a_step_sends_its_spans_when_it_ends_well_or_not(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.configure("[webhook]", "[traces]\nopentelemetry = true\n[webhook]")
    project.fill([DAYS[0]])
    with trace_collector() as collected:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        first._provider.cache_clear()
        good = project.export_days(DAYS[0], DAYS[0])
        (step,) = collected.named("dagster export")
        assert values(step.attributes)["statsig_export.orchestrator_run"] == good.run_id
        assert {span.trace_id for span in collected.spans} == {step.trace_id}
        assert step.status.code == 0
        collected.requests.clear()
        monkeypatch.setenv("STATSIG_DATABASE_URL", f"sqlite:///{project.folder}/source.db?mode=hidden-word")
        (project.folder / "source.db").unlink()
        assert not project.run("export_events", {}, {"dagster/partition": f"custom_event|{DAYS[0]}"}).success
        first._provider().shutdown()
        first._provider.cache_clear()

    sent = b"".join(collected.raw)
    assert b"hidden-word" not in sent
    assert b"the-hmac-key" not in sent
