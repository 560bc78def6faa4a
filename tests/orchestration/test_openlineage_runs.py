"""What OpenLineage is told of runs that Dagster started."""

import json

import pytest
from dagster_folder import DAYS, Project

from statsig_export.openlineage import emitter as telling


def test_a_run_of_dagster_is_the_parent_of_what_it_exports_and_ships(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(telling._Silence, "until", 0.0)
    monkeypatch.setattr(telling, "PATIENCE", 60)
    told = project.folder / "told.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(told))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    project.configure("[webhook]", "[lineage]\nopenlineage = true\n[webhook]")
    project.fill([DAYS[0]])
    exported = project.export_days(DAYS[0], DAYS[0])
    shipped = project.run("ship_batches", {}, {})

    events = [json.loads(line) for line in told.read_text().splitlines()]
    parents = {
        (event["job"]["name"], event["eventType"]): event["run"]["facets"]["parent"]["run"]["runId"] for event in events
    }
    assert parents == {
        ("export_window", "START"): exported.run_id,
        ("export_window", "COMPLETE"): exported.run_id,
        ("ship", "START"): shipped.run_id,
        ("ship", "COMPLETE"): shipped.run_id,
    }
