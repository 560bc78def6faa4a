"""The bad rows of the sample source: one fault a row, each with the reason a reader should give for it."""

from collections.abc import Callable
from dataclasses import dataclass

from statsig_export.testing.sample.exposures import Columns

Spoil = Callable[[Columns, int], None]
"""Puts the fault into one row of a block."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A kind of fault."""

    reason: str
    spoil: Spoil
    only_loose: bool = False
    """Only a database without real JSON and timestamp types lets it in, such as SQLite."""


def _put(column: str, value: str | None) -> Spoil:
    def spoil(columns: Columns, row: int) -> None:
        columns[column][row] = value

    return spoil


def _cut(column: str) -> Spoil:
    def spoil(columns: Columns, row: int) -> None:
        whole = columns["user"][row]
        columns[column][row] = whole[: len(whole) // 2]

    return spoil


_LONE_SURROGATE = '{"userID":"us_000001","custom":{"name":"half a pair: \\ud83d"}}'
_NOT_A_NUMBER = '{"userID":"us_000001","custom":{"score":NaN}}'

_IN_BOTH = (
    BadRow("wrong_type", _put("user", '["us_000001"]')),
    BadRow("not_unicode", _put("user", _LONE_SURROGATE)),
    BadRow("malformed_json", _cut("user"), only_loose=True),
    BadRow("bad_timestamp", _put("timestamp", "yesterday, about noon"), only_loose=True),
    BadRow("not_json_number", _put("user", _NOT_A_NUMBER), only_loose=True),
)

_EXPOSURES = (
    BadRow("unknown_exposure_type", _put("exposure_type", "holdout")),
    BadRow("unknown_exposure_type", _put("exposure_type", None)),
    BadRow("missing_name", _put("name", None)),
    *_IN_BOTH,
)

_CUSTOM_EVENTS = (
    BadRow("missing_event_name", _put("event_name", None)),
    BadRow("wrong_type", _put("metadata", '["a","b"]')),
    BadRow("malformed_json", _cut("metadata"), only_loose=True),
    *_IN_BOTH,
)


def kinds_for(table: str, *, loose: bool) -> list[BadRow]:
    """The faults that a table's rows can have in this kind of database."""
    kinds = _EXPOSURES if table == "exposures" else _CUSTOM_EVENTS
    return [kind for kind in kinds if loose or not kind.only_loose]
