"""Event Filtering as Statsig's dialog has it: for each event, the rule that leaves it out, or none.

The rules act on final names, after reshape has told experiments from dynamic configs. A rule's name is the path of
the setting that decided, so that a count under `filtered_by` leads back to the line of export.toml.
"""

import pandas as pd

from statsig_export.arrow.columns import TEXT, column, mapped
from statsig_export.settings import FilterSettings
from statsig_export.vocabulary import EXPOSURES, TELEMETRY, Category, categorize

CONFIGURATION_CHANGES = "configuration_changes"
INCLUDE_NEW_BY_DEFAULT = "custom_events.include_new_by_default"
SDK_TELEMETRY = "sdk_telemetry"


def verdicts(events: pd.DataFrame, settings: FilterSettings) -> "pd.Series[str]":
    """For each row of the event frame the rule that filters it, null where it is forwarded (large_string).

    The rules are asked once for each distinct event name.
    """
    rules = mapped(column(events, "event_name", TEXT), lambda name: rule_for(name, settings))
    return pd.Series(pd.arrays.ArrowExtensionArray(rules), index=events.index, name="rule")


def rule_for(event_name: str, settings: FilterSettings) -> str | None:
    """The rule that leaves events of this final name out, or None."""
    category = categorize(event_name)
    if category in EXPOSURES:
        forwarded = settings.exposure_switches()[category]
        return None if forwarded else f"exposures.{category.removesuffix('_exposure')}"
    if category is Category.CONFIG_CHANGE:
        return None if settings.configuration_changes else CONFIGURATION_CHANGES
    return _custom_event_rule(event_name, settings)


def _custom_event_rule(event_name: str, settings: FilterSettings) -> str | None:
    named = settings.custom_events.events.get(event_name)
    if named is not None:
        return None if named else f"custom_events.events.{event_name}"
    if event_name in TELEMETRY:
        return SDK_TELEMETRY
    return None if settings.custom_events.include_new_by_default else INCLUDE_NEW_BY_DEFAULT
