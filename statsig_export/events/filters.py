"""Event Filtering as Statsig's dialog has it: for each event, the rule that leaves it out, or none.

The rules act on final names, after reshape has separated experiments from dynamic configs. A rule's name is the path of
the setting that decided, so that a count under `filtered_by` leads back to the line of export.toml.
"""

import pyarrow as pa

from statsig_export.arrow.columns import TEXT, Column, column, mapped
from statsig_export.settings import FilterSettings
from statsig_export.vocabulary import EXPOSURES, TELEMETRY, Category, categorize

CONFIGURATION_CHANGES = "configuration_changes"
INCLUDE_NEW_BY_DEFAULT = "custom_events.include_new_by_default"
SDK_TELEMETRY = "sdk_telemetry"


def verdicts(events: pa.Table, settings: FilterSettings) -> Column:
    """For each row of the event table the rule that filters it, null where it is forwarded (large_string).

    The rules are asked once for each distinct event name.
    """
    return mapped(column(events, "event_name", TEXT), lambda name: rule_for(name, settings))


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
