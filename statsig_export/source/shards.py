"""Which rows of a table may be in a shard: a predicate that lets the database leave out the others. Pure.

What shard a row is in is decided once it is read (events/shard_rows.py). The predicate may let other rows through, as
those whose ids the database cannot make, but it must hold back none: so it is used only where the database gives the
hash of known texts (`probe`), and whoever reads compares each row that came through it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, func, literal, literal_column, or_, select

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import Kind
from statsig_export.source.compiling import compiled
from statsig_export.source.expressions import as_text
from statsig_export.source.statement import PlacedTable

PROBES: Final[Mapping[str, str]] = {
    "statsig-EXPORT": "86",
    "0191d0e0-7d3c-7abc-8def-AB12CD34EF56": "b5",
    "Iiäßž": "df",
}
"""A text -> the first byte of its hash, in hex: with letters that locales and character sets treat in ways of their
own."""
_PROBED_KEYS: Final = {0: "0" * 15, 2**59 + 255: "8000000000000ff"}


@dataclass(frozen=True, slots=True)
class Hashes:
    """The rows of a shard, as a statement can name them."""

    first_bytes: Sequence[int]
    """Of the hashes of their ids."""
    prefix: str
    """What the ids that are made of keys begin with."""
    largest_key: int
    """Of those that such an id holds."""


def knows_ids(placed: PlacedTable) -> bool:
    """Whether the database can tell what the ids of the table's rows will be, and their hash."""
    key = placed.table.key
    return key is not None and placed.backend.first_byte is not None and placed.family(key) is Family.INTEGER


def rows_that_may_be_in(placed: PlacedTable, hashes: Hashes) -> ColumnElement[bool]:
    """The predicate, of a table whose ids the database knows."""
    first_byte, hex_digits, key = placed.backend.first_byte, placed.backend.hex_digits, placed.table.key
    if first_byte is None or hex_digits is None or key is None:
        raise ValueError(f"{placed.table.qualified_name}: the ids of its rows are not known to the database")
    number, own = placed.column(key), _own_id(placed)
    digits = hex_digits(number)
    derived = literal(hashes.prefix).concat(func.substr(digits, 1, 3)).concat("-").concat(func.substr(digits, 4, 12))
    held = and_(number >= 0, number <= literal_column(str(hashes.largest_key)))
    made = case((held, derived))
    known_by = made if own is None else func.coalesce(own, made)
    mine = first_byte(known_by).in_([f"{byte:02x}" for byte in hashes.first_bytes])
    unmade = or_(number.is_(None), number < 0, number > literal_column(str(hashes.largest_key)))
    return or_(mine, unmade if own is None else and_(own.is_(None), unmade))


def probe(placed: PlacedTable) -> str:
    """The statement whose one row is `answers` where the database makes hashes and digits as they are made here."""
    first_byte, hex_digits = placed.backend.first_byte, placed.backend.hex_digits
    if first_byte is None or hex_digits is None:
        raise ValueError(f"{placed.backend.name} has no hash")
    hashed = [first_byte(literal(text)) for text in PROBES]
    spelled = [hex_digits(literal_column(str(number))) for number in _PROBED_KEYS]
    labelled = [expression.label(f"probe_{at}") for at, expression in enumerate([*hashed, *spelled])]
    return compiled(select(*labelled), placed.dialect)


def answers(row: Sequence[Any]) -> bool:
    """Whether a row is what `probe` should give."""
    found = [value.decode() if isinstance(value, bytes) else value for value in row]
    return found == [*PROBES.values(), *_PROBED_KEYS.values()]


def _own_id(placed: PlacedTable) -> ColumnElement[Any] | None:
    """The id that a row has of its own; null where it has none, as an empty text is. None: the table has no such."""
    for rule in placed.table.columns:
        if rule.canonical == "time_uuid" and rule.kind is Kind.IDENTIFIER:
            return func.nullif(as_text(placed.column(rule.column), placed.family(rule.column), placed.backend), "")
    return None
