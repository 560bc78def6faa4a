"""Other usual names of the columns that layouts read, by which a table that is nearly one of a layout's is known. Pure.

A name counts whatever its case and underscores are: `eventTime` is `event_time`. Names of Statsig's own tables, of
Segment, RudderStack, Snowplow, Amplitude and Fivetran are among them. `updated_at` is not: a row that is updated would
move to another window.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from statsig_export.layouts.model import ROW_KEY, WINDOW_COLUMN, ColumnRule, unit_column

_SURE: Final[Mapping[str, str]] = {
    ROW_KEY: "event_id row_id record_id exposure_id record_number pk row_number sequence_number insert_id",
    WINDOW_COLUMN: "ingested_at inserted_at loaded_at received_at _fivetran_synced _loaded_at _ingested_at "
    "_sdc_received_at _airbyte_extracted_at etl_loaded_at arrived_at recorded_at stored_at ingest_time "
    "ingestion_time insert_time inserted load_time collector_tstamp server_received_time server_upload_time "
    "created_at created_on creation_time created",
    "time_uuid": "timeuuid event_uuid dedup_id",
    "user_id": "userid uid statsig_user_id distinct_id user_key",
    "user": "user_object user_json statsig_user user_data user_context",
    "metadata": "event_metadata company_metadata properties event_properties attributes event_attributes params",
    "statsig_metadata": "sdk_metadata sdk_info",
    "timestamp": "time event_time event_timestamp occurred_at happened_at ts event_ts exposed_at logged_at event_at "
    "exposure_time first_exposure_utc original_timestamp client_event_time derived_tstamp timestamp_ms time_ms",
    "exposure_type": "exposure_kind config_type",
    "name": "gate_name experiment_name config_name flag_name exposure_name layer_name feature_name experiment_id",
    "rule_id": "rule group_id variation_id variant_id",
    "gate_value": "gate_result flag_value is_on passed result",
    "group_name": "experiment_group group variant variation variant_name variation_name treatment",
    "reason": "evaluation_reason eval_reason",
    "unit_type": "id_type unit_id_type",
    "unit_id": "subject_id",
    "user_dimensions": "dimensions",
    "event_name": "event event_type_name",
    "value": "event_value event_amount",
    "event": "event_json event_object event_data raw_event",
    unit_column("userID"): "user_id uid",
    unit_column("stableID"): "stable_id device_id anonymous_id",
}
_MAYBE: Final[Mapping[str, str]] = {
    ROW_KEY: "uuid message_id",
    "time_uuid": "uuid message_id",
    "user_id": "customer_id account_id person_id",
    "metadata": "meta data payload context",
    "timestamp": "sent_at created_at created date_time",
    "exposure_type": "type kind",
    "name": "gate experiment config flag feature",
    "gate_value": "value enabled",
    "group_name": "bucket arm assignment",
    "event_name": "name event_type action",
    "value": "amount metric_value numeric_value",
    "event": "payload body data raw message",
}
_SURE_QUALITY, _MAYBE_QUALITY = 0.85, 0.5
_SPELT_QUALITY: Final = 0.95
_NEAREST: Final = 3


def quality(rule: ColumnRule, name: str) -> float:
    """How likely a column of this name is the rule's: 1 for its own name, 0 for a name that says nothing."""
    if name == rule.column:
        return 1.0
    plain = _plain(name)
    if plain in {_plain(rule.column), _plain(rule.canonical)}:
        return _SPELT_QUALITY
    return _QUALITIES.get(rule.canonical, {}).get(plain, 0.0)


def nearest(rule: ColumnRule, names: Iterable[str]) -> list[str]:
    """The columns that are most likely the rule's, the likeliest first: by their meaning, then by their spelling."""
    by_spelling = {name.lower(): name for name in names}
    known = sorted(
        (name for name in by_spelling.values() if quality(rule, name)), key=lambda name: -quality(rule, name)
    )
    alike = (by_spelling[name] for name in get_close_matches(rule.column.lower(), by_spelling, n=_NEAREST))
    return list(dict.fromkeys((*known, *alike)))[:_NEAREST]


@lru_cache(maxsize=100_000)
def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower()) or name


def _qualities() -> dict[str, dict[str, float]]:
    """Canonical column -> plain spelling -> quality; of two names of a kind the one that stands first is likelier."""
    found: dict[str, dict[str, float]] = {}
    for names, best in ((_MAYBE, _MAYBE_QUALITY), (_SURE, _SURE_QUALITY)):
        for canonical, text in names.items():
            for rank, name in enumerate(text.split()):
                found.setdefault(canonical, {})[_plain(name)] = best - rank / 1000
    return found


_QUALITIES: Final = _qualities()
