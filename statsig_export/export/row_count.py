"""How many rows an export is about to read: what its progress is measured against."""

from collections.abc import Sequence

from statsig_export.config import Config
from statsig_export.export.window import tables_of
from statsig_export.source.source import open_source
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window


def count_rows(config: Config, windows: Sequence[Window], categories: Sequence[Category] | None = None) -> int:
    """The rows of windows that follow one another, in one count per table. Raises SourceError, ConfigError."""
    if not windows:
        return 0
    asked = chosen(categories)
    with open_source(config) as source:
        return sum(
            source.count_rows(table, windows[0].start, windows[-1].end, asked) for table in tables_of(source, asked)
        )
