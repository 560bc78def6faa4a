"""Why a row cannot become an event: what a read finds (`unreadable_reason` of a frame), and what events find. Pure."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a row failed, as `failed_by` counts it."""

    MALFORMED_JSON = "malformed_json"
    """A JSON column holds no JSON text, or JSON nested deeper than the parser goes (about 1,000 levels)."""
    NOT_JSON_NUMBER = "not_json_number"
    """NaN, Infinity, or an exponent beyond every double."""
    WRONG_TYPE = "wrong_type"
    """Valid JSON of another type than the key needs."""
    NOT_UNICODE = "not_unicode"
    """Bytes that are not UTF-8, or an escape that is half a surrogate pair."""
    BAD_TIMESTAMP = "bad_timestamp"
    """No timestamp, or none that can be read with certainty."""
    MISSING_EVENT_NAME = "missing_event_name"
    UNKNOWN_EXPOSURE_TYPE = "unknown_exposure_type"
    """An exposure of no type, or of a type that is not gate, config, experiment or layer."""
    EXPOSURE_NAME_IN_CUSTOM_EVENTS = "exposure_name_in_custom_events"
    """A row of custom_events that bears the name of an exposure, whose keys that table cannot give."""
    MISSING_NAME = "missing_name"
    """An exposure that does not say of which gate, config, experiment or layer."""
    MISSING_GATE_VALUE = "missing_gate_value"
    """A gate exposure that is neither true nor false."""
    MISSING_KEY = "missing_key"
    """The table's key is null in this row: no id can be made that a later export would give it again."""
    TOO_LARGE = "too_large"
    """An event that no request could hold."""
