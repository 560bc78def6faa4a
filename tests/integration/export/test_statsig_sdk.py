"""Statsig's own SDK as the judge: it is driven offline, what it logs is laid into `sdk_log`, and the export is held
against the calls that were made.

What is expected is computed here from the calls, the hand-written configuration and the documented format; of the
library only its verbs are used. statsig-python-core runs in a process of its own and reaches nothing but loopback.
"""

import json
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest
from home import ExportHome
from sdk_calls import CALLS, EXPERIMENTS, FLUSH, NAMELESS, SECRET, UNIT_TYPES, Call
from sdk_collector import LOG_EVENT_PATH, SPECS_PATH, SdkCollector
from sdk_config_spec import GATES, TIME_MS, VERSION
from sqlalchemy import create_engine, insert

from statsig_export.layouts.native_tables import SDK_EVENTS, create_tables
from statsig_export.shipping.status import status

PLAYER = Path(__file__).parents[2] / "builders" / "sdk_player.py"
RECEIVED = datetime(2026, 11, 20, 9)
KEYS = ["eventName", "user", "userID", "timestamp", "statsigMetadata", "value", "metadata", "timeUUID", "unitID"]
TELEMETRY = {"statsig::diagnostics", "statsig::non_exposed_checks"}
SPELLINGS = {
    "user_id": "userID",
    "custom_ids": "customIDs",
    "user_agent": "userAgent",
    "app_version": "appVersion",
    "statsig_environment": "statsigEnvironment",
}


@dataclass(frozen=True)
class Session:
    """What the SDK answered (one entry a call, with the milliseconds around it) and what it logged."""

    played: list[dict]
    collector: SdkCollector

    @property
    def logged_names(self) -> Counter[str]:
        return Counter(event["eventName"] for request in self.collector.logged for event in request.events)

    @property
    def received_at_ms(self) -> str:
        """When the configuration came in, as the SDK tells its callers."""
        (first, *others) = {
            entry["answer"]["details"]["received_at"]
            for call, entry in zip(CALLS, self.played, strict=True)
            if call.method == "get_feature_gate"
        }
        assert not others
        return str(first)


def play(collector: SdkCollector, url: str, folder: Path, calls: tuple[Call, ...]) -> list[dict]:
    """Run the SDK; its proxy is the collector, which refuses to pass anything on."""
    given, played = folder / "calls.json", folder / "played.json"
    given.write_text(json.dumps([asdict(call) for call in calls]))
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), collector.url)
    environ = {**proxies, **{name.lower(): value for name, value in proxies.items()}, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, str(PLAYER), url, str(given), str(played)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[dict] = json.loads(played.read_text())
    return answers


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with SdkCollector() as collector:
        played = play(collector, collector.url, tmp_path_factory.mktemp("sdk"), CALLS)
        yield Session(played, collector)


def ingest(home: ExportHome, collector: SdkCollector) -> int:
    """Lay what was logged into the table, as who collects SDK traffic would: one row an event, in order of arrival."""
    rows = [
        {"event": event, "statsig_metadata": request.statsig_metadata, "received_at": RECEIVED + timedelta(minutes=n)}
        for n, request in enumerate(collector.logged)
        for event in request.events
    ]
    engine = create_engine(home.source_url)
    create_tables(engine, "sdk_log")
    with engine.begin() as connection:
        connection.execute(insert(SDK_EVENTS), rows)
    engine.dispose()
    return len(rows)


def expected_user(call: Call) -> dict:
    given = {SPELLINGS.get(name, name): value for name, value in call.user.items() if name != "private_attributes"}
    return {"userID": "", "statsigEnvironment": {"tier": "staging"}, **given}


def expected_metadata(call: Call, session: Session) -> dict[str, str]:
    if call.unit_id is None:
        return call.event_metadata
    of_every_exposure = {"reason": call.reason, "lcut": str(TIME_MS), "receivedAt": session.received_at_ms}
    version_of_spec = {"configVersion": str(VERSION)} if call.reason.endswith(":Recognized") else {}
    return {**call.event_metadata, **of_every_exposure, **version_of_spec}


def expected_sampling(call: Call, earlier: set[tuple[str, str]]) -> dict:
    """What the SDK's shadow mode notes of an exposure, but not of a rule's first, nor where other gates were asked."""
    if call.unit_id is None or call.name == "guarded":
        return {}
    rule = (call.name, call.event_metadata["ruleID"])
    if rule not in earlier:
        earlier.add(rule)
        return {}
    rate = GATES["sampled"]["rules"][0]["samplingRate"] if call.name == "sampled" else None
    return {"samplingRate": rate, "samplingMode": "shadow", "shadowLogged": "logged"}


def expected_events(session: Session) -> dict[int, dict]:
    """Call -> what has to arrive of it, but for the timestamp and the timeUUID."""
    requests = iter(session.collector.logged)
    request = next(requests)
    earlier: set[tuple[str, str]] = set()
    expected = {}
    for number, call in enumerate(CALLS):
        if call.method == FLUSH.method:
            request = next(requests)
        if call.arrives:
            expected[number] = {
                "eventName": call.event_name,
                "user": expected_user(call),
                "userID": call.user.get("user_id", ""),
                "statsigMetadata": {**request.statsig_metadata, **expected_sampling(call, earlier)},
                "value": call.event_value,
                "metadata": expected_metadata(call, session),
                **({} if call.unit_id is None else {"unitID": call.unit_id}),
            }
    return expected


def exactly(value: object) -> str:
    """JSON text that tells 3 from 3.0 and true from 1, but not the order of keys."""
    return json.dumps(value, sort_keys=True)


def check(event: dict, wanted: dict, played: dict) -> None:
    """Every key of one received event."""
    assert list(event) == [key for key in KEYS if key != "unitID" or key in wanted]
    assert type(event["timestamp"]) is int
    assert played["before"] <= event["timestamp"] <= played["after"]
    assert str(uuid.UUID(event["timeUUID"])) == event["timeUUID"]
    assert exactly({key: event[key] for key in event if key not in {"timestamp", "timeUUID"}}) == exactly(wanted)
    if "unitID" in wanted:
        documented = [key for key in ("gate", "config", "gateValue", "ruleID", "reason") if key in wanted["metadata"]]
        assert list(event["metadata"])[: len(documented)] == documented


def test_every_call_of_the_sdk_arrives_as_the_event_that_it_was(any_home: ExportHome, session: Session):
    any_home.set("source", layout="sdk_log", unit_types=UNIT_TYPES, exposure_types=EXPERIMENTS)
    any_home.set("webhook", max_events=7)
    rows = ingest(any_home, session.collector)
    report = any_home.export()
    any_home.ship()

    events = any_home.receiver.events()
    expected = expected_events(session)
    by_call: dict[int, list[dict]] = {}
    for event in events:
        by_call.setdefault(event["user"]["custom"]["call"], []).append(event)
    assert {number: len(found) for number, found in by_call.items()} == {n: CALLS[n].arrives for n in expected}
    for number, found in by_call.items():
        for event in found:
            check(event, expected[number], session.played[number])
    assert len({event["timeUUID"] for event in events}) == len(events)
    assert "privateAttributes" not in json.dumps(events)
    assert SECRET not in json.dumps(events)

    account = any_home.account()
    telemetry = sum(session.logged_names[name] for name in TELEMETRY)
    assert report.rows_read == rows == account.events
    assert account.balances
    assert account.forwarded == len(events) == sum(call.arrives for call in CALLS)
    assert account.filtered_by == {"sdk_telemetry": telemetry}
    assert account.failed_by == {"missing_event_name": 1}
    forwarded = {line.category.value: line.account.forwarded for line in status(any_home.config)}
    of_kind = Counter(dict.fromkeys(forwarded, 0))
    for call in CALLS:
        kind = call.event_name.removeprefix("statsig::") if call.unit_id else "custom_event"
        of_kind[kind] += call.arrives
    assert forwarded == of_kind


def test_the_sdk_answers_its_caller_what_the_configuration_says(session: Session):
    for call, played in zip(CALLS, session.played, strict=True):
        answer = played["answer"]
        told = {key: answer[key] for key in call.answer} if isinstance(call.answer, dict) else answer
        assert (call.name, told) == (call.name, call.answer)


def test_the_sdk_logs_what_the_calls_say_and_telemetry_besides(session: Session):
    called = Counter({NAMELESS.event_name: 1})
    for call in CALLS:
        called[call.event_name.replace("experiment_exposure", "config_exposure")] += call.arrives
    logged = session.logged_names
    assert {name: count for name, count in logged.items() if name not in TELEMETRY} == dict(called)
    assert set(logged) >= TELEMETRY


def test_the_sdk_logs_no_sign_that_a_config_is_an_experiment_nor_its_group(session: Session):
    events = [event for request in session.collector.logged for event in request.events]
    exposures = [event["metadata"] for event in events if event["eventName"] == "statsig::config_exposure"]
    by_config = {metadata["config"]: set(metadata) for metadata in exposures}

    assert by_config["button_color"] == by_config["banner"]


def test_the_sdk_comes_to_the_collector_for_its_configuration_and_its_log_and_nowhere_else(session: Session):
    paths = {path.removesuffix(".json") for _, path in session.collector.asked}
    assert {path.rpartition("/")[0] if path.startswith(SPECS_PATH) else path for path in paths} == {
        SPECS_PATH,
        LOG_EVENT_PATH,
    }
    assert session.collector.refused == []
    flushes = [request.statsig_metadata["flushType"] for request in session.collector.logged]
    assert flushes == ["manual", "shutdown"]
    for request in session.collector.logged:
        assert request.headers["statsig-event-count"] == str(len(request.events))
        assert request.statsig_metadata["sdkType"] == "statsig-server-core-python"
        assert request.statsig_metadata["sdkVersion"] == version("statsig-python-core")
