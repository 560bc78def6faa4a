"""What a layout is made of: tables, which column feeds which canonical column and as what kind of thing, in what form a
row holds its event, and which rows belong to which category. `source` reads by it; nothing here touches a database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from statsig_export.vocabulary import Category


class Role(StrEnum):
    """What a table is to a layout; also the name of its table in export.toml, `[source.<role>]`."""

    EXPOSURES = "exposures"
    CUSTOM_EVENTS = "custom_events"
    SDK_EVENTS = "sdk_events"
    STATSIG_EVENTS = "statsig_events"


class Form(StrEnum):
    """In what form a row holds its event, and so how a chunk becomes the canonical frame."""

    CANONICAL = "canonical"
    """As the canonical frame has it, column by column."""
    SDK_LOG = "sdk_log"
    """The SDK's event object, whole (events/forms/sdk_log.py)."""
    EVENT_LOG = "event_log"
    """Any event by its final name; what an exposure says is in its metadata (events/forms/event_log.py)."""
    EXPORTED = "exported"
    """The columns of Statsig's own exports: IDs and dimensions of the user in columns, own spellings
    (events/forms/statsig_exports.py).
    """


class Kind(StrEnum):
    """What a column holds. It decides which database types fit (families.py) and how values are read."""

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


class Meaning(NamedTuple):
    """What a value of the canonical column `canonical` means, where it is spelled in a way of its own."""

    canonical: str
    found: str
    means: str


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One table of a layout.

    `home` is the category of every row that no predicate claims, and where a row is counted that fails before its
    category is known. A read for some categories yields at least their rows: which of them they are, reshape decides.
    Without predicates every read of the table yields all rows of the window.
    """

    role: Role
    table: str
    key: str | None
    """The primary key; None where the table has none, and a row is known by its content (events/content_ids.py)."""
    window_column: str
    columns: tuple[ColumnRule, ...]
    categories: tuple[Category, ...]
    home: Category
    predicates: tuple[Predicate, ...] = ()
    form: Form = Form.CANONICAL
    units: tuple[str, ...] = ()
    """Form.EXPORTED: the ID types that have a column each, as the canonical column `unit_column(id_type)`."""
    added_later: tuple[str, ...] = ()
    """Columns that Statsig fills in when it writes a row again: they do not count when rows are compared."""
    repeats_are_duplicates: bool = False
    """Whether rows of one content are one event, written repeatedly; else each of them is an event."""
    meanings: tuple[Meaning, ...] = ()
    """What export.toml says by `values`. Ids are made of what was found."""
    schema: str | None = None
    in_files: bool = False
    """Whether its rows are in files, whose structs show a member that came after the row as null."""
    salt: tuple[str, str] | None = None
    """The names of source and table that derived ids are made with, where export.toml says so by `identity`."""
    keys_as_text: bool = False
    """Whether an integer key is taken for a text (events/derived_ids.py, derivation 1)."""
    keys_are_decimals: bool = False
    """Whether the database spells the key with the decimals of its column: 1.00 for 1."""

    def salted(self, source_name: str) -> tuple[str, str]:
        """The names of source and table that derived ids are made with."""
        return self.salt or (source_name, self.qualified_name)

    def meanings_of(self, canonical: str) -> dict[str, str]:
        """A value of the column as it is found -> what it means."""
        return {meaning.found: meaning.means for meaning in self.meanings if meaning.canonical == canonical}

    @property
    def key_rule(self) -> ColumnRule | None:
        return None if self.key is None else ColumnRule(ROW_KEY, self.key, Kind.KEY)

    @property
    def named_rules(self) -> tuple[ColumnRule, ...]:
        """The columns that the layout names: the key and what an event is made of."""
        return self.columns if self.key_rule is None else (self.key_rule, *self.columns)

    @property
    def selected_rules(self) -> tuple[ColumnRule, ...]:
        """The columns that a read selects, in the statement's order.

        In a log of the SDKs the window column is one of them: an event may leave out its time.
        """
        received = (ColumnRule(RECEIVED_AT, self.window_column, Kind.TIME),) if self.form is Form.SDK_LOG else ()
        return (*self.named_rules, *received)

    @property
    def window_rule(self) -> ColumnRule:
        return ColumnRule(WINDOW_COLUMN, self.window_column, Kind.WINDOW)

    @property
    def required(self) -> frozenset[str]:
        """The canonical columns, key and window column among them, without which no row becomes an event."""
        named = {"event", "event_name", "name"} | ({"exposure_type"} if self.form is Form.CANONICAL else set())
        rules = (*self.named_rules, self.window_rule)
        return frozenset(rule.canonical for rule in rules if rule.kind in _TELLS_WHEN or rule.canonical in named)

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """The columns of the frames that a read yields, in order, beside `unreadable` and `unreadable_reason`."""
        if self.form in {Form.CANONICAL, Form.EVENT_LOG}:
            return CANONICAL_COLUMNS if self.key is not None else CANONICAL_COLUMNS[1:]
        return tuple(rule.canonical for rule in self.selected_rules)

    @property
    def mixed(self) -> bool:
        """Whether it holds exposures and other events; which of them a row is, its values say."""
        return set(self.categories) == set(Category)

    @property
    def qualified_name(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


ROW_KEY: Final = "row_key"
WINDOW_COLUMN: Final = "window_column"
"""What the window column is called beside the canonical columns."""
_TELLS_WHEN: Final = frozenset({Kind.KEY, Kind.WINDOW, Kind.TIME})
RECEIVED_AT: Final = "received_at"
"""Form.SDK_LOG: when the row came in, the event's time where the event says none."""
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

EXPORTED_TYPES: Final = {
    **dict.fromkeys(("gate", "feature_gate", "check_gate"), "gate"),
    **dict.fromkeys(("config", "dynamic_config", "get_config"), "config"),
    **dict.fromkeys(("experiment", "get_experiment"), "experiment"),
    **dict.fromkeys(("layer", "get_layer"), "layer"),
}
"""A spelling of `exposure_type`, as Statsig's exports, console and SDKs have them -> the canonical type."""

TRUTHS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("1", "t", "true", "y", "yes", "on"), True),
    **dict.fromkeys(("0", "f", "false", "n", "no", "off"), False),
}
"""What a text that holds a boolean may say, in small letters."""

EXPORTED_UNITS: Final = {"user_id": "userID", "stable_id": "stableID"}
"""What Statsig's exports write in `unit_type` -> the ID type; custom IDs are written as they are named."""


_UNIT: Final = "unit "


def unit_column(id_type: str) -> str:
    """The canonical column that holds a row's ID of this type, where the table has one column an ID type."""
    return _UNIT + id_type


def is_unit_column(canonical: str) -> bool:
    """Whether it is a `unit_column`: it has no name that a user could write, but for the table's own."""
    return canonical.startswith(_UNIT)
