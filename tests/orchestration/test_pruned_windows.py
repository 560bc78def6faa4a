from datetime import UTC, datetime, timedelta

from dagster_folder import DAYS, Project, everything_logged, what_failed

from statsig_export.maintenance.prune import prune
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import due_partitions, status


def test_a_pruned_window_fails_its_run_with_one_sentence_and_nothing_is_planned(project: Project):
    project.fill(DAYS[:2])
    project.export_days(DAYS[0], DAYS[1])
    ship(project.config)
    end_of_first = datetime.fromisoformat(DAYS[1]).replace(tzinfo=UTC)
    report = prune(project.config, end_of_first, datetime.now(UTC) + timedelta(days=30))
    before = [(line.partition, line.account) for line in status(project.config)]

    result = project.export_days(DAYS[0], DAYS[1])

    assert set(report.pruned) == {f"{category}|{DAYS[0]}" for category in ("gate_exposure", "custom_event")}
    assert not result.success
    assert f"window {DAYS[0]} was not exported: custom_event|{DAYS[0]} was pruned on " in what_failed(result)
    assert "Traceback" not in everything_logged(project, result.run_id)
    assert [(line.partition, line.account) for line in status(project.config)] == before
    assert project.export_days(DAYS[1], DAYS[1]).success
    assert due_partitions(project.config) == []
