"""Identity for rows without a primary key: a UUID over what the row says, and its ordinal among equal rows. Pure.

The content of a row is the JSON object of its non-null columns under their canonical names, in alphabetical order, with
JSON values brought to one spelling. It does not depend on how the database writes JSON, on the order of reading, on
columns that are null in this row, or, in files, on members that a struct got after it. Equal rows are as many events:
the second gets another id than the first. So a re-reading in any order gives the same set of ids, and a row that came
late adds one.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import numpy as np
import pandas as pd

from statsig_export.arrow.columns import (
    TEXT,
    Column,
    array,
    choose,
    columns_of,
    join,
    mapped,
    pc,
    text,
    values_of,
)
from statsig_export.arrow.timestamps import to_epoch_ms
from statsig_export.events.json_text import escaped
from statsig_export.events.seen_ids import Occurrences
from statsig_export.layouts.model import ColumnRule, Kind, SourceTable

_MAYBE_WHOLE_FLOAT: Final = re.compile(r"[0-9](?:\.[0-9]|[eE])")
_LARGEST_EXACT: Final = 2.0**53
_VARIANTS: Final = "89ab"


def content_keys(frame: pd.DataFrame, table: SourceTable, source_name: str, occurrences: Occurrences | None) -> Column:
    """The row keys (large_string) of a chunk of a table without a key: the UUID of each row's content.

    `occurrences` counts the contents of the window so far, so that equal rows get different ids; None gives equal
    rows one id, whatever else their columns `added_later` say.
    """
    return keys_of(content_digests(frame, table, source_name, repeats=occurrences is None), occurrences)


def content_digests(frame: pd.DataFrame, table: SourceTable, source_name: str, *, repeats: bool) -> list[bytes]:
    """A digest of each row's content; with `repeats` it leaves out the columns that are `added_later`."""
    rules = [rule for rule in table.columns if not repeats or rule.canonical not in table.added_later]
    salt = json.dumps(table.salted(source_name)).encode()
    contents = _contents(columns_of(frame), rules, _SPELLINGS_IN_FILES if table.in_files else _SPELLINGS)
    return [hashlib.sha256(salt + content.encode()).digest() for content in values_of(contents)]


def keys_of(digests: Sequence[bytes], occurrences: Occurrences | None) -> Column:
    """The row keys of rows of these contents."""
    if occurrences is not None and digests:
        digests = _told_apart(digests, occurrences)
    return array(uuids(digests), TEXT)


def uuids(digests: Sequence[bytes]) -> list[str]:
    """What digests of contents are written as."""
    return [_uuid(digest.hex()) for digest in digests]


def canonical_json(value: str, *, without_nulls: bool = False) -> str:
    """One spelling for equal JSON values: members sorted, no spaces, 3.0 as 3, and on request none that is null; text
    that is no JSON as it is.
    """
    try:
        decoded: object = msgspec.json.decode(value)
        if _MAYBE_WHOLE_FLOAT.search(value):
            decoded = _whole_numbers(decoded)
        if without_nulls and "null" in value:
            decoded = _without_nulls(decoded)
        return msgspec.json.encode(decoded, order="sorted").decode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value


def _contents(columns: Mapping[str, Column], rules: Sequence[ColumnRule], spellings: "_Spellings") -> Column:
    in_order = sorted(rules, key=lambda rule: rule.canonical)
    return join("{", *(_member(columns[rule.canonical], rule, spellings) for rule in in_order), "}")


def _member(values: Column, rule: ColumnRule, spellings: "_Spellings") -> Column:
    """`"name":"value",`, or nothing where the column is null."""
    spelled = spellings.get(rule.kind, _as_it_is)(values)
    name = json.dumps(rule.canonical)
    return join(f'{name}:"', escaped(spelled), '",').fill_null("")


def _as_it_is(values: Column) -> Column:
    return values.cast(TEXT)


def _json(values: Column, *, without_nulls: bool = False) -> Column:
    spelled = mapped(values.cast(TEXT), partial(canonical_json, without_nulls=without_nulls))
    return choose(pc.equal(spelled, "null"), text(None), spelled)


def _time(values: Column) -> Column:
    """Milliseconds, as an event has them; a time that is none as it is."""
    return pc.coalesce(to_epoch_ms(values).cast(TEXT), values.cast(TEXT))  # type: ignore[no-any-return]  # untyped


_Spellings = Mapping[Kind, Callable[[Column], Column]]
_SPELLINGS: Final[_Spellings] = {Kind.JSON: _json, Kind.TIME: _time}
_SPELLINGS_IN_FILES: Final[_Spellings] = {**_SPELLINGS, Kind.JSON: partial(_json, without_nulls=True)}
"""Not elsewhere, too: ids that were made before would be others."""


def _whole_numbers(value: object) -> object:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _LARGEST_EXACT else value
    if isinstance(value, dict):
        return {key: _whole_numbers(member) for key, member in value.items()}
    return [_whole_numbers(item) for item in value] if isinstance(value, list) else value


def _without_nulls(value: object) -> object:
    """Without the members that are null: a table shows a struct's members, also those that came after the row."""
    if isinstance(value, dict):
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _told_apart(digests: Sequence[bytes], occurrences: Occurrences) -> list[bytes]:
    words = np.frombuffer(b"".join(digest[:16] for digest in digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)
    ordinals = occurrences.ordinals(words[:, 0], words[:, 1]).tolist()
    return [
        hashlib.sha256(digest + str(ordinal).encode()).digest() if ordinal else digest
        for digest, ordinal in zip(digests, ordinals, strict=True)
    ]


def _uuid(digest: str) -> str:
    """The first 128 bits of a hexadecimal digest as an RFC 9562 version-8 UUID."""
    variant = _VARIANTS[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"
