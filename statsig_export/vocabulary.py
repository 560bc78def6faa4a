"""Statsig's vocabulary: the event names, the categories they fall into, and the nine keys of an outbound event.

Source: Statsig's Event Filtering dialog and the field table of its Fivetran integration page. The dialog lists
`statsig::app_error` and the like among the custom events, so a `statsig::` prefix alone makes no exposure.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from statsig_export.errors import ConfigError


class Category(StrEnum):
    """The static partition dimension. The filter decides what of it is exported; it never removes a member."""

    GATE_EXPOSURE = "gate_exposure"
    CONFIG_EXPOSURE = "config_exposure"
    EXPERIMENT_EXPOSURE = "experiment_exposure"
    LAYER_EXPOSURE = "layer_exposure"
    CONFIG_CHANGE = "config_change"
    CUSTOM_EVENT = "custom_event"


EXPOSURES: Final = (
    Category.GATE_EXPOSURE,
    Category.CONFIG_EXPOSURE,
    Category.EXPERIMENT_EXPOSURE,
    Category.LAYER_EXPOSURE,
)

EVENT_NAMES: Final[dict[Category, str]] = {
    category: f"statsig::{category.value}" for category in Category if category is not Category.CUSTOM_EVENT
}
"""The one event name of every category but `custom_event`, which holds all other names."""

TELEMETRY: Final = frozenset({"statsig::diagnostics", "statsig::non_exposed_checks"})
"""SDK telemetry without a user: custom events by name, left out unless the filter asks for them by name."""

EVENT_KEYS: Final = (
    "eventName",
    "user",
    "userID",
    "timestamp",
    "statsigMetadata",
    "value",
    "metadata",
    "timeUUID",
    "unitID",
)
"""The nine keys in the documented order; `unitID` is absent (not null) outside the exposures."""

NEVER_SENT: Final = frozenset({"privateAttributes", "secondaryExposures"})
"""Keys that never leave, in whichever JSON column and at whatever depth a row holds them."""

_BY_NAME: Final = {name: category for category, name in EVENT_NAMES.items()}


def categorize(event_name: str) -> Category:
    """The category of a final event name."""
    return _BY_NAME.get(event_name, Category.CUSTOM_EVENT)


def chosen(categories: Iterable[str] | None) -> tuple[Category, ...]:
    """The categories that a caller names, each once: members or their texts, or a single one; None means all.

    Raises ConfigError for what names none.
    """
    if categories is None:
        return tuple(Category)
    names = [categories] if isinstance(categories, str) else categories
    if not isinstance(names, Iterable):
        raise ConfigError(f"categories are names, not of type {type(names).__name__}", hint=_CATEGORIES)
    return tuple(dict.fromkeys(map(_category, names)))


def _category(name: object) -> Category:
    try:
        return Category(name if isinstance(name, str) else "")
    except ValueError:
        told = repr(name) if isinstance(name, str) else f"something of type {type(name).__name__}"
        raise ConfigError(f"{told} is no category", hint=_CATEGORIES) from None


_CATEGORIES: Final = f"they are {', '.join(Category)}"
