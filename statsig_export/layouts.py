"""The source tables known in the world, each a declarative mapping onto the canonical frame.

A layout is data: which tables, which column feeds which canonical column and as what kind of thing, and which rows
belong to which category. `source.py` reads by it; nothing here touches a database. Another layout is another entry
of LAYOUTS; a mapping that is more than "this column, read as this kind" is another kind of rule beside ColumnRule.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from statsig_export.errors import ConfigError
from statsig_export.events import EVENT_NAMES, EXPOSURES, Category
from statsig_export.settings import SourceSettings, TableSettings


class Role(StrEnum):
    """What a table is to a layout; also the name of its table in export.toml, `[source.<role>]`."""

    EXPOSURES = "exposures"
    CUSTOM_EVENTS = "custom_events"
    SDK_EVENTS = "sdk_events"


class Kind(StrEnum):
    """What a column holds. It decides which database types fit (source_schema.py) and how values are read."""

    KEY = "key"
    WINDOW = "window"
    IDENTIFIER = "identifier"
    TEXT = "text"
    JSON = "json"
    BOOLEAN = "boolean"
    VALUE = "value"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """The canonical column `canonical` is the table's column `column`, read as `kind`."""

    canonical: str
    column: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Predicate:
    """Rows of `category` are found among those whose canonical column `column` equals `value`."""

    category: Category
    column: str
    value: str


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One table of a layout.

    `home` is the category of every row that no predicate claims, and where a row is counted that fails before its
    category is known. A read for some categories yields at least their rows: which of them they are, reshape decides.
    Without predicates every read of the table yields all rows of the window.
    """

    role: Role
    table: str
    key: str
    window_column: str
    columns: tuple[ColumnRule, ...]
    categories: tuple[Category, ...]
    home: Category
    predicates: tuple[Predicate, ...]
    frame_columns: tuple[str, ...]
    """The columns of the frames it yields, in order, beside `unreadable` and `unreadable_reason`."""
    schema: str | None = None

    @property
    def key_rule(self) -> ColumnRule:
        return ColumnRule(ROW_KEY, self.key, Kind.KEY)

    @property
    def window_rule(self) -> ColumnRule:
        return ColumnRule("window_column", self.window_column, Kind.WINDOW)

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


ROW_KEY: Final = "row_key"
UNREADABLE: Final = "unreadable"
UNREADABLE_REASON: Final = "unreadable_reason"

CANONICAL_COLUMNS: Final = (
    ROW_KEY,
    "time_uuid",
    "event_name",
    "exposure_type",
    "name",
    "rule_id",
    "group_name",
    "reason",
    "unit_type",
    "gate_value",
    "user_id",
    "user",
    "metadata",
    "statsig_metadata",
    "value",
    "timestamp",
)

EXPOSURE_TYPES: Final = {
    Category.GATE_EXPOSURE: "gate",
    Category.CONFIG_EXPOSURE: "config",
    Category.EXPERIMENT_EXPOSURE: "experiment",
    Category.LAYER_EXPOSURE: "layer",
}
"""Category -> the value of the native column `exposure_type`."""


def _same_names(kinds: Mapping[str, Kind]) -> tuple[ColumnRule, ...]:
    return tuple(ColumnRule(name, name, kind) for name, kind in kinds.items())


_SHARED: Final = {
    "time_uuid": Kind.IDENTIFIER,
    "user_id": Kind.IDENTIFIER,
    "user": Kind.JSON,
    "metadata": Kind.JSON,
    "statsig_metadata": Kind.JSON,
    "timestamp": Kind.TIME,
}

_NATIVE_EXPOSURES: Final = SourceTable(
    role=Role.EXPOSURES,
    table="exposures",
    key="id",
    window_column="ingested_at",
    columns=_same_names(
        {
            **_SHARED,
            "exposure_type": Kind.TEXT,
            "name": Kind.TEXT,
            "rule_id": Kind.IDENTIFIER,
            "gate_value": Kind.BOOLEAN,
            "group_name": Kind.TEXT,
            "reason": Kind.TEXT,
            "unit_type": Kind.TEXT,
        }
    ),
    categories=EXPOSURES,
    home=Category.GATE_EXPOSURE,
    predicates=(
        Predicate(Category.CONFIG_EXPOSURE, "exposure_type", "config"),
        Predicate(Category.EXPERIMENT_EXPOSURE, "exposure_type", "experiment"),
        Predicate(Category.EXPERIMENT_EXPOSURE, "exposure_type", "config"),  # with a group, as SDKs log experiments
        Predicate(Category.LAYER_EXPOSURE, "exposure_type", "layer"),
    ),
    frame_columns=CANONICAL_COLUMNS,
)

_NATIVE_CUSTOM_EVENTS: Final = SourceTable(
    role=Role.CUSTOM_EVENTS,
    table="custom_events",
    key="id",
    window_column="ingested_at",
    columns=_same_names({**_SHARED, "event_name": Kind.TEXT, "value": Kind.VALUE}),
    categories=(Category.CONFIG_CHANGE, Category.CUSTOM_EVENT),
    home=Category.CUSTOM_EVENT,
    predicates=(Predicate(Category.CONFIG_CHANGE, "event_name", EVENT_NAMES[Category.CONFIG_CHANGE]),),
    frame_columns=CANONICAL_COLUMNS,
)

_SDK_EVENTS: Final = SourceTable(
    role=Role.SDK_EVENTS,
    table="sdk_events",
    key="id",
    window_column="received_at",
    columns=_same_names({"event": Kind.JSON, "statsig_metadata": Kind.JSON}),
    categories=tuple(Category),
    home=Category.CUSTOM_EVENT,
    predicates=(),
    frame_columns=(ROW_KEY, "event", "statsig_metadata"),
)

LAYOUTS: Final[dict[str, tuple[SourceTable, ...]]] = {
    "native": (_NATIVE_EXPOSURES, _NATIVE_CUSTOM_EVENTS),
    "sdk_log": (_SDK_EVENTS,),
}


def source_tables(settings: SourceSettings) -> tuple[SourceTable, ...]:
    """The tables of the configured layout, with what export.toml says about each of them.

    Raises ConfigError when `columns` names a column that the layout does not have.
    """
    overrides = {
        Role.EXPOSURES: settings.exposures,
        Role.CUSTOM_EVENTS: settings.custom_events,
        Role.SDK_EVENTS: settings.sdk_events,
    }
    return tuple(_overridden(table, overrides[table.role]) for table in LAYOUTS[settings.layout])


def _overridden(table: SourceTable, settings: TableSettings) -> SourceTable:
    renamed = dict(settings.columns)
    key = renamed.pop(ROW_KEY, None) or renamed.pop(table.key, None) or table.key
    rules = tuple(
        replace(rule, column=renamed.pop(rule.canonical)) if rule.canonical in renamed else rule
        for rule in table.columns
    )
    if renamed:
        raise _unknown_column(table, next(iter(renamed)))
    return replace(
        table,
        table=settings.table or table.table,
        schema=settings.schema_ or table.schema,
        key=key,
        window_column=settings.window_column or table.window_column,
        columns=rules,
    )


def _unknown_column(table: SourceTable, name: str) -> ConfigError:
    section = f"[source.{table.role}]"
    if name == table.window_column:
        return ConfigError(
            f"{section} columns renames {name}", hint=f'{name} is set by {section} window_column = "..."'
        )
    known = [ROW_KEY, *(rule.canonical for rule in table.columns)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(known)}"
    return ConfigError(f"{section} columns names {name}, which the layout does not have", hint=hint)
