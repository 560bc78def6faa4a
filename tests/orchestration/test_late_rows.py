from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, EXPORT_TOML, SECRET, Project
from sqlalchemy import create_engine, delete, insert

from statsig_export.account import Account, total
from statsig_export.dagster.events import sensors as late_rows
from statsig_export.dagster.events.sensors import late_rows_sensor
from statsig_export.dagster.keys import RANGE_END, RANGE_START
from statsig_export.export.export import export_window
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, SDK_EVENTS, create_tables
from statsig_export.maintenance.prune import prune
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.source.statement import PlacedTable
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import EXPOSURES as EXPOSURE_CATEGORIES
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

OTHERS = [Category.CONFIG_CHANGE, Category.CUSTOM_EVENT]
UNCHANGED = "every exported window of the lookback holds as many rows as it held"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Dagster in memory: the sensor asks the ledger, and of Dagster only the runs."""
    with (
        Receiver(auth=Authentication("hmac", secret=SECRET), strict_delivery=True) as receiver,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        made = Project(tmp_path, receiver, instance)
        made.config_path.write_text(EXPORT_TOML)
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


def ticked(project: Project) -> tuple[list[dg.RunRequest], str]:
    """The late rows sensor, as the daemon evaluates it."""
    definitions = project.definitions()
    with dg.build_sensor_context(
        instance=project.instance,
        definitions=definitions,
        resources={"statsig_export": (definitions.resources or {})["statsig_export"]},
    ) as context:
        tick = late_rows_sensor.evaluate_tick(context)
    return list(tick.run_requests or ()), tick.skip_message or ""


def export(project: Project, *days: str, of: Sequence[Category] | None = None) -> None:
    """As from the command line: what counts is the ledger's word, whoever ran the export."""
    for day in days:
        export_window(project.config, window_from_key(day, project.config.windows), of)


def carry_out(project: Project, requests: Sequence[dg.RunRequest]) -> None:
    for request in requests:
        assert project.run("export_events", request.run_config, request.tags).success


def boxes(requests: Sequence[dg.RunRequest]) -> list[tuple[str, str]]:
    return [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests]


def noon(day: str) -> datetime:
    return datetime.fromisoformat(day) + timedelta(hours=12)


def add_purchase(project: Project, day: str) -> None:
    at = noon(day)
    execute(project, insert(CUSTOM_EVENTS), [{"event_name": "purchase", "timestamp": at, "ingested_at": at}])


def add_config_exposure(project: Project, day: str, **columns: object) -> None:
    row = {"exposure_type": "config", "name": "a_config", "rule_id": "r", "unit_type": "userID", **columns}
    execute(project, insert(EXPOSURES), [{**row, "timestamp": noon(day), "ingested_at": noon(day)}])


def execute(project: Project, statement, rows: Sequence[dict[str, object]] = ()) -> None:
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(statement, list(rows)) if rows else connection.execute(statement)
    engine.dispose()


def account(project: Project) -> Account:
    return total(line.account for line in status(project.config))


def test_without_an_export_there_is_nothing_to_compare(project: Project):
    project.fill()

    assert ticked(project) == ([], UNCHANGED)


def test_a_window_that_holds_what_was_exported_is_left_alone(project: Project):
    project.fill()
    export(project, *DAYS)

    assert ticked(project) == ([], UNCHANGED)


def test_a_late_row_is_exported_by_the_run_that_the_sensor_asks_for_and_sent_once(project: Project):
    project.fill(DAYS[:2])
    export(project, *DAYS[:2])
    ship(project.config)
    add_purchase(project, DAYS[1])

    requests, _ = ticked(project)
    carry_out(project, requests)

    assert boxes(requests) == [(f"gate_exposure|{DAYS[1]}", f"custom_event|{DAYS[1]}")]
    assert account(project).pending == 1
    assert ship(project.config).sent == 1
    assert len(project.receiver.events()) == 11
    assert ticked(project) == ([], UNCHANGED)


def test_neighbouring_windows_that_changed_alike_are_one_run(project: Project):
    project.fill()
    export(project, *DAYS)
    project.fill(DAYS[1:3])

    requests, _ = ticked(project)

    assert boxes(requests) == [(f"gate_exposure|{DAYS[1]}", f"custom_event|{DAYS[2]}")]


def test_a_deleted_row_is_exported_once_retracts_nothing_and_is_not_asked_for_again(project: Project):
    project.fill([DAYS[0]])
    export(project, DAYS[0])
    before = account(project)
    execute(project, delete(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.event_name == "purchase"))

    requests, _ = ticked(project)
    carry_out(project, requests)

    assert len(requests) == 1
    assert account(project).pending == before.pending == 5
    assert ticked(project) == ([], UNCHANGED)


def test_a_row_of_the_category_that_was_not_exported_changes_nothing(project: Project):
    project.fill([DAYS[0]])
    export(project, DAYS[0], of=[Category.GATE_EXPOSURE])
    add_purchase(project, DAYS[0])

    assert ticked(project) == ([], UNCHANGED)


def test_only_the_categories_of_the_run_that_missed_rows_are_exported_again(project: Project):
    project.fill([DAYS[0]])
    export(project, DAYS[0], of=EXPOSURE_CATEGORIES)
    export(project, DAYS[0], of=OTHERS)
    add_purchase(project, DAYS[0])

    requests, _ = ticked(project)

    assert boxes(requests) == [(f"config_change|{DAYS[0]}", f"custom_event|{DAYS[0]}")]


def test_rows_that_a_read_yields_and_another_category_owns_end_in_no_loop(project: Project):
    """Reading experiments yields configs as well: which of them they are, their group tells."""
    project.fill([DAYS[0]])
    add_config_exposure(project, DAYS[0])
    add_config_exposure(project, DAYS[0], group_name="treatment")
    project.configure("[filter.custom_events]", "[filter]\nexposures = { config = false }\n[filter.custom_events]")
    export(project, DAYS[0], of=[Category.GATE_EXPOSURE, Category.EXPERIMENT_EXPOSURE])
    assert ticked(project) == ([], UNCHANGED)

    add_config_exposure(project, DAYS[0])
    requests, _ = ticked(project)
    carry_out(project, requests)

    assert requests
    assert ticked(project) == ([], UNCHANGED)


def test_a_log_of_all_categories_is_compared_as_a_whole_though_some_are_switched_off(project: Project):
    project.configure("[windows]", 'layout = "sdk_log"\n[windows]')
    project.configure("[filter.custom_events]", "[filter]\nexposures = false\n[filter.custom_events]")
    engine = create_engine(project.environ["STATSIG_DATABASE_URL"])
    create_tables(engine, "sdk_log")
    engine.dispose()
    at = noon(DAYS[0])
    names = ("purchase", "statsig::gate_exposure", "statsig::layer_exposure")
    logged = [{"received_at": at, "event": {"eventName": name, "time": 1_793_709_015_123}} for name in names]
    execute(project, insert(SDK_EVENTS), logged)
    export(project, DAYS[0], of=OTHERS)
    assert ticked(project) == ([], UNCHANGED)

    execute(project, insert(SDK_EVENTS), logged[:1])
    requests, _ = ticked(project)
    carry_out(project, requests)

    assert boxes(requests) == [(f"config_change|{DAYS[0]}", f"custom_event|{DAYS[0]}")]
    assert account(project).pending == 2
    assert ticked(project) == ([], UNCHANGED)


def test_a_window_before_the_lookback_is_not_looked_at(project: Project):
    project.fill()
    export(project, *DAYS)
    add_purchase(project, DAYS[0])
    project.configure('lookback = "10d"', 'lookback = "1d"')

    assert ticked(project) == ([], UNCHANGED)


def test_a_window_that_a_live_run_exports_is_left_to_it(project: Project):
    project.fill([DAYS[0]])
    export(project, DAYS[0])
    add_purchase(project, DAYS[0])
    job = project.definitions().resolve_job_def("export_events")
    tags = {RANGE_START: f"gate_exposure|{DAYS[0]}", RANGE_END: f"custom_event|{DAYS[0]}"}
    project.instance.create_run_for_job(job, tags=tags, status=dg.DagsterRunStatus.STARTED)

    assert ticked(project) == ([], "windows that have changed: 1, all of them being exported")


def test_a_tick_asks_for_few_runs_the_oldest_windows_first_and_the_next_for_the_rest(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.fill()
    export(project, *DAYS)
    for day in (DAYS[0], DAYS[2]):
        add_purchase(project, day)
    monkeypatch.setattr(late_rows, "MAX_REQUESTS", 1)

    first, _ = ticked(project)
    carry_out(project, first)
    second, _ = ticked(project)

    assert [window for _, window in boxes([*first, *second])] == [f"custom_event|{day}" for day in (DAYS[0], DAYS[2])]


def test_a_window_that_was_pruned_is_never_asked_for_again(project: Project):
    project.fill([DAYS[0]])
    export(project, DAYS[0])
    ship(project.config)
    end = datetime.fromisoformat(DAYS[1]).replace(tzinfo=UTC)
    prune(project.config, end, datetime.now(UTC) + timedelta(days=30))
    add_purchase(project, DAYS[0])

    assert ticked(project)[0] == []


def test_a_range_whose_run_failed_is_asked_for_again_after_a_pause(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill([DAYS[0]])
    export(project, DAYS[0])
    add_purchase(project, DAYS[0])
    (request,), _ = ticked(project)
    with monkeypatch.context() as meanwhile:
        meanwhile.setenv("STATSIG_DATABASE_URL", "sqlite:///nowhere.db")
        assert not project.run("export_events", request.run_config, request.tags).success

    assert ticked(project) == ([], f"windows that have changed: 1; {late_rows.PAUSED}")

    monkeypatch.setattr(late_rows, "pause_after", lambda _: 0)
    (again,), _ = ticked(project)
    assert boxes([again]) == boxes([request])
    assert again.run_key != request.run_key


@pytest.mark.fault("F297")
def test_the_lookback_is_counted_by_one_statement_a_table(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.configure("[windows]", '[windows]\nevery = "hour"')
    project.fill()
    hours = [f"{day}-{hour:02}:00" for day in DAYS[:2] for hour in range(24)]
    for hour in hours:
        export_window(project.config, window_from_key(hour, project.config.windows))
    add_purchase(project, DAYS[1])
    statements = []
    compiled = PlacedTable.count_rows_by
    monkeypatch.setattr(
        PlacedTable, "count_rows_by", lambda *asked: statements.append(asked[0].table.table) or compiled(*asked)
    )

    requests, _ = ticked(project)

    assert [window for _, window in boxes(requests)] == [f"custom_event|{DAYS[1]}-12:00"]
    assert sorted(statements) == ["custom_events", "exposures"]


@pytest.mark.fault("F297")
def test_a_tick_whose_time_is_over_says_where_the_next_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.fill()
    export(project, *DAYS)
    add_purchase(project, DAYS[3])
    monkeypatch.setattr("statsig_export.export.late_rows.WINDOWS_A_STATEMENT", 2)
    monkeypatch.setattr(late_rows, "BUDGET", timedelta(seconds=-1))
    definitions = project.definitions()

    def tick(cursor: str | None):  # noqa: ANN202  Dagster has no public name for it
        (sensor,) = [each for each in definitions.sensors or () if each.name == "late_rows_sensor"]
        with dg.build_sensor_context(
            instance=project.instance,
            cursor=cursor,
            definitions=definitions,
            resources={"statsig_export": (definitions.resources or {})["statsig_export"]},
        ) as context:
            return sensor.evaluate_tick(context)

    first = tick(None)
    second = tick(first.cursor)

    assert (first.run_requests, first.cursor) == ([], DAYS[2])
    assert [box[1] for box in boxes(second.run_requests)] == [f"custom_event|{DAYS[3]}"]
    assert second.cursor == late_rows.FROM_THE_FIRST


@pytest.mark.fault("F296")
def test_a_lookback_of_nothing_switches_late_rows_off(project: Project):
    project.fill()
    export(project, *DAYS)
    add_purchase(project, DAYS[3])
    project.configure('lookback = "10d"', 'lookback = "0s"')

    assert ticked(project) == ([], 'late rows are not looked for: [windows] lookback is "0s"')
