"""The runs as an OpenLineage server hears of them, through the official client; and what becomes of a run it fails."""

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from home import DAY, ExportHome
from openlineage_server import OURS, LineageServer, check, lineage_server
from rows import custom_event, exposure

from statsig_export.errors import ConfigError, DestinationError, PartitionFileError, SourceError
from statsig_export.export.export import export_window
from statsig_export.export.exporter import Exporter
from statsig_export.layouts.placement import source_tables
from statsig_export.lineage.columns import feeding_columns
from statsig_export.openlineage import emitter as telling
from statsig_export.openlineage.events import MOST_PARTITIONS, RunEvents
from statsig_export.runs import Job, RunStart
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import EVENT_KEYS, Category
from statsig_export.windows import partition_key

DAGSTER_RUN = "0b5c3a30-6a49-4a8e-94c6-3a4b1f3a9a11"
CUSTOM = partition_key(Category.CUSTOM_EVENT, DAY)


@pytest.fixture(autouse=True)
def _talkative(home: ExportHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Emission is on, waited for on a busy machine too, and no test keeps the next one silent."""
    monkeypatch.setattr(telling._Silence, "until", 0.0)
    monkeypatch.setattr(telling._Waited, "seconds", 0.0)
    monkeypatch.setattr(telling, "PATIENCE", 60)
    home.set("lineage", openlineage=True)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LineageServer]:
    with lineage_server() as server:
        monkeypatch.setenv("OPENLINEAGE_URL", server.url)
        yield server
        server.gate.set()
        for thread in threading.enumerate():
            if thread.name == "openlineage":
                thread.join(10)


def filled(home: ExportHome) -> ExportHome:
    home.add([custom_event(1), custom_event(2)], [exposure(1)])
    return home


def of(event: dict, side: str, name: str) -> dict:
    """One dataset of an event."""
    (found,) = (dataset for dataset in event[side] if dataset["name"].endswith(name))
    return found


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_an_export_is_told_with_its_window_its_tables_and_its_files(home: ExportHome, server: LineageServer):
    report = export_window(filled(home).config, home.window(), orchestrator_run_id=DAGSTER_RUN)
    started, completed = server.events

    for event in server.events:
        check(event)
    assert [event["eventType"] for event in server.events] == ["START", "COMPLETE"]
    assert started["run"]["runId"] == completed["run"]["runId"]
    assert (completed["job"]["namespace"], completed["job"]["name"]) == ("statsig_export", "export_window")
    facets = completed["run"]["facets"]
    assert facets["nominalTime"]["nominalStartTime"] == "2026-11-20T00:00:00+00:00"
    assert facets["nominalTime"]["nominalEndTime"] == "2026-11-21T00:00:00+00:00"
    assert facets["parent"]["run"]["runId"] == facets[OURS]["orchestratorRunId"] == DAGSTER_RUN
    assert facets[OURS]["runId"] == report.run_id
    assert facets[OURS]["filter"] == home.config.filter_fingerprint()
    assert facets[OURS]["account"] == report.account.to_dict()
    assert all(statement in completed["job"]["facets"]["sql"]["query"] for statement in report.queries.values())
    assert [dataset["name"] for dataset in started["inputs"]] == ["exposures", "custom_events"]
    assert len(started["outputs"]) == len(Category)
    assert all(dataset["outputFacets"] == {} for dataset in started["outputs"])
    files, written = of(completed, "outputs", "category=custom_event"), report.partitions[Category.CUSTOM_EVENT]
    assert (files["namespace"], files["name"]) == ("file", f"{home.folder}/files/events/category=custom_event")
    statistics = files["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (2, written.file_bytes, 1)
    assert files["facets"]["version"]["datasetVersion"] == written.digest
    none = of(completed, "outputs", "category=layer_exposure")
    assert none["outputFacets"]["outputStatistics"]["rowCount"] == 0
    assert "version" not in none["facets"]


def test_each_column_of_the_files_names_the_source_columns_that_feed_it(home: ExportHome, server: LineageServer):
    export_window(filled(home).config, home.window())
    _, table = source_tables(home.config.source)
    told = of(server.events[1], "outputs", "category=custom_event")["facets"]["columnLineage"]

    feeding = {name: [each["field"] for each in field["inputFields"]] for name, field in told["fields"].items()}
    assert feeding == {name: list(columns) for name, columns in feeding_columns(table).items()}
    assert {each["name"] for field in told["fields"].values() for each in field["inputFields"]} == {"custom_events"}
    (window,) = told["dataset"]
    assert (window["field"], window["transformations"][0]["subtype"]) == ("ingested_at", "FILTER")
    source = of(server.events[1], "inputs", "custom_events")
    assert told["fields"]["event"]["inputFields"][0]["namespace"] == source["namespace"]
    assert set(feeding["event"]) | {"ingested_at"} == {each["name"] for each in source["facets"]["schema"]["fields"]}


def test_a_shipment_is_told_with_what_was_delivered_and_to_whom_by_name(home: ExportHome, server: LineageServer):
    filled(home).export()
    server.events.clear()
    report = ship(home.config, orchestrator_run_id=DAGSTER_RUN)
    started, completed = server.events

    for event in server.events:
        check(event)
    assert [event["eventType"] for event in server.events] == ["START", "COMPLETE"]
    assert (started["inputs"], started["job"]["name"]) == ([], "ship")
    assert completed["run"]["facets"]["parent"]["job"]["name"] == "ship_batches"
    assert completed["run"]["facets"][OURS]["runId"] == report.run_id
    assert set(completed["run"]["facets"][OURS]["partitions"]) == set(report.shipments)
    files = of(completed, "inputs", "category=custom_event")
    assert (files["inputFacets"]["inputStatistics"]["rowCount"], len(completed["inputs"])) == (2, 2)
    (destination,) = completed["outputs"]
    assert (destination["namespace"], destination["name"]) == ("webhook", "fivetran")
    assert destination["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert {each["name"] for each in destination["facets"]["schema"]["fields"]} == set(EVENT_KEYS)
    (origin, _) = destination["facets"]["columnLineage"]["fields"]["timeUUID"]["inputFields"]
    assert origin["name"].endswith("/events/category=gate_exposure")


def test_the_files_that_a_shipment_reads_are_the_files_that_an_export_wrote(home: ExportHome, server: LineageServer):
    filled(home).export()
    home_ship = home.ship()
    _, exported, _, shipped = server.events

    assert home_ship.sent == 3
    written = {(dataset["namespace"], dataset["name"]) for dataset in exported["outputs"]}
    assert {(dataset["namespace"], dataset["name"]) for dataset in shipped["inputs"]} < written


def test_a_replay_is_told_too(home: ExportHome, server: LineageServer):
    filled(home).export()
    home.ship()
    server.events.clear()
    replay(home.config, [CUSTOM])

    for event in server.events:
        check(event)
    assert [(event["eventType"], event["job"]["name"]) for event in server.events] == [
        ("START", "replay"),
        ("COMPLETE", "replay"),
    ]
    assert server.events[1]["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_an_exporter_is_heard_of_without_the_function_around_it(home: ExportHome, server: LineageServer):
    with Exporter(filled(home).config) as exporter:
        exporter.export(home.window())

    assert [event["eventType"] for event in server.events] == ["START", "COMPLETE"]
    assert server.events[1]["job"]["name"] == "export_window"


def test_a_shipment_that_lost_a_file_is_told_with_what_arrived_all_the_same(home: ExportHome, server: LineageServer):
    filled(home).export()
    next((home.folder / "files" / "events" / "category=gate_exposure").rglob("*.parquet")).unlink()
    server.events.clear()
    with pytest.raises(PartitionFileError):
        home.ship()
    failed = server.events[1]

    check(failed)
    assert failed["eventType"] == "FAIL"
    assert failed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_a_file_is_written_where_the_clients_own_configuration_says_so(
    home: ExportHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told, settings = tmp_path / "told.jsonl", tmp_path / "openlineage.yml"
    settings.write_text(f"transport:\n  type: file\n  log_file_path: {told}\n  append: true\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(settings))
    filled(home).export()
    home.ship()

    events = [json.loads(line) for line in told.read_text().splitlines()]
    for event in events:
        check(event)
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("export_window", "START"),
        ("export_window", "COMPLETE"),
        ("ship", "START"),
        ("ship", "COMPLETE"),
    ]


def test_the_clients_key_is_used_and_its_namespace_is_ours(
    home: ExportHome, server: LineageServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "a-key")
    home.set("lineage", namespace="growth")
    filled(home).export()

    assert server.paths == ["/api/v1/lineage"] * 2
    assert server.headers[0]["Authorization"] == "Bearer a-key"
    assert {event["job"]["namespace"] for event in server.events} == {"growth"}


def test_a_failed_export_is_told_with_its_error(home: ExportHome, server: LineageServer):
    home.set("source", exposures={"table": "nowhere"})
    with pytest.raises(SourceError) as raised:
        home.export()
    started, failed = server.events

    check(failed)
    assert (started["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == str(raised.value)


def test_a_configuration_that_does_not_resolve_is_told_as_the_failure_it_is(home: ExportHome, server: LineageServer):
    del home.environ["DB"]
    with pytest.raises(ConfigError):
        home.export()
    with pytest.raises(ConfigError):
        ship(home.config, ["no partition"])

    for event in server.events:
        check(event)
    assert [event["eventType"] for event in server.events] == ["START", "FAIL"] * 2
    assert server.events[1]["run"]["facets"]["errorMessage"]["message"].startswith("the environment variable DB")


def test_a_refused_shipment_is_told_with_what_arrived_before(home: ExportHome, server: LineageServer):
    home.set("webhook", max_events=1, concurrency=1)
    home.add([custom_event(1), custom_event(2, time_uuid="refused")])
    home.export()
    home.receiver.play([Rule(time_uuid="refused", actions=[answer(401)])])
    server.events.clear()
    with pytest.raises(DestinationError):
        home.ship()
    failed = server.events[1]

    check(failed)
    assert failed["eventType"] == "FAIL"
    assert failed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert "HTTP 401" in failed["run"]["facets"]["errorMessage"]["message"]
    assert home.receiver.url not in json.dumps(server.events)


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "ABORT"), (RuntimeError, "FAIL")])
def test_an_interrupt_is_an_abort_and_an_error_that_is_not_ours_is_told_by_its_class(
    home: ExportHome, server: LineageServer, error: type[BaseException], state: str
):
    def stop(_: int) -> None:
        raise error("user-1@example.org")

    with pytest.raises(error):
        export_window(filled(home).config, home.window(), on_progress=stop)

    assert server.events[1]["eventType"] == state
    assert server.events[1]["run"]["facets"]["errorMessage"]["message"] == error.__name__
    assert "example.org" not in json.dumps(server.events)


def test_no_event_holds_a_secret_or_anything_of_what_is_exported(
    home: ExportHome, server: LineageServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(home.environ, "KEY", "the-hmac-key")
    home.set("webhook", auth={"method": "hmac", "secret": "env:KEY"})
    filled(home).export()
    home.receiver.play([Rule(actions=[answer(302, Location=home.receiver.url)])])
    with pytest.raises(DestinationError):
        home.ship()

    told = json.dumps(server.events).replace(str(home.folder), "")
    for secret in ("secret_endpoint", home.receiver.url, "the-hmac-key", "example.org", "user-1", "/home", "page_view"):
        assert secret not in told


def test_an_orchestrators_id_that_is_no_uuid_is_no_parent(home: ExportHome, server: LineageServer):
    export_window(filled(home).config, home.window(), orchestrator_run_id="scheduled__2026-11-20")
    facets = server.events[1]["run"]["facets"]

    assert "parent" not in facets
    assert facets[OURS]["orchestratorRunId"] == "scheduled__2026-11-20"


def test_a_run_of_many_partitions_names_some_of_them(home: ExportHome):
    keys = [partition_key(Category.CUSTOM_EVENT, f"2026-11-20-{hour:02}:00") for hour in range(24)] * 5
    event = RunEvents(RunStart(Job.SHIP, home.config, None, keys)).started(home.window().start)

    assert event.run.facets is not None
    assert len(event.run.facets[OURS].partitions) == MOST_PARTITIONS  # type: ignore[attr-defined]


def test_the_verb_run_tells_of_both_its_halves(home: ExportHome, server: LineageServer):
    filled(home).write()
    result = home.verb("run", "--from", DAY, "--to", "2026-11-21")

    assert result.exit_code == 0
    assert [event["job"]["name"] for event in server.events] == ["export_window"] * 2 + ["ship"] * 2


def test_a_server_that_answers_with_an_error_costs_one_warning_and_nothing_else(
    home: ExportHome, server: LineageServer, caplog: pytest.LogCaptureFixture
):
    server.status = 403
    filled(home).export()
    assert home.ship().sent == 3

    (warning,) = warnings_of(caplog)
    assert warning.startswith("events for OpenLineage were lost: the client failed (HTTPError)")
    assert len(server.events) == 1


def test_a_server_that_is_not_there_costs_one_warning_however_often_the_client_tries(
    home: ExportHome, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    with lineage_server() as gone:
        transport = f"transport:\n  type: http\n  url: {gone.url}\n  retry: {{total: 2, backoff_factor: 0.01}}\n"
    settings = home.folder / "openlineage.yml"
    settings.write_text(transport)
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(settings))
    filled(home).export()
    home.ship()

    (warning,) = warnings_of(caplog)
    assert "failed (ConnectionError)" in warning
    assert gone.url.removeprefix("http://") not in caplog.text


def test_a_server_that_does_not_answer_is_not_waited_for_again(
    home: ExportHome, server: LineageServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    patience = 2.0
    monkeypatch.setattr(telling, "PATIENCE", patience)
    server.gate.clear()
    filled(home).export()
    began = time.monotonic()
    for _ in range(5):
        home.ship()

    assert time.monotonic() - began < 5 * patience
    assert [warning.partition(": ")[2][:35] for warning in warnings_of(caplog)] == [
        "the client did not take them in tim"
    ]


@pytest.mark.fault("F286")
def test_a_server_that_is_slow_costs_one_budget_for_all_windows_and_one_warning(
    home: ExportHome, server: LineageServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "PATIENCE", 0.8)
    monkeypatch.setattr(telling, "QUICK", 0.01)
    server.delay = 0.2
    filled(home)
    for day in range(20, 28):
        home.export(f"2026-11-{day}")

    (warning,) = warnings_of(caplog)
    assert "the client did not take them in time" in warning
    assert len(server.events) < 16
    assert telling._Waited.seconds < 2 * 0.8


@pytest.mark.fault("F286")
def test_a_server_that_is_well_is_told_of_every_window_though_each_waits_a_little(
    home: ExportHome, server: LineageServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "PATIENCE", 30.0)
    monkeypatch.setattr(telling, "QUICK", 30.0)
    filled(home)
    for day in range(20, 28):
        home.export(f"2026-11-{day}")

    assert warnings_of(caplog) == []
    assert len(server.events) == 16
    assert telling._Waited.seconds == 0.0


@pytest.mark.fault("F287")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("transport:\n  type: http\n url: [\n", "cannot read its openlineage.yml"),
        ("", "cannot read its openlineage.yml, or it is empty"),
        ("- canary\n", "cannot be set up (AttributeError)"),
        ("transport:\n  url: http://canary\n", "was not told where to send them"),
        ("canary", "cannot be set up (AttributeError)"),
        ("transport:\n  type: canary\n", "cannot be set up (ImportError)"),
        ("transport:\n  type: http\n", "cannot be set up (RuntimeError)"),
        (
            "transport:\n  type: kafka\n  topic: x\n  config: {}\n",
            "needs the module confluent_kafka, which its transport",
        ),
    ],
)
def test_a_configuration_of_the_client_that_is_broken_is_one_line_however_many_runs_there_are(
    home: ExportHome, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, settings: str, said: str
):
    (home.folder / "openlineage.yml").write_text(settings)
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(home.folder / "openlineage.yml"))
    filled(home).export()
    home.ship()

    (warning,) = warnings_of(caplog)
    assert said in warning
    assert "\n" not in warning
    assert "canary" not in caplog.text


@pytest.mark.fault("F287")
def test_the_console_is_a_transport_where_it_is_asked_for(
    home: ExportHome, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level("INFO", "openlineage.client.transport.console")
    (home.folder / "openlineage.yml").write_text("transport:\n  type: console\n")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(home.folder / "openlineage.yml"))
    filled(home).export()

    assert warnings_of(caplog) == []
    assert '"eventType": "COMPLETE"' in caplog.text


def test_without_the_client_the_run_goes_on_and_says_what_to_install(
    home: ExportHome, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "openlineage.client", None)
    filled(home).export()

    (warning,) = warnings_of(caplog)
    assert "pip install 'statsig-export[openlineage]'" in warning


def test_unless_asked_for_nothing_is_told_and_the_client_is_not_even_imported(home: ExportHome):
    home.set("lineage", openlineage=False)
    filled(home).write()
    code = (
        "import sys; from statsig_export import load_config, window_from_key, export_window, ship\n"
        "config = load_config(sys.argv[1])\n"
        f"export_window(config, window_from_key('{DAY}', config.windows)); ship(config)\n"
        "sys.exit('openlineage' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(home.folder / "export.toml")]

    assert subprocess.run(command, check=False, env=home.environ).returncode == 0
    assert len(home.receiver.events()) == 3
