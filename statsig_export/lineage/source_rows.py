"""From an event's timeUUID back to its row in the source: which table, which key, or where to look for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from statsig_export.events.derived_ids import row_key_of
from statsig_export.layouts.model import SourceTable
from statsig_export.layouts.placement import source_tables
from statsig_export.lineage.trace_report import SourceRow
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Origin:
    """What a timeUUID itself says of where it comes from."""

    tables: Sequence[SourceTable]
    """The configured ones."""
    table: SourceTable | None
    """The one whose key the id was derived from; None where the id does not say so."""
    key: int | None

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that its event can be of."""
        return tuple(Category) if self.table is None else self.table.categories

    def row(self, category: Category, start: datetime, end: datetime) -> SourceRow | None:
        """The row of an event of this category and window; None where no table of that category is configured."""
        holding = [self.table] if self.table else [table for table in self.tables if category in table.categories]
        return _row(holding[0], self.key, start, end) if holding else None

    @property
    def derived_from(self) -> SourceRow | None:
        """The row, where the id says it; its window the id does not say."""
        return None if self.table is None else _row(self.table, self.key, None, None)


def origin_of(time_uuid: str, settings: SourceSettings) -> Origin:
    """Raises ConfigError for what `source_tables` does not take."""
    tables = source_tables(settings)
    for table in tables:
        key = row_key_of(time_uuid, *table.salted(settings.name))
        if key is not None and table.key is not None:
            return Origin(tables, table, key)
    return Origin(tables, None, None)


def _row(table: SourceTable, key: int | None, start: datetime | None, end: datetime | None) -> SourceRow:
    own = [rule.column for rule in table.columns if rule.canonical == "time_uuid"]
    return SourceRow(
        table=table.qualified_name,
        window_column=table.window_column,
        start=start,
        end=end,
        key_column=table.key,
        key=key,
        id_column=own[0] if own else None,
    )
