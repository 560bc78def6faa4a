"""The source tables known in the world, each a declarative mapping onto the canonical frame. Pure data.

Another layout is another entry of LAYOUTS; export.toml places it in a database (placement.py). Sources of the
column names: Statsig's documentation of Data Warehouse Exports (cloud_exports), of Warehouse Native's forwarded data
(warehouse_native) and of its ingestion from warehouses (statsig_events); the SDKs' own traffic (sdk_log).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from statsig_export.layouts.model import (
    EXPORTED_TYPES,
    ColumnRule,
    Form,
    Kind,
    Predicate,
    Role,
    SourceTable,
    unit_column,
)
from statsig_export.vocabulary import EVENT_NAMES, EXPOSURES, Category


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


def _in_every_spelling(predicates: Iterable[Predicate]) -> tuple[Predicate, ...]:
    return tuple(
        Predicate(predicate.category, predicate.column, spelling)
        for predicate in predicates
        for spelling, canonical in EXPORTED_TYPES.items()
        if canonical == predicate.value
    )


_CONFIG_CHANGES: Final = Predicate(Category.CONFIG_CHANGE, "event_name", EVENT_NAMES[Category.CONFIG_CHANGE])

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
    predicates=_in_every_spelling(
        (
            Predicate(Category.CONFIG_EXPOSURE, "exposure_type", "config"),
            Predicate(Category.EXPERIMENT_EXPOSURE, "exposure_type", "experiment"),
            Predicate(Category.EXPERIMENT_EXPOSURE, "exposure_type", "config"),  # with a group, as SDKs log experiments
            Predicate(Category.LAYER_EXPOSURE, "exposure_type", "layer"),
        )
    ),
)

_NATIVE_CUSTOM_EVENTS: Final = SourceTable(
    role=Role.CUSTOM_EVENTS,
    table="custom_events",
    key="id",
    window_column="ingested_at",
    columns=_same_names({**_SHARED, "event_name": Kind.TEXT, "value": Kind.VALUE}),
    categories=(Category.CONFIG_CHANGE, Category.CUSTOM_EVENT),
    home=Category.CUSTOM_EVENT,
    predicates=(_CONFIG_CHANGES,),
)

_SDK_EVENTS: Final = SourceTable(
    role=Role.SDK_EVENTS,
    table="sdk_events",
    key="id",
    window_column="received_at",
    columns=_same_names({"event": Kind.JSON, "statsig_metadata": Kind.JSON}),
    categories=tuple(Category),
    home=Category.CUSTOM_EVENT,
    form=Form.SDK_LOG,
)

_STATSIG_EVENTS: Final = SourceTable(
    role=Role.STATSIG_EVENTS,
    table="statsig_events",
    key="record_number",
    window_column="time",
    columns=(
        ColumnRule("time_uuid", "timeuuid", Kind.IDENTIFIER),
        ColumnRule("event_name", "event_name", Kind.TEXT),
        ColumnRule("user", "user", Kind.JSON),
        ColumnRule("value", "event_value", Kind.VALUE),
        ColumnRule("metadata", "event_metadata", Kind.JSON),
        ColumnRule("timestamp", "time", Kind.TIME),
    ),
    categories=tuple(Category),
    home=Category.CUSTOM_EVENT,
    predicates=tuple(
        Predicate(category, "event_name", name)
        for category, name in (
            *EVENT_NAMES.items(),
            # SDKs log an experiment under the name of a config exposure: the metadata says which it is.
            (Category.EXPERIMENT_EXPOSURE, EVENT_NAMES[Category.CONFIG_EXPOSURE]),
        )
    ),
    form=Form.EVENT_LOG,
)

_EXPORTED_EVENT: Final = (
    ColumnRule("event_name", "event_name", Kind.TEXT),
    ColumnRule("value", "event_value", Kind.VALUE),
    ColumnRule("user", "user_object", Kind.JSON),
    ColumnRule("statsig_metadata", "statsig_metadata", Kind.JSON),
    ColumnRule("metadata", "company_metadata", Kind.JSON),
    ColumnRule("timestamp", "timestamp", Kind.TIME),
)
_ID_COLUMNS: Final = (
    ColumnRule(unit_column("userID"), "user_id", Kind.IDENTIFIER),
    ColumnRule(unit_column("stableID"), "stable_id", Kind.IDENTIFIER),
)

_CLOUD_EXPOSURES: Final = SourceTable(
    role=Role.EXPOSURES,
    table="exposures",
    key=None,
    window_column="inserted_at",
    columns=(
        ColumnRule("exposure_type", "exposure_type", Kind.TEXT),
        ColumnRule("name", "name", Kind.TEXT),
        ColumnRule("rule_id", "rule", Kind.IDENTIFIER),
        ColumnRule("group_name", "experiment_group", Kind.TEXT),
        ColumnRule("unit_id", "unit_id", Kind.IDENTIFIER),
        ColumnRule("unit_type", "unit_type", Kind.TEXT),
        ColumnRule("user_dimensions", "user_dimensions", Kind.JSON),
        ColumnRule("timestamp", "first_exposure_utc", Kind.TIME),
    ),
    categories=EXPOSURES,
    home=Category.GATE_EXPOSURE,
    predicates=_NATIVE_EXPOSURES.predicates,
    form=Form.EXPORTED,
    added_later=("user_dimensions",),
)

_CLOUD_EVENTS: Final = SourceTable(
    role=Role.CUSTOM_EVENTS,
    table="events",
    key=None,
    window_column="timestamp",
    columns=(*_EXPORTED_EVENT, *_ID_COLUMNS, ColumnRule("custom_ids", "custom_ids", Kind.JSON)),
    categories=(Category.CONFIG_CHANGE, Category.CUSTOM_EVENT),
    home=Category.CUSTOM_EVENT,
    predicates=(_CONFIG_CHANGES,),
    form=Form.EXPORTED,
    units=("userID", "stableID"),
)

_FORWARDED_EXPOSURES: Final = SourceTable(
    role=Role.EXPOSURES,
    table="statsig_forwarded_exposures",
    key=None,
    window_column="timestamp",
    columns=(
        ColumnRule("name", "experiment_id", Kind.TEXT),
        ColumnRule("rule_id", "group_id", Kind.IDENTIFIER),
        ColumnRule("group_name", "group_name", Kind.TEXT),
        ColumnRule("user_dimensions", "user_dimensions", Kind.JSON),
        ColumnRule("timestamp", "timestamp", Kind.TIME),
        *_ID_COLUMNS,
    ),
    categories=EXPOSURES,
    home=Category.EXPERIMENT_EXPOSURE,
    form=Form.EXPORTED,
    units=("userID", "stableID"),
    added_later=("user_dimensions",),
)

_FORWARDED_EVENTS: Final = SourceTable(
    role=Role.CUSTOM_EVENTS,
    table="statsig_forwarded_events",
    key=None,
    window_column="timestamp",
    columns=(*_EXPORTED_EVENT, *_ID_COLUMNS),
    categories=(Category.CONFIG_CHANGE, Category.CUSTOM_EVENT),
    home=Category.CUSTOM_EVENT,
    predicates=(_CONFIG_CHANGES,),
    form=Form.EXPORTED,
    units=("userID", "stableID"),
)

LAYOUTS: Final[dict[str, tuple[SourceTable, ...]]] = {
    "native": (_NATIVE_EXPOSURES, _NATIVE_CUSTOM_EVENTS),
    "sdk_log": (_SDK_EVENTS,),
    "statsig_events": (_STATSIG_EVENTS,),
    "cloud_exports": (_CLOUD_EXPOSURES, _CLOUD_EVENTS),
    "warehouse_native": (_FORWARDED_EXPOSURES, _FORWARDED_EVENTS),
}
