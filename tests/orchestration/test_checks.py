import re
import time
from datetime import timedelta

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster_folder import DAYS, Project
from sqlalchemy import create_engine, text, update

from statsig_export.cli.options import cli
from statsig_export.dagster.keys import DELIVERED, EVENTS
from statsig_export.layouts.native_tables import CUSTOM_EVENTS
from statsig_export.ledger.tables import batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.shipping.status import due_partitions, resume
from statsig_export.testing.webhook.faults import Rule, answer


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    """Check -> how it went, `asset/check`."""
    return {f"{check.asset_key.path[-1]}/{check.check_name}": check for check in result.get_asset_check_evaluations()}


def figures(check: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: value.value for name, value in check.metadata.items()}


def checked(project: Project) -> dict[str, dg.AssetCheckEvaluation]:
    """The hourly job of checks."""
    return evaluations(project.run("check_deliveries", {}, {}))


def change_ledger(project: Project, statement) -> None:
    engine = create_engine(project.config.ledger_url())
    with engine.begin() as connection:
        connection.execute(statement)
    engine.dispose()


def spoil(project: Project, share: str) -> None:
    """Custom events without a time: some of the day's rows."""
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(update(CUSTOM_EVENTS).where(text(share)).values(timestamp=None))
    engine.dispose()


def test_an_export_checks_the_source_before_and_the_account_after(project: Project):
    project.fill([DAYS[0]])
    result = project.export_days(DAYS[0], DAYS[0])

    found = evaluations(result)
    assert not found.pop("events/every_window_is_exported").passed  # of the days after it, none was
    assert {name: check.passed for name, check in found.items()} == dict.fromkeys(
        ("exposures/schema", "custom_events/schema", "events/account_balances", "events/few_rows_fail"), True
    )
    assert figures(found["events/account_balances"]) == {
        "partitions": 6,
        "events": 6,
        "forwarded": 0,
        "filtered": 1,
        "failed": 0,
        "pending": 5,
        "forgotten": 0,
    }
    steps = [event.step_key for event in result.all_events if event.is_step_success]
    assert steps.index("source_schemas") < steps.index("statsig__events") < steps.index("statsig__events_few_rows_fail")


def test_a_source_that_does_not_fit_blocks_the_export(project: Project):
    project.fill([DAYS[0]])
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE custom_events DROP COLUMN user_id"))
    engine.dispose()

    result = project.export_days(DAYS[0], DAYS[0])

    found = evaluations(result)
    assert not result.success
    assert found["exposures/schema"].passed
    assert not found["custom_events/schema"].passed
    assert 'column "user_id" is missing' in (found["custom_events/schema"].description or "")
    assert project.materialized("statsig", "events") == set()


def test_an_account_that_does_not_balance_fails_the_run(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    change_ledger(project, update(batches).where(batches.c.rows == 2).values(rows=1))

    found = checked(project)

    assert not found["events/account_balances"].passed
    assert found["events/account_balances"].severity is dg.AssetCheckSeverity.ERROR
    assert f"|{DAYS[0]}" in (found["events/account_balances"].description or "")


def test_many_failed_rows_are_a_warning_with_their_reasons(project: Project):
    project.fill([DAYS[0]])
    spoil(project, "event_name = 'purchase'")
    result = project.export_days(DAYS[0], DAYS[0])

    check = evaluations(result)["events/few_rows_fail"]
    assert result.success
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "2 of 6 rows failed: `statsig-export status --failed` lists them"
    assert figures(check)["failed by"] == {"bad_timestamp": 2}


def test_the_threshold_of_failed_rows_is_the_configurations(project: Project):
    project.fill([DAYS[0]])
    spoil(project, "event_name = 'purchase'")
    project.configure("[webhook]", "[checks]\nmax_failed_share = 0.34\n[webhook]")

    check = evaluations(project.export_days(DAYS[0], DAYS[0]))["events/few_rows_fail"]
    assert check.passed


def test_a_run_is_checked_by_its_own_partitions_alone(project: Project):
    project.fill(DAYS[:2])
    spoil(project, f"date(ingested_at) = '{DAYS[0]}'")
    project.export_days(DAYS[0], DAYS[0])

    found = evaluations(project.export(f"custom_event|{DAYS[1]}"))
    assert found["events/few_rows_fail"].passed
    assert figures(found["events/account_balances"])["partitions"] == 1


def test_what_has_been_due_for_long_is_overdue_until_it_is_shipped(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    assert checked(project)["statsig_events/everything_due_is_sent"].passed
    change_ledger(
        project, update(batches).values(due_ms=batches.c.due_ms - timedelta(hours=2) // timedelta(milliseconds=1))
    )

    check = checked(project)["statsig_events/everything_due_is_sent"]
    assert not check.passed
    assert check.description == "events overdue: 5, in partitions: 2"
    assert figures(check)["events due"] == 5
    project.run("ship_batches", {}, {})
    assert checked(project)["statsig_events/everything_due_is_sent"].passed


def test_a_halted_destination_is_a_failed_check_that_says_why(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    project.receiver.play([Rule(actions=[answer(401)])])
    project.run("ship_batches", {}, {})

    check = checked(project)["statsig_events/everything_due_is_sent"]
    assert not check.passed
    assert (check.description or "").startswith("the destination fivetran is halted: ")
    project.receiver.play([])
    resume(project.config)
    project.run("ship_batches", {}, {})
    assert checked(project)["statsig_events/everything_due_is_sent"].passed


def test_what_waits_behind_an_open_breaker_is_overdue_all_the_same(project: Project):
    project.fill([DAYS[0]])
    project.export_days(DAYS[0], DAYS[0])
    two_hours_ms = timedelta(hours=2) // timedelta(milliseconds=1)
    change_ledger(project, update(batches).values(due_ms=batches.c.due_ms - two_hours_ms))
    with ledger_of(project.config) as ledger:
        ledger.set_breaker("fivetran", openings=1, probe_ms=round(time.time() * 1000) + 600_000)

    assert due_partitions(project.config) == []
    assert not checked(project)["statsig_events/everything_due_is_sent"].passed


def test_a_source_that_is_away_is_one_failed_step_with_what_to_do(project: Project, monkeypatch):
    project.fill([DAYS[0]])
    monkeypatch.setenv("STATSIG_DATABASE_URL", "postgresql://nobody:hidden@127.0.0.1:1/none")
    result = project.export_days(DAYS[0], DAYS[0])

    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    metadata = {name: value.value for name, value in failed.user_failure_data.metadata.items()}
    assert (metadata["error"], metadata["exit code"]) == ("SourceError", 3)
    assert "hidden" not in str(metadata)


def test_a_missed_window_shows_as_stale(project: Project):
    graph = project.definitions().resolve_asset_graph()
    for key in (EVENTS, DELIVERED):
        policy = graph.get(key).freshness_policy
        assert policy is not None
        assert policy.fail_window.to_timedelta() == timedelta(days=2, seconds=1)


@pytest.mark.fault("F295")
def test_a_window_that_was_skipped_is_named_by_a_check_and_by_status(project: Project):
    project.fill()
    for day in (DAYS[0], DAYS[2], DAYS[3]):
        assert project.export_days(day, day).success
    project.configure('lookback = "10d"', 'lookback = "1d"')

    found = evaluations(project.run("check_deliveries", {}, {}))["events/every_window_is_exported"]

    assert not found.passed
    assert found.description == f"closed windows that were never exported: 1, the first {DAYS[1]}"
    shown = CliRunner().invoke(cli, ["--config", str(project.config_path), "status"])
    assert re.search(rf"{DAYS[1]}\W+not exported", shown.stdout)

    assert project.export_days(DAYS[1], DAYS[1]).success
    assert evaluations(project.run("check_deliveries", {}, {}))["events/every_window_is_exported"].passed
