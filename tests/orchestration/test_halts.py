"""A destination that refuses, partitions that somebody else ships, and what the sensor then does tick after tick."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster_folder import DAYS, SECRET, Project, what_failed

from statsig_export.dagster.delivery import sensors as ship_sensor
from statsig_export.export.export import export_window
from statsig_export.ledger import queries
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.transactions import ledger_of
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.windows import split_partition_key, window_from_key

REFUSES = [Rule(actions=(answer(401),))]


def exported(project: Project, *days: str) -> None:
    """One export run a day, so that each day is a ship run of its own."""
    project.fill(days)
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows))


def shipped(project: Project, requests: list[dg.RunRequest]) -> list[bool]:
    return [project.carry_out(request).success for request in requests]


def failure_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """The metadata of the run's one failed step: what an alert is made of."""
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    return {label: value.value for label, value in failure.user_failure_data.metadata.items()}


@contextmanager
def held(project: Project, partition: str) -> Iterator[None]:
    """As a long `statsig-export ship` in a terminal holds it."""
    with ledger_of(project.config) as ledger:
        (number,) = queries.partition_ids(ledger.database, "fivetran", [split_partition_key(partition)]).values()
        with closing(open_locks(ledger.database.engine)) as locks:
            assert locks.acquire(lock_name(number))
            yield


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, timedelta]]:
    """The sensor's clock: `later["by"]` ahead of ours."""
    ahead = {"by": timedelta(0)}

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            assert tz is UTC
            return datetime.now(UTC) + ahead["by"]

    monkeypatch.setattr(ship_sensor, "datetime", Clock)
    return ahead


@pytest.mark.fault("F44")
def test_a_halted_destination_is_one_failed_run_however_many_were_asked_for_and_however_often_the_sensor_ticks(
    project: Project,
):
    exported(project, *DAYS[:3])
    project.receiver.play(REFUSES)

    requests, _ = project.tick()
    outcomes = shipped(project, requests)
    ticks = [project.tick() for _ in range(10)]

    assert outcomes == [False, True, True]
    assert {reason.split(": ")[0] for _, reason in ticks} == {"the destination fivetran is halted"}
    assert not any(asked for asked, _ in ticks)
    assert len(project.receiver.requests) <= project.config.webhook.concurrency
    failed = project.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert len(failed) == 1
    assert failed[0].tags["statsig_export/outcome"] == "halted"


def test_the_failed_run_tells_an_alert_what_happened_in_counts(project: Project):
    exported(project, DAYS[0])
    project.receiver.play(REFUSES)
    (request,), _ = project.tick()

    told = failure_of(project.carry_out(request))

    assert 1 <= told.pop("requests") <= project.config.webhook.concurrency
    assert str(told.pop("what happened")).startswith("the webhook refuses the set-up (HTTP 401")
    assert "statsig-export resume" in str(told.pop("what to do"))
    assert told == {
        "error": "DestinationError",
        "exit code": 4,
        "destination": "fivetran",
        "delivered events": 0,
        "forwarded": 0,
        "pending": 5,
        "failed": 0,
    }


def test_after_resume_shipping_goes_on_at_the_next_tick(project: Project):
    exported(project, *DAYS[:2])
    project.receiver.play(REFUSES)
    shipped(project, project.tick()[0])
    project.receiver.play([])
    resume(project.config)

    requests, _ = project.tick()

    assert shipped(project, requests) == [True, True]
    assert len(project.receiver.events()) == 10


def test_a_secret_that_was_put_right_ends_the_halt_by_itself(project: Project, monkeypatch: pytest.MonkeyPatch):
    exported(project, DAYS[0])
    monkeypatch.setenv("FIVETRAN_WEBHOOK_SECRET", "the-old-key")
    assert shipped(project, project.tick()[0]) == [False]
    assert project.tick()[0] == []
    monkeypatch.setenv("FIVETRAN_WEBHOOK_SECRET", SECRET)

    requests, _ = project.tick()

    assert shipped(project, requests) == [True]
    assert len(project.receiver.events()) == 5


def test_a_run_started_by_hand_says_that_the_destination_is_halted(project: Project):
    exported(project, DAYS[0])
    project.receiver.play(REFUSES)
    shipped(project, project.tick()[0])

    result = project.run("ship_batches", {}, {})

    assert not result.success
    assert what_failed(result).startswith("the webhook refuses the set-up (HTTP 401")


def test_while_a_terminal_ships_a_partition_the_sensor_tries_ever_more_rarely(
    project: Project, later: dict[str, timedelta]
):
    exported(project, DAYS[0])
    busy = f"gate_exposure|{DAYS[0]}"
    with held(project, busy):
        runs = 0
        for minute in range(0, 60, 4):
            later["by"] = timedelta(minutes=minute)
            requests, reason = project.tick()
            assert requests or reason == f"partitions due: 1; {ship_sensor.PAUSED}"
            runs += len(requests)
            assert all(shipped(project, requests))

    assert 3 <= runs <= 7
    assert {event["eventName"] for event in project.receiver.events()} == {"purchase"}
    later["by"] = timedelta(hours=3)
    assert shipped(project, project.tick()[0]) == [True]
    assert len(project.receiver.events()) == 5
