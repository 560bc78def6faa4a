"""Tables as Statsig itself lays them down, read where they lie: what arrives of each row, key by key."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from rows import exported_event, first_exposure, forwarded_exposure
from statsig_tables import DAY, Laid

from statsig_export.errors import ConfigError
from statsig_export.lineage.frames import failed_rows
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.receiver import Receiver

AT_MS = 1_795_176_000_250
LayDown = Callable[..., Laid]


@pytest.fixture(params=["sqlite", "postgresql/redshift", "postgresql/snowflake"])
def lay_down(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> LayDown:
    database, _, spelling = request.param.partition("/")
    url = f"sqlite:///{tmp_path}/source.db" if database == "sqlite" else request.getfixturevalue("postgres_url")

    def laid(layout: str, **source: object) -> Laid:
        tables = Laid(tmp_path, receiver, url, layout, dict(source))
        tables.create(spelling or database)
        return tables

    return laid


def without_id(events: list[dict]) -> list[dict]:
    return sorted(
        ({key: value for key, value in event.items() if key != "timeUUID"} for event in events), key=json.dumps
    )


def ids(events: list[dict]) -> list[str]:
    return sorted(event["timeUUID"] for event in events)


def test_a_first_exposure_of_an_experiment_arrives_with_its_group_and_its_unit(lay_down: LayDown):
    tables = lay_down("cloud_exports")
    tables.add("exposures", [first_exposure()])

    assert without_id(tables.sent()) == [
        {
            "eventName": "statsig::experiment_exposure",
            "user": {"userID": "user-1", "custom": {"country": "NZ"}},
            "userID": "user-1",
            "timestamp": AT_MS,
            "statsigMetadata": {},
            "value": "",
            "metadata": {"config": "new_checkout", "ruleID": "rule-1", "experimentGroupName": "Test"},
            "unitID": "userID",
        }
    ]


@pytest.mark.parametrize(("group", "value"), [("pass", "true"), ("fail", "false"), ("Pass", "true")])
def test_a_gates_group_is_its_value(lay_down: LayDown, group: str, value: str):
    tables = lay_down("cloud_exports")
    tables.add("exposures", [first_exposure(exposure_type="check_gate", name="a_gate", experiment_group=group)])

    (event,) = tables.sent()
    assert event["eventName"] == "statsig::gate_exposure"
    assert event["metadata"] == {"gate": "a_gate", "gateValue": value, "ruleID": "rule-1"}


@pytest.mark.parametrize(
    ("unit_type", "unit_id", "user", "user_id"),
    [
        ("user_id", "userID", {"userID": "u"}, "u"),
        ("stable_id", "stableID", {"customIDs": {"stableID": "u"}}, ""),
        ("companyID", "companyID", {"customIDs": {"companyID": "u"}}, ""),
    ],
)
def test_the_unit_type_is_spelled_as_unit_ids_are(
    lay_down: LayDown, unit_type: str, unit_id: str, user: dict, user_id: str
):
    tables = lay_down("cloud_exports")
    tables.add("exposures", [first_exposure(unit_type=unit_type, unit_id="u", user_dimensions=None)])

    (event,) = tables.sent()
    assert (event["unitID"], event["user"], event["userID"]) == (unit_id, user, user_id)


def test_an_exported_event_arrives_with_the_ids_that_only_columns_hold(lay_down: LayDown):
    tables = lay_down("cloud_exports")
    tables.add(
        "events",
        [
            exported_event(stable_id="s-1", custom_ids='{"companyID":"c-1"}'),
            exported_event(event_name="bare", user_object=None, custom_ids=None, event_value=None),
            exported_event(
                event_name="told", user_object='{"userID":"told","customIDs":{"stableID":"told"}}', stable_id="s"
            ),
        ],
    )

    events = {event["eventName"]: event for event in tables.sent()}
    assert events["purchase"]["user"] == {
        "userID": "user-1",
        "email": "u@example.org",
        "customIDs": {"companyID": "c-1", "stableID": "s-1"},
    }
    assert events["purchase"]["metadata"] == {"item": "socks"}
    assert events["purchase"]["statsigMetadata"] == {"sdkType": "js"}
    assert (events["purchase"]["value"], events["purchase"]["timestamp"]) == ("19.99", AT_MS)
    assert (events["bare"]["user"], events["bare"]["value"]) == ({"userID": "user-1"}, "")
    assert events["told"]["user"] == {"userID": "told", "customIDs": {"stableID": "told"}}
    assert "unitID" not in events["purchase"]


def test_forwarded_rows_have_one_column_for_each_custom_id(lay_down: LayDown):
    custom = {"custom_ids": {"companyID": "company_id"}}
    tables = lay_down("warehouse_native", exposures=custom, custom_events=custom)
    tables.add(
        "statsig_forwarded_exposures",
        [
            forwarded_exposure(user_id=None, company_id="c-1"),
            forwarded_exposure(
                experiment_id="a_gate", group_name="pass", stable_id="s-1", user_dimensions='{"os":"iOS"}'
            ),
        ],
    )
    tables.add("statsig_forwarded_events", [exported_event(company_id="c-1")])

    events = {event["eventName"]: event for event in tables.sent()}
    experiment = events["statsig::experiment_exposure"]
    assert (experiment["unitID"], experiment["user"]) == ("companyID", {"customIDs": {"companyID": "c-1"}})
    assert experiment["metadata"] == {"config": "new_checkout", "ruleID": "group-1", "experimentGroupName": "Control"}
    gate = events["statsig::gate_exposure"]
    assert gate["user"] == {"userID": "user-1", "customIDs": {"stableID": "s-1"}, "custom": {"os": "iOS"}}
    assert (gate["unitID"], gate["metadata"]["gateValue"]) == ("userID", "true")
    assert events["purchase"]["user"]["customIDs"] == {"companyID": "c-1"}


def test_the_configuration_tells_what_forwarded_exposures_do_not(lay_down: LayDown):
    tables = lay_down(
        "warehouse_native",
        unit_types={"new_checkout": "stableID"},
        exposure_types={"new_checkout": "layer", "passing": "experiment"},
    )
    tables.add(
        "statsig_forwarded_exposures",
        [forwarded_exposure(stable_id="s"), forwarded_exposure(experiment_id="passing", group_name="pass")],
    )

    events = {event["eventName"]: event for event in tables.sent()}
    assert events["statsig::layer_exposure"]["unitID"] == "stableID"
    assert events["statsig::experiment_exposure"]["metadata"]["experimentGroupName"] == "pass"


def test_the_ingestion_table_tells_exposures_by_their_names_and_metadata(lay_down: LayDown):
    tables = lay_down("statsig_events")
    named = [
        ("purchase", '{"item":"socks"}', "9"),
        ("statsig::gate_exposure", '{"gate":"g","gateValue":"true","ruleID":"r","region":"eu"}', None),
        ("statsig::config_exposure", '{"config":"c","ruleID":"r"}', None),
        ("statsig::config_exposure", '{"config":"e","ruleID":"r","experimentGroupName":"Test"}', None),
        ("statsig::layer_exposure", '{"config":"l","ruleID":"r","parameterName":"p"}', None),
        ("statsig::config_change", '{"type":"Gate","name":"g"}', None),
    ]
    tables.add(
        "statsig_events",
        [
            {
                "record_number": number,
                "time": AT_MS // 1_000 if number % 2 else AT_MS,
                "timeuuid": "the-source-gave-it" if number == 1 else None,
                "user": '{"userID":"u"}',
                "event_name": name,
                "event_value": value,
                "event_metadata": metadata,
            }
            for number, (name, metadata, value) in enumerate(named, start=1)
        ],
    )

    events = sorted(tables.sent(), key=lambda event: (event["eventName"], event["metadata"].get("config", "")))
    assert [event["eventName"] for event in events] == [
        "purchase",
        "statsig::config_change",
        "statsig::config_exposure",
        "statsig::experiment_exposure",
        "statsig::gate_exposure",
        "statsig::layer_exposure",
    ]
    assert events[0]["timeUUID"] == "the-source-gave-it"
    assert len(set(ids(events))) == 6
    assert events[3]["metadata"] == {"config": "e", "ruleID": "r", "experimentGroupName": "Test"}
    assert events[4]["metadata"] == {"gate": "g", "gateValue": "true", "ruleID": "r", "region": "eu"}
    assert events[5]["metadata"] == {"config": "l", "ruleID": "r", "parameterName": "p"}
    assert {event["timestamp"] for event in events} == {AT_MS, AT_MS // 1_000 * 1_000}
    for category in ("experiment_exposure", "custom_event", "config_exposure"):
        assert {line.category: line.account.forwarded for line in status(tables.config)}[category] == 1


def test_rows_without_a_key_get_the_same_ids_in_whichever_order_they_are_read(lay_down: LayDown):
    tables = lay_down("cloud_exports")
    rows = [exported_event(event_value=str(number % 7)) for number in range(30)]
    tables.add("events", rows)
    first = ids(tables.sent())
    tables.empty("events")
    random.Random(1).shuffle(rows)  # noqa: S311 - an order, no secret
    tables.add("events", rows)

    assert tables.sent() == []
    assert len(set(first)) == 30


def test_an_equal_row_that_comes_late_is_one_event_more(lay_down: LayDown):
    tables = lay_down("cloud_exports")
    tables.add("events", [exported_event()] * 3)
    before = ids(tables.sent())
    tables.add("events", [exported_event()])

    (late,) = tables.sent()
    assert late["timeUUID"] not in before
    assert tables.account().forwarded == 4


def test_content_ids_depend_neither_on_the_database_nor_on_how_it_spells_json(lay_down: LayDown):
    tables = lay_down("cloud_exports")
    tables.add("events", [exported_event(user_object='{"userID":"user-1","custom":{"b":3,"a":[1,2.5]}}')])
    (event,) = tables.sent()
    tables.empty("events")
    tables.add("events", [exported_event(user_object='{"custom": {"a": [1, 2.50], "b": 3.0}, "userID": "user-1"}')])

    assert event["timeUUID"] == "b7af2c9f-fa64-80df-a26b-30b9625500c9"
    assert tables.sent() == []


def test_json_that_the_warehouse_cut_fails_its_row_alone_and_says_why(
    tmp_path: Path, receiver: Receiver, postgres_url: str
):
    tables = Laid(tmp_path, receiver, postgres_url, "cloud_exports")
    tables.create("redshift")
    dimensions = json.dumps({f"dimension_{number}": "value" for number in range(20)})
    user = json.dumps({"userID": "u", "custom": {f"key_{number}": "value" for number in range(20)}})
    tables.add("exposures", [first_exposure(user_dimensions=dimensions[:256]), first_exposure()])
    tables.add(
        "events",
        [exported_event(user_object=user[:256]), exported_event(company_metadata=user[:256]), exported_event()],
    )

    assert len(tables.sent()) == 2
    failed = failed_rows(tables.config)
    assert sorted(zip(failed["reason"], (detail.split(",")[0] for detail in failed["detail"]), strict=True)) == [
        ("malformed_json", "metadata"),
        ("malformed_json", "user_dimensions"),
        ("malformed_json", "user_object"),
    ]
    account = tables.account()
    assert (account.events, account.forwarded, account.failed) == (5, 2, 3)


def test_late_rows_of_a_window_on_event_time_are_sent_when_the_window_runs_again(lay_down: LayDown):
    tables = lay_down("warehouse_native")
    tables.add("statsig_forwarded_events", [exported_event()])
    assert len(tables.sent()) == 1
    tables.add("statsig_forwarded_events", [exported_event(event_name="late", timestamp="2026-11-20 00:00:00")])

    assert [event["eventName"] for event in tables.sent()] == ["late"]


@pytest.mark.parametrize(("repeats", "sent"), [("events", 3), ("duplicates", 1)])
def test_rows_that_the_daily_digest_repeats_are_duplicates_where_the_configuration_says_so(
    lay_down: LayDown, repeats: str, sent: int
):
    tables = lay_down("warehouse_native", exposures={"repeats": repeats})
    fast_forwarded = forwarded_exposure()
    digest = forwarded_exposure(user_dimensions='{"country":"NZ"}')
    tables.add("statsig_forwarded_exposures", [fast_forwarded, fast_forwarded, digest])

    assert len(tables.sent()) == sent
    assert tables.account().filtered_by == ({"duplicate": 3 - sent} if sent < 3 else {})


def test_repeats_are_no_option_where_rows_have_a_key(tmp_path: Path, receiver: Receiver):
    tables = Laid(tmp_path, receiver, "sqlite://", "statsig_events", {"statsig_events": {"repeats": "duplicates"}})

    with pytest.raises(ConfigError, match="its rows have a key"):
        tables.export(DAY)


def test_a_key_that_the_user_has_added_is_used(lay_down: LayDown):
    tables = lay_down("warehouse_native", custom_events={"columns": {"row_key": "company_id"}})
    tables.add("statsig_forwarded_events", [exported_event(company_id=key) for key in ("a", "b")])
    first = tables.sent()
    tables.add("statsig_forwarded_events", [exported_event(company_id="b", event_name="changed since")])

    assert len(set(ids(first))) == 2
    assert tables.sent() == []


def test_a_column_that_the_table_lacks_is_left_out(lay_down: LayDown):
    tables = lay_down("cloud_exports", exposures={"columns": {"user_dimensions": "", "rule_id": ""}})
    tables.add("exposures", [first_exposure()])

    (event,) = tables.sent()
    assert event["user"] == {"userID": "user-1"}
    assert event["metadata"]["ruleID"] == ""
