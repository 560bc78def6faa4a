"""The partitions of the export in Dagster's terms: a category and a window, the same keys the library uses.

The category list is static on purpose: removing a member would hide its history. The filter decides what of it is
scheduled and shipped. Dagster lists a window as soon as it has ended; the assets refuse it until it has settled.
"""

import dagster as dg

from statsig_export.settings import WindowSettings
from statsig_export.vocabulary import Category
from statsig_export.windows import LENGTH

CATEGORIES = tuple(category.value for category in Category)


def window_partitions(settings: WindowSettings) -> dg.TimeWindowPartitionsDefinition:
    """Days or hours in UTC from `windows.start`: local hours would break when the clocks change."""
    if settings.every == "day":
        return dg.DailyPartitionsDefinition(start_date=settings.start, timezone="UTC")
    return dg.HourlyPartitionsDefinition(start_date=settings.start, timezone="UTC")


def event_partitions(settings: WindowSettings) -> dg.MultiPartitionsDefinition:
    """Keys are `category|window`, the dimensions in alphabetical order."""
    return dg.MultiPartitionsDefinition(
        {"category": dg.StaticPartitionsDefinition(CATEGORIES), "window": window_partitions(settings)}
    )


def freshness_policy(settings: WindowSettings) -> dg.FreshnessPolicy:
    """A window is exported and shipped soon after it has settled: one missing is worth a look, two are not fresh.

    The warning is never later than half a window before the failure, however long windows settle.
    """
    length = LENGTH[settings.every]
    due = length + settings.settle
    return dg.FreshnessPolicy.time_window(fail_window=due + length, warn_window=due + min(due / 4, length / 2))
