"""Canonical frame -> event table: final names and categories, ids, times, values, metadata; or a reason why not.

Every row of a chunk ends in exactly one of the two tables. The JSON of `user` and `statsigMetadata` is only carried
here; it is checked when the event is encoded, after the filter.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa

from statsig_export.arrow.columns import (
    TEXT,
    Column,
    Mask,
    array,
    choose,
    columns_of,
    mapped,
    of_kind,
    pc,
    replaced,
    shortest,
    take,
    text,
    values_of,
    where,
)
from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.events.category_codes import (
    CATEGORIES,
    CONFIG,
    CONFIG_CHANGE,
    CUSTOM_EVENT,
    EXPERIMENT,
    GATE,
    LAYER,
    Codes,
)
from statsig_export.events.derived_ids import are_integers, derived_ids
from statsig_export.events.faults import BadValueError, FailureMarks, Fault
from statsig_export.events.forms.event_log import from_event_log
from statsig_export.events.forms.sdk_log import from_sdk_log
from statsig_export.events.forms.statsig_exports import from_exports
from statsig_export.events.json_text import NO_MEMBERS
from statsig_export.events.json_values import string_of
from statsig_export.events.metadata import metadata_texts
from statsig_export.events.room import ENDLESS, Room
from statsig_export.events.table_identity import NOTHING_SEEN, Seen
from statsig_export.layouts.model import (
    CANONICAL_COLUMNS,
    EXPORTED_TYPES,
    ROW_KEY,
    UNREADABLE,
    UNREADABLE_REASON,
    Form,
    Role,
    SourceTable,
)
from statsig_export.layouts.reasons import Reason
from statsig_export.settings import SourceSettings
from statsig_export.vocabulary import EVENT_NAMES, EXPOSURES, Category

DEFAULT_UNIT_TYPE: Final = "userID"

_CODES_OF_TYPES: Final = {"gate": GATE, "config": CONFIG, "experiment": EXPERIMENT, "layer": LAYER}
_TYPE_CODES: Final = {spelling: _CODES_OF_TYPES[kind] for spelling, kind in EXPORTED_TYPES.items()}
_TEXT_COLUMNS: Final = (
    *(name for name in CANONICAL_COLUMNS if name not in {ROW_KEY, "gate_value", "timestamp"}),
    UNREADABLE,
    UNREADABLE_REASON,
)
_JSON_COLUMNS: Final = ("user", "metadata", "statsig_metadata")


@dataclass(frozen=True, slots=True)
class Reshaped:
    """A chunk, row by row in exactly one of two tables, each in the chunk's order.

    events: row_key, category, event_name, user, user_id, statsig_metadata, value, metadata, time_uuid, unit_id
    (large_string; user, statsig_metadata and metadata are JSON text, unit_id is null where the key is absent) and
    timestamp (int64, ms since the epoch).
    failed: row_key, category, time_uuid, reason, detail (large_string).
    """

    events: pa.Table
    failed: pa.Table
    ids: Seen = NOTHING_SEEN
    """What kinds of ids the chunk's rows have."""

    @property
    def rows(self) -> int:
        """The rows of the chunk."""
        return len(self.events) + len(self.failed)

    def in_parts(self, size: int) -> "Iterator[Reshaped]":
        """The same rows in order and uncopied, each part's events of about `size` bytes; all that failed come first."""
        parts = max(1, -(-self.events.nbytes // size))
        rows = max(1, -(-len(self.events) // parts))
        yield replace(self, events=self.events.slice(0, rows))
        for begin in range(rows, len(self.events), rows):
            yield replace(self, events=self.events.slice(begin, rows), failed=self.failed.slice(0, 0))


class _User(msgspec.Struct):
    userID: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the key's own spelling


_USER: Final = msgspec.json.Decoder(_User)


def reshape(
    frame: pd.DataFrame,
    table: SourceTable,
    settings: SourceSettings,
    row_keys: "Column | None" = None,
    room: Room = ENDLESS,
) -> Reshaped:
    """A chunk of `table` as events and failed rows.

    `frame` has the columns `table.frame_columns`, `unreadable` and `unreadable_reason`. `row_keys` are those of a table
    without a key (`content_ids.content_keys`), and the timeUUIDs of its rows; without them both are null. Raises
    OutgrownError where the rows need more than `room`.
    """
    marks = FailureMarks(len(frame))
    read = columns_of(frame)
    if table.key is None:
        read[ROW_KEY] = pa.nulls(len(frame), TEXT) if row_keys is None else row_keys
    canonical = _canonical(_meant(read, table), table, marks, settings, room)
    columns = {name: of_kind(canonical[name], TEXT) for name in _TEXT_COLUMNS}
    columns |= {name: _null_for_no_members(columns[name]) for name in _JSON_COLUMNS}
    columns["gate_value"] = of_kind(canonical["gate_value"], pa.bool_())
    _mark_unreadable(columns[UNREADABLE], columns[UNREADABLE_REASON], marks)
    exposures = _exposures(columns, table)
    codes = _categories(columns, exposures, table, marks)
    row_key = canonical[ROW_KEY]
    time_uuids, seen = _time_uuids(columns["time_uuid"], row_key, table, settings.name)
    events = {
        "row_key": row_key.cast(TEXT),
        "category": take(array([category.value for category in CATEGORIES], TEXT), codes),
        "event_name": _event_names(columns["event_name"], codes, exposures),
        "user": columns["user"].fill_null("{}"),
        "user_id": _user_ids(columns, marks),
        "timestamp": _timestamps(canonical["timestamp"], marks),
        "statsig_metadata": columns["statsig_metadata"].fill_null("{}"),
        "value": _values(columns["value"], exposures),
        "metadata": metadata_texts(columns, codes, exposures, marks, room),
        "time_uuid": time_uuids,
        "unit_id": _unit_ids(columns, exposures, settings.unit_types),
    }
    failed = marks.failed(events["row_key"], events["category"], events["time_uuid"])
    if len(failed):
        passed = array(marks.passed)
        events = {name: values.filter(passed) for name, values in events.items()}
    return Reshaped(pa.table(events), failed, seen)


def row_ids(frame: pd.DataFrame, table: SourceTable, source_name: str) -> Column:
    """The timeUUIDs that `reshape` gives the rows of a chunk of a table with a key; null where the key is null."""
    read = columns_of(frame)
    own = _meant({name: values for name, values in read.items() if name == "time_uuid"}, table).get("time_uuid")
    ids = pa.nulls(len(frame), TEXT) if own is None else of_kind(own, TEXT)
    return _time_uuids(ids, read[ROW_KEY], table, source_name)[0]


def _canonical(
    read: Mapping[str, Column], table: SourceTable, marks: FailureMarks, settings: SourceSettings, room: Room
) -> Mapping[str, Column]:
    """The canonical columns, out of those that the table's form has."""
    match table.form:
        case Form.CANONICAL:
            return read
        case Form.SDK_LOG:
            return from_sdk_log(read, marks, settings, room)
        case Form.EVENT_LOG:
            return from_event_log(read, marks, settings, room)
        case Form.EXPORTED:
            return from_exports(read, table, marks, settings)


def _meant(read: dict[str, Column], table: SourceTable) -> dict[str, Column]:
    """The columns with what export.toml says that their values mean; of a boolean the source has read it."""
    names = {meaning.canonical for meaning in table.meanings} - {"gate_value"}
    meant = {name: table.meanings_of(name) for name in names}
    return {
        name: mapped(of_kind(values, TEXT), _spelling(meant[name])) if name in meant else values
        for name, values in read.items()
    }


def _spelling(meanings: Mapping[str, str]) -> Callable[[str], str]:
    return lambda value: meanings.get(value, value)


def _null_for_no_members(texts: Column) -> Column:
    """A JSON null is no value: SQLAlchemy's JSON type writes it for None by default. So is `[]`, PHP's empty map."""
    if bool(pc.all(pc.starts_with(texts, "{")).as_py()):  # null counts as true: nearly every chunk
        return texts
    return choose(pc.match_substring_regex(texts, NO_MEMBERS), text(None), texts)


def _mark_unreadable(unreadable: Column, reasons: Column, marks: FailureMarks) -> None:
    for row in np.flatnonzero(where(unreadable.is_valid())).tolist():
        reason = Reason(reasons[row].as_py() or Reason.NOT_UNICODE)
        marks.mark_row(row, Fault(reason, unreadable[row].as_py()))


def _exposures(columns: Mapping[str, Column], table: SourceTable) -> Mask:
    """Which rows are exposures: by table, or in a log that mixes them by the type that its names gave."""
    if table.mixed:
        return where(columns["exposure_type"].is_valid())
    return np.full(len(columns["exposure_type"]), table.role is Role.EXPOSURES)


def _categories(columns: Mapping[str, Column], exposures: Mask, table: SourceTable, marks: FailureMarks) -> Codes:
    """Each row's category. A row that has none is marked, and counted in the table's home category."""
    home = CATEGORIES.index(table.home)
    codes = np.full(len(exposures), CUSTOM_EVENT, dtype=np.int8)
    if exposures.any():
        np.copyto(codes, _exposure_codes(columns, exposures, home, marks), where=exposures)
    if not exposures.all():
        event_name = columns["event_name"]
        codes[~exposures & where(pc.equal(event_name, EVENT_NAMES[Category.CONFIG_CHANGE]))] = CONFIG_CHANGE
        named = where(pc.not_equal(event_name, ""))
        marks.mark(~exposures & ~named, Reason.MISSING_EVENT_NAME, "event_name")
        misplaced = where(pc.is_in(event_name, array([EVENT_NAMES[category] for category in EXPOSURES], TEXT)))
        marks.mark(~exposures & misplaced, Reason.EXPOSURE_NAME_IN_CUSTOM_EVENTS, "event_name")
    return codes


def _exposure_codes(columns: Mapping[str, Column], exposures: Mask, home: int, marks: FailureMarks) -> Codes:
    """By type; a config with a group is an experiment, since SDKs log both as config exposures."""
    types = pc.index_in(columns["exposure_type"], array(list(_TYPE_CODES), TEXT)).fill_null(-1)
    codes: Codes = np.array([*_TYPE_CODES.values(), home], dtype=np.int8)[types.to_numpy(zero_copy_only=False)]
    grouped = where(columns["group_name"].is_valid()) | where(pc.equal(columns[UNREADABLE], "group_name"))
    codes[(codes == CONFIG) & grouped] = EXPERIMENT
    marks.mark(exposures & where(pc.equal(types, -1)), Reason.UNKNOWN_EXPOSURE_TYPE, "exposure_type")
    marks.mark(exposures & ~where(pc.not_equal(columns["name"], "")), Reason.MISSING_NAME, "name")
    return codes


def _event_names(event_name: Column, codes: Codes, exposures: Mask) -> Column:
    if not exposures.any():
        return event_name
    final = take(array([EVENT_NAMES.get(category) for category in CATEGORIES], TEXT), codes)
    return final if exposures.all() else choose(exposures, final, event_name)


def _values(value: Column, exposures: Mask) -> Column:
    return choose(exposures, text(""), value.fill_null(""))


def _timestamps(times: Column, marks: FailureMarks) -> Column:
    milliseconds = to_epoch_ms(times)
    marks.mark(where(milliseconds.is_null()), Reason.BAD_TIMESTAMP, "timestamp")
    return milliseconds


def _time_uuids(time_uuid: Column, row_key: Column, table: SourceTable, source_name: str) -> tuple[Column, Seen]:
    """The source's own id byte for byte; where it has none (null or empty), one derived from the primary key."""
    if table.key is None:
        return row_key, Seen(derived=True)
    missing = np.flatnonzero(~where(pc.not_equal(time_uuid, "")))
    if not len(missing):
        return time_uuid, Seen(own=True)
    keys = take(row_key, missing)
    if table.keys_are_decimals and not table.keys_as_text:
        keys = shortest(keys)
    derived = derived_ids(keys, *table.salted(source_name), as_text=table.keys_as_text)
    seen = Seen(own=len(missing) < len(time_uuid), derived=True, other_keys=not are_integers(keys.drop_null()))
    return (derived if not seen.own else replaced(time_uuid, missing, derived)), seen


def _unit_ids(columns: Mapping[str, Column], exposures: Mask, unit_types: Mapping[str, str]) -> Column:
    """The name of the ID type, from the row or the configuration; null for what is no exposure."""
    if not exposures.any():
        return pa.nulls(len(exposures), TEXT)
    unit_type = columns["unit_type"]
    own = choose(pc.not_equal(unit_type, ""), unit_type, text(None))
    configured = mapped(columns["name"], unit_types.get) if unit_types else text(None)
    unit_ids = pc.coalesce(own, configured, text(DEFAULT_UNIT_TYPE))
    return unit_ids if exposures.all() else choose(exposures, unit_ids, text(None))


def _user_ids(columns: Mapping[str, Column], marks: FailureMarks) -> Column:
    """The column; where it is null, the user's own userID; where that is missing too, the empty string."""
    user_id = columns["user_id"]
    rows = np.flatnonzero(where(user_id.is_null()) & where(columns["user"].is_valid()) & marks.passed)
    if not len(rows):
        return user_id.fill_null("")
    users = take(columns["user"], rows).dictionary_encode()
    ids = [_user_id_in(user) for user in values_of(users.dictionary)]
    values: list[str | None] = []
    for row, position in zip(rows.tolist(), values_of(users.indices), strict=True):
        value = ids[position]
        if isinstance(value, Fault):
            marks.mark_row(row, value)
        values.append(value if isinstance(value, str) else "")
    return replaced(user_id, rows, values).fill_null("")


def _user_id_in(user: str) -> str | Fault:
    """A user that is no valid object gives "": encoding will say what is wrong with it."""
    try:
        value = str(_USER.decode(user).userID, "utf-8")
    except (msgspec.DecodeError, RecursionError):
        return ""
    if value[0] in "{[tf":
        return Fault(Reason.WRONG_TYPE, "user.userID is neither a string nor a number")
    try:
        return string_of(value, "user.userID") or ""
    except BadValueError as error:
        return error.fault
