"""The rule of [privacy], applied to the events of a chunk, a column at a time, before they are encoded. Pure.

What repeats is looked at once for each distinct text: users, and statsigMetadata. Of `metadata`, which seldom repeats,
only the rows are parsed in which a key is written that a path may name; reshape has written it so that every key
stands there as it is decoded, but for what JSON must escape.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from statsig_export.arrow.columns import TEXT, Column, array, pc, replaced, take, values_of, where
from statsig_export.events.faults import BadValueError, FailureMarks, Fault
from statsig_export.events.redacted_text import redacted, redacted_string
from statsig_export.privacy.rule import Fate, Node, Rule
from statsig_export.vocabulary import EXPOSURES

_MANY_ROWS: Final = 256
"""So many rows of one kind are searched for keys a column at a time; fewer are parsed, each of them."""
_MANY_NAMES: Final = 100
"""A search for more names than these takes longer than to parse."""
_MUST_BE_ESCAPED: Final = frozenset('"\\') | frozenset(map(chr, range(0x20)))
_ANY_KEY: Final = r'(?:[^"\\]|\\.)*'

_Rows = npt.NDArray[np.intp]
_Change = Callable[[str], str]


class _Units(msgspec.Struct):
    customIDs: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815 - the key's own spelling


_UNITS: Final = msgspec.json.Decoder(_Units)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)


class _Group(NamedTuple):
    """Rows to which the rule says the same."""

    ids: frozenset[str]
    """The custom IDs of their users that are dropped or hashed."""
    of_exposure: bool
    rows: _Rows


class _User(NamedTuple):
    """What becomes of a user."""

    text: str
    ids: frozenset[str]
    fault: Fault | None = None


class _Part(NamedTuple):
    """What is done to the texts of some rows."""

    rows: _Rows
    change: _Change


def redact(columns: Mapping[str, Column], rule: Rule, marks: FailureMarks) -> dict[str, Column]:
    """The columns of an event table whose JSON was checked. Rows that failed in that are left as they are.

    Rows whose JSON a path leads into too deeply are marked.
    """
    rows = np.flatnonzero(marks.passed)
    user, groups = _users(columns, rule, rows, marks)
    return {
        **columns,
        "user": user,
        "user_id": _user_ids(columns["user_id"], groups, rule, marks),
        "statsig_metadata": _statsig_metadata(columns["statsig_metadata"], groups, rule, marks),
        "value": _values(columns["value"], rows, rule, marks),
        "metadata": _metadata(columns["metadata"], groups, rule, marks),
    }


def _users(columns: Mapping[str, Column], rule: Rule, rows: _Rows, marks: FailureMarks) -> tuple[Column, list[_Group]]:
    """The column, and the rows by what their users' IDs and their category make of the rule."""
    distinct = _Distinct(columns["user"], rows)
    users = [rule.users.of(text, partial(_user, rule=rule)) for text in distinct.texts]
    column = distinct.replaced([user.text for user in users])
    distinct.mark([user.fault for user in users], marks)
    kinds = list(dict.fromkeys(user.ids for user in users)) or [frozenset()]
    order = {kind: code for code, kind in enumerate(kinds)}
    codes = np.array([order[user.ids] for user in users], dtype=np.int64)[distinct.positions]
    exposures = array([category.value for category in EXPOSURES], TEXT)
    codes = codes * 2 + where(pc.is_in(columns["category"], exposures))[rows]
    return column, [_Group(kinds[code // 2], bool(code % 2), rows[codes == code]) for code in np.unique(codes).tolist()]


def _user(user: str, rule: Rule) -> _User:
    ids = rule.moved_ids(_custom_ids(user)) if rule.names_custom_ids else frozenset[str]()
    try:
        return _User(_object(user, rule.root("user", ids), rule, "user"), ids)
    except BadValueError as error:
        return _User("{}", ids, error.fault)


def _object(members: str, fate: Node | Fate, rule: Rule, name: str) -> str:
    if isinstance(fate, Node):
        return redacted(members, fate, rule, name)
    return members if fate is Fate.STAYS else "{}"


def _user_ids(user_ids: Column, groups: list[_Group], rule: Rule, marks: FailureMarks) -> Column:
    parts = []
    for group in groups:
        fate = rule.user_id_fate(group.ids)
        if fate is not Fate.STAYS:
            parts.append(_Part(group.rows, partial(_applied, fate=fate, rule=rule)))
    return _changed(user_ids, parts, marks)


def _applied(value: str, fate: Node | Fate, rule: Rule) -> str:
    return rule.applied(fate, value) or ""


def _statsig_metadata(texts: Column, groups: list[_Group], rule: Rule, marks: FailureMarks) -> Column:
    parts = []
    for group in groups:
        fate = rule.root("statsigMetadata", group.ids)
        if fate is not Fate.STAYS:
            parts.append(_Part(group.rows, partial(_object, fate=fate, rule=rule, name="statsigMetadata")))
    return _changed(texts, parts, marks)


def _values(values: Column, rows: _Rows, rule: Rule, marks: FailureMarks) -> Column:
    fate = rule.root("value")
    match fate:
        case Fate.STAYS:
            return values
        case Fate.DROPPED:
            return _changed(values, [_Part(rows, lambda _: "")], marks)
        case Node():
            change = partial(_value, fate=fate, rule=rule)
            return _changed(values, [_Part(rows, change)], marks)


def _value(value: str, fate: Node, rule: Rule) -> str:
    return redacted_string(value, fate, rule, "value") or ""


def _metadata(texts: Column, groups: list[_Group], rule: Rule, marks: FailureMarks) -> Column:
    parts = []
    for group in groups:
        fate = rule.root("metadata", group.ids, of_exposure=group.of_exposure)
        if fate is not Fate.STAYS:
            rows = group.rows
            if isinstance(fate, Node) and len(rows) >= _MANY_ROWS:
                rows = _candidates(texts, rows, fate)
            parts.append(_Part(rows, partial(_object, fate=fate, rule=rule, name="metadata")))
    return _changed(texts, parts, marks)


def _candidates(texts: Column, rows: _Rows, node: Node) -> _Rows:
    """The rows in which some key may be meant: those whose text has one where keys stand."""
    keys = _keys(node)
    if keys is None:
        return rows
    of_rows = texts if len(rows) == len(texts) else take(texts, rows)
    found: _Rows = rows[where(pc.match_substring_regex(of_rows, keys))]
    return found


def _keys(node: Node) -> str | None:
    """The regular expression of the keys that a node's paths name; None where it could be any."""
    if node.hashing is not None or len(node.live) > _MANY_NAMES:
        return None
    names = []
    for live in node.live:
        step = live.steps[0]
        if _MUST_BE_ESCAPED & set(step.name):
            return None
        names.append(step.expression.replace(".*", _ANY_KEY) if step.expression else re.escape(step.name))
    return f'[{{,] ?"(?:{"|".join(names)})" ?:'


def _custom_ids(user: str) -> frozenset[str]:
    """The names of a user's custom IDs, as an object or as a text that holds one."""
    try:
        ids = str(_UNITS.decode(user).customIDs, "utf-8")
        return frozenset(_MEMBERS.decode(_STRING.decode(ids) if ids[0] == '"' else ids))
    except (msgspec.DecodeError, RecursionError):
        return frozenset()


def _changed(texts: Column, parts: Sequence[_Part], marks: FailureMarks) -> Column:
    """The column with the texts of these rows changed, each distinct one of a part once. Rows at fault are marked."""
    if len(parts) == 1 and len(parts[0].rows) == len(texts):
        distinct = _Distinct(texts, parts[0].rows)
        changes = _Changes(parts[0].change)
        changed = [changes.of(text) for text in distinct.texts]
        distinct.mark([changes.faults.get(text) for text in distinct.texts], marks)
        return distinct.replaced(changed)
    found: dict[int, str | None] = {}
    for part in parts:
        changes = _Changes(part.change)
        rows = part.rows.tolist()
        for row, text in zip(rows, values_of(take(texts, part.rows)), strict=True):
            found[row] = changes.of(text)
            if text in changes.faults:
                marks.mark_row(row, changes.faults[text])
    rows = sorted(found)
    return replaced(texts, np.array(rows, dtype=np.intp), [found[row] for row in rows])


class _Changes:
    """What a change makes of texts, and which of them are at fault."""

    def __init__(self, change: _Change) -> None:
        self._change = change
        self._made: dict[str, str] = {}
        self.faults: dict[str, Fault] = {}

    def of(self, text: str) -> str:
        made = self._made.get(text)
        if made is None:
            try:
                made = self._change(text)
            except BadValueError as error:
                self.faults[text], made = error.fault, ""
            self._made[text] = made
        return made


class _Distinct:
    """The distinct texts of some rows of a column."""

    def __init__(self, column: Column, rows: _Rows) -> None:
        self._column, self._rows = column, rows
        self._whole = len(rows) == len(column)
        encoded = (column if self._whole else take(column, rows)).dictionary_encode()
        self._indices = encoded.indices
        self.texts: list[str] = values_of(encoded.dictionary)

    @property
    def positions(self) -> _Rows:
        """For each of the rows, which text it is."""
        positions: _Rows = self._indices.to_numpy(zero_copy_only=False)
        return positions

    def replaced(self, texts: list[str]) -> Column:
        """The column with other texts in the place of these."""
        changed = take(array(texts, TEXT), self._indices)
        return changed if self._whole else replaced(self._column, self._rows, values_of(changed))

    def mark(self, faults: Sequence[Fault | None], marks: FailureMarks) -> None:
        """Mark the rows whose texts have a fault: one a text, or None."""
        if any(faults):
            for row, position in zip(self._rows.tolist(), self.positions.tolist(), strict=True):
                fault = faults[position]
                if fault is not None:
                    marks.mark_row(row, fault)
