import pyarrow as pa
import pytest

from statsig_export.arrow.columns import TEXT, array, values_of
from statsig_export.events.filters import verdicts
from statsig_export.settings import FilterSettings

GATE, CONFIG, EXPERIMENT, LAYER = (f"statsig::{kind}_exposure" for kind in ("gate", "config", "experiment", "layer"))
CHANGE = "statsig::config_change"
TELEMETRY = ["statsig::diagnostics", "statsig::non_exposed_checks"]


def rules(settings: dict[str, object], *names: str) -> list[str | None]:
    found = verdicts(pa.table({"event_name": array(list(names), TEXT)}), FilterSettings.model_validate(settings))
    return values_of(found)


@pytest.mark.fault("F23")
def test_by_default_everything_but_sdk_telemetry_is_forwarded():
    names = [GATE, CONFIG, EXPERIMENT, LAYER, CHANGE, "purchase", "statsig::app_error", "auto_capture::click"]
    assert rules({}, *names) == [None] * len(names)
    assert rules({}, *TELEMETRY) == ["sdk_telemetry"] * 2


def test_one_switch_holds_back_every_exposure_and_nothing_else():
    names = [GATE, CONFIG, EXPERIMENT, LAYER, CHANGE, "purchase"]
    expected = ["exposures.gate", "exposures.config", "exposures.experiment", "exposures.layer", None, None]
    assert rules({"exposures": False}, *names) == expected


@pytest.mark.parametrize(("kind", "name"), [("gate", GATE), ("config", CONFIG), ("experiment", EXPERIMENT)])
def test_a_type_of_exposure_has_its_own_switch(kind: str, name: str):
    found = rules({"exposures": {kind: False}}, GATE, CONFIG, EXPERIMENT, LAYER)
    assert found == [f"exposures.{kind}" if each == name else None for each in (GATE, CONFIG, EXPERIMENT, LAYER)]


def test_configuration_changes_have_their_own_switch():
    assert rules({"configuration_changes": False}, CHANGE, "purchase") == ["configuration_changes", None]


def test_a_named_custom_event_is_held_back_by_its_name():
    found = rules({"custom_events": {"events": {"debug_ping": False}}}, "debug_ping", "debug_pin", "Debug_ping")
    assert found == ["custom_events.events.debug_ping", None, None]


def test_new_custom_events_are_held_back_when_the_toggle_says_so_and_named_ones_are_not():
    custom = {"include_new_by_default": False, "events": {"purchase": True, "debug_ping": False}}
    found = rules({"custom_events": custom}, "purchase", "debug_ping", "new", "statsig::app_error", GATE, CHANGE)
    toggle = "custom_events.include_new_by_default"
    assert found == [None, "custom_events.events.debug_ping", toggle, toggle, None, None]


@pytest.mark.fault("F23")
def test_telemetry_is_forwarded_only_when_it_is_named():
    events = {TELEMETRY[0]: True, TELEMETRY[1]: False}
    assert rules({"custom_events": {"events": events}}, *TELEMETRY) == [None, f"custom_events.events.{TELEMETRY[1]}"]


def test_no_events_have_no_verdicts():
    assert rules({}) == []
