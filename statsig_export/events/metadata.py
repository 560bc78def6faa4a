"""The `metadata` of events: a flat JSON object of strings, built without a Python object a row where rows allow it.

Exposures: the documented keys in the documented order, from the canonical columns, then whatever else the row's own
metadata holds; a key that a column gave is not repeated. Other events: the row's own metadata.

Metadata that is written as a plain flat object of strings is spliced as text; numbers, constants and nested values that
are written plainly are quoted as text too (quoted_members.py). Everything else (escaped keys, blanks, keys that must
not leave or not be repeated) is decoded, row by row, and only those rows.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from statsig_export.arrow.columns import (
    TEXT,
    Column,
    Mask,
    array,
    choose,
    join,
    mapped,
    pc,
    replaced,
    take,
    text,
    values_of,
    where,
)
from statsig_export.events.category_codes import CATEGORIES, CONFIG, EXPERIMENT, GATE, LAYER, Codes
from statsig_export.events.faults import BadValueError, FailureMarks
from statsig_export.events.forms.logged_exposures import gate_value_in
from statsig_export.events.json_text import quote
from statsig_export.events.json_values import are_flat, carried_members, flat_object, have_key
from statsig_export.events.quoted_members import quoted_members
from statsig_export.events.room import ENDLESS, Room
from statsig_export.layouts.reasons import Reason
from statsig_export.vocabulary import NEVER_SENT

COLUMN_KEYS: Final[Mapping[int, tuple[str, ...]]] = {
    GATE: ("gate", "gateValue", "ruleID"),
    CONFIG: ("config", "ruleID"),
    EXPERIMENT: ("config", "ruleID", "experimentGroupName"),
    LAYER: ("config", "ruleID"),
}
"""The keys that the canonical columns always give, by type of exposure. `reason` comes on top where it is not null."""

_ANY_COLUMN_KEY: Final = {key for keys in COLUMN_KEYS.values() for key in keys} | {"reason"}
_NAME: Final = "metadata"


def metadata_texts(
    columns: Mapping[str, Column], codes: Codes, exposures: Mask, marks: FailureMarks, room: Room = ENDLESS
) -> Column:
    """The metadata of every row (large_string). Rows whose own metadata is at fault are marked.

    Reads the canonical columns name, rule_id, group_name, reason, gate_value, metadata.
    """
    own = _own_members(columns, codes, exposures, marks, room)
    if not exposures.any():
        return own.fill_null("{}")
    gate_value = _gate_values(columns, codes, marks)
    of_exposures = join(_column_members({**columns, "gate_value": gate_value}, codes), _continued(own))
    return of_exposures if exposures.all() else choose(exposures, of_exposures, own.fill_null("{}"))


def _own_members(
    columns: Mapping[str, Column], codes: Codes, exposures: Mask, marks: FailureMarks, room: Room
) -> Column:
    """The row's own metadata without what the columns give: a flat object of strings, null where nothing is left."""
    metadata = columns[_NAME]
    given = where(pc.not_equal(metadata, "{}"))
    metadata = choose(given, metadata, text(None))
    if not given.any():
        return metadata
    unwanted = NEVER_SENT | _ANY_COLUMN_KEY if exposures.any() else NEVER_SENT
    wanted = ~have_key(metadata, unwanted)
    rows = np.flatnonzero(given & ~(are_flat(metadata) & wanted) & marks.passed)
    found = take(metadata, rows)
    quoted = choose(wanted[rows], quoted_members(found), text(None))
    left = np.flatnonzero(where(quoted.is_null()))
    keys = _repeated_keys(columns["reason"], codes, exposures, rows[left])
    values: list[str | None] = []
    for row, value, repeated in zip(rows[left].tolist(), values_of(take(found, left)), keys, strict=True):
        values.append(_rest(value, repeated, row, marks, room))
    return replaced(metadata, rows, replaced(quoted, left, values))


def _repeated_keys(
    reason: Column, codes: Codes, exposures: Mask, rows: npt.NDArray[np.intp]
) -> Iterable[tuple[str, ...]]:
    """For each of the rows the keys that its columns give."""
    with_reason = where(reason.is_valid())
    for row in rows.tolist():
        keys = COLUMN_KEYS[int(codes[row])] if exposures[row] else ()
        yield (*keys, "reason") if keys and with_reason[row] else keys


def _rest(metadata: str, repeated: tuple[str, ...], row: int, marks: FailureMarks, room: Room) -> str | None:
    try:
        members = carried_members(metadata, _NAME, room)
    except BadValueError as error:
        marks.mark_row(row, error.fault)
        return None
    for key in repeated:
        members.pop(key, None)
    return flat_object(members) if members else None


def _gate_values(columns: Mapping[str, Column], codes: Codes, marks: FailureMarks) -> Column:
    """The column, a null in a gate exposure replaced by what its metadata says; gates without a value are marked."""
    gate_value = columns["gate_value"]
    rows = np.flatnonzero((codes == GATE) & where(gate_value.is_null()) & marks.passed)
    if not len(rows):
        return gate_value
    found = values_of(gate_value)
    for row, metadata in zip(rows.tolist(), values_of(take(columns[_NAME], rows)), strict=True):
        found[row] = gate_value_in(carried_members(metadata or "{}", _NAME))
    values = array(found, pa.bool_())
    marks.mark((codes == GATE) & where(values.is_null()), Reason.MISSING_GATE_VALUE, "gate_value")
    return values


def _column_members(columns: Mapping[str, Column], codes: Codes) -> Column:
    """`{"gate":"a","gateValue":"true","ruleID":"r","reason":"n"` and the like; the object is left open."""
    kinds = array(codes)
    openings = ['{"gate":' if code == GATE else '{"config":' for code in range(len(CATEGORIES))]
    parts = [
        take(array(openings, TEXT), codes),
        mapped(columns["name"].fill_null(""), quote),
        _gate_value_member(columns["gate_value"], kinds),
        _member("ruleID", columns["rule_id"].fill_null("")),
        _member("reason", columns["reason"]).fill_null(""),
    ]
    if (codes == EXPERIMENT).any():
        group = _member("experimentGroupName", columns["group_name"].fill_null(""))
        parts.append(choose(pc.equal(kinds, EXPERIMENT), group, text("")))
    return join(*parts)


def _gate_value_member(gate_value: Column, kinds: Column) -> Column:
    member = choose(gate_value, text(',"gateValue":"true"'), text(',"gateValue":"false"')).fill_null("")
    return choose(pc.equal(kinds, GATE), member, text(""))


def _member(key: str, values: Column) -> Column:
    return mapped(values, lambda value: f",{quote(key)}:{quote(value)}")


def _continued(own: Column) -> Column:
    """A flat object as the end of an open one: its brace becomes a comma. A brace alone where there is none."""
    rest: Column = pc.binary_replace_slice(own.view(pa.large_binary()), 0, 1, b",").view(TEXT).fill_null("}")
    return rest
