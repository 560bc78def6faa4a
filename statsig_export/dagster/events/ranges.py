"""Ranges of partitions: what is missing, as few boxes as cover it. Pure."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


def without(
    missing: Mapping[Window, tuple[Category, ...]], partitions: Collection[str]
) -> dict[Window, tuple[Category, ...]]:
    """What is missing and not among these partitions."""
    left = {
        window: tuple(name for name in categories if partition_key(name, window.key) not in partitions)
        for window, categories in missing.items()
    }
    return {window: categories for window, categories in left.items() if categories}


def boxes(
    missing: Mapping[Window, tuple[Category, ...]],
    every_window: Sequence[Window],
    most: int,
    at_most: Mapping[Window, int] | None = None,
) -> list[tuple[str, str]]:
    """The fewest ranges (first key, last key) of at most `most` windows that hold the missing partitions and no other.

    A run's range is a box: every category between two, in every window between two. So neighbouring windows that miss
    the same categories share a run, and a category that is switched off in the middle of the list splits it. A window
    that `at_most` names is in a range of at most so many.
    """
    return [
        (partition_key(run[0], windows[0].key), partition_key(run[-1], windows[-1].key))
        for categories, windows in _stretches(missing, every_window, most, at_most or {})
        for run in _neighbours(categories)
    ]


def _stretches(
    missing: Mapping[Window, tuple[Category, ...]],
    every_window: Sequence[Window],
    most: int,
    at_most: Mapping[Window, int],
) -> list[tuple[tuple[Category, ...], list[Window]]]:
    """Neighbouring windows that miss the same categories, together."""
    stretches: list[tuple[tuple[Category, ...], list[Window]]] = []
    for (categories, limit), neighbours in groupby(
        every_window, key=lambda window: (missing.get(window, ()), at_most.get(window, most))
    ):
        windows, length = list(neighbours), min(limit, most)
        parts = [windows[at : at + length] for at in range(0, len(windows), length)]
        stretches += [(categories, part) for part in parts if categories]
    return stretches


def _neighbours(categories: Collection[Category]) -> list[list[Category]]:
    """The categories in the partition's own order, cut wherever one is left out."""
    runs = groupby(Category, key=lambda category: category in categories)
    return [list(run) for wanted, run in runs if wanted]
