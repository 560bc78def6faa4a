"""Ranges of partitions: what is missing, as few boxes as cover it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from statsig_export.config import Config
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


def missing_partitions(
    config: Config, windows: Iterable[Window], present: Collection[str]
) -> dict[Window, tuple[Category, ...]]:
    """Closed windows -> the enabled categories that `present` does not hold, in order of time."""
    enabled = config.filter.enabled_categories()
    missing = {
        window: tuple(c for c in enabled if partition_key(c, window.key) not in present) for window in sorted(windows)
    }
    return {window: categories for window, categories in missing.items() if categories}


def boxes(
    missing: Mapping[Window, tuple[Category, ...]], every_window: Sequence[Window], most: int
) -> list[tuple[str, str]]:
    """The fewest ranges (first key, last key) of at most `most` windows that hold the missing partitions and no other.

    A run's range is a box: every category between two, in every window between two. So neighbouring windows that miss
    the same categories share a run, and a category that is switched off in the middle of the list splits it.
    """
    return [
        (partition_key(run[0], windows[0].key), partition_key(run[-1], windows[-1].key))
        for categories, windows in _stretches(missing, every_window, most)
        for run in _neighbours(categories)
    ]


def _stretches(
    missing: Mapping[Window, tuple[Category, ...]], every_window: Sequence[Window], most: int
) -> list[tuple[tuple[Category, ...], list[Window]]]:
    """Neighbouring windows that miss the same categories, together."""
    stretches: list[tuple[tuple[Category, ...], list[Window]]] = []
    for categories, neighbours in groupby(every_window, key=lambda window: missing.get(window, ())):
        windows = list(neighbours)
        parts = [windows[at : at + most] for at in range(0, len(windows), most)]
        stretches += [(categories, part) for part in parts if categories]
    return stretches


def _neighbours(categories: Collection[Category]) -> list[list[Category]]:
    """The categories in the partition's own order, cut wherever one is left out."""
    runs = groupby(Category, key=lambda category: category in categories)
    return [list(run) for wanted, run in runs if wanted]
