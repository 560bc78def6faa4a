"""SQLite: what differs there.

A declared type is a preference: any column can hold values of any type. There are no timestamps: window columns hold
text in one of several spellings, or numbers. Every row must still fall into exactly one window, at the boundary too,
and the index on (window column, id) must serve the read. So the predicate for text is two things: a plain text range,
wide enough for every UTC offset, that the index answers; and an exact comparison for the rows in it. `strftime` is of
no use for the latter, because it rounds 23:59:59.9999 up into the next day.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Numeric,
    and_,
    asc,
    case,
    cast,
    create_engine,
    desc,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
)
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.pool import NullPool

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import Kind
from statsig_export.source.backends.backend import (
    Arguments,
    Backend,
    FirstValue,
    SqlColumn,
    file_dataset,
    quoted_text,
)
from statsig_export.source.compiling import compiled
from statsig_export.source.epochs import EPOCH, LAST_UNIT, PAST_NUMBERS, SECOND, epoch_window, unit_of
from statsig_export.source.immutable_sqlite import require_whole

# Where a number is preferred, text that is one has become one.
_NO_NUMBERS_AS_TEXT: Final = frozenset({Family.TIMESTAMP, Family.INTEGER, Family.FLOAT})

# A column without a type, or with one that SQLite does not know (which counts as NUMERIC), can hold anything, and times
# and booleans are text or numbers by nature.
_ANYTHING: Final = frozenset({Family.UNTYPED, Family.NUMERIC})
_MAYBE_TEXT: Final = frozenset({Kind.WINDOW, Kind.BOOLEAN})

_DIALECT: Final = SQLiteDialect()

# Of every second from September 2001 to 2286.
_SECOND_DIGITS: Final = 10
# UTC offsets run from -12:00 to +14:00; SQLite's own functions know them up to 14:59.
_WIDEST_OFFSET: Final = timedelta(hours=15)
_DATE: Final = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_DATE_AND_TIME: Final = f"{_DATE}[ T][0-9][0-9:]*"
# 9:30 for 09:30, which sorts behind 23:59.
_ONE_DIGIT_HOUR: Final = f"{'?' * 10} [0-9]:*"
_LETTER_AFTER_DATE: Final = f"{'?' * 11}*[A-Za-z]*"
# Zones that name UTC alone, as in arrow/timestamps.py: EST is five hours in one country and eleven in another.
_PAST_DIGITS: Final = ":"
_NAMED_UTC: Final = ("*[0-9]Z", "*[0-9] Z", "*[0-9]UTC", "*[0-9] UTC", "*[0-9]GMT", "*[0-9] GMT")
# Nine digits are seconds of 1973, fewer are no epoch but a day or a year in figures.
_EPOCH_DIGITS: Final = "[0-9]" * 9 + "*"
_DATE_LENGTH: Final = len("2026-11-01")
_HOUR: Final = timedelta(hours=1)
_TWO_DIGITS: Final = 10
_SIGN_AFTER_DATE: Final = "____-__-__%-%"
_NO_NUMBER: Final = "*[^0-9.]*"


def _kept(expression: Callable[[SqlColumn], SqlColumn]) -> Callable[[SqlColumn], SqlColumn]:
    """The same expression, written once for each column: to write these anew was a tenth of a small export."""

    @lru_cache
    def written(column: str) -> SqlColumn:
        return literal_column(f"({compiled(expression(literal_column(column)), _DIALECT)})")

    return lambda column: written(compiled(column, _DIALECT))


def _window(column: SqlColumn, family: Family, start: datetime, end: datetime, first_value: FirstValue) -> SqlColumn:
    """Looks first at what is stored, which the index answers: only ranges that can hold rows are asked for.

    Each of the spellings that can occur at all adds a range: ISO 8601 with a space or a T, with or without a fraction
    and a UTC offset; epoch numbers in one unit or several; and epoch numbers as text.
    """
    # In SQLite's order all numbers come before all text, which is its UTF-8 bytes here.
    lowest, highest = (first_value(column.is_not(None), direction(column)) for direction in (asc, desc))
    numbers_as_text = _epoch_text_range(column, start, end)
    ranges = []
    if isinstance(highest, bytes):
        ranges.append(_iso_window(column, start, end))
    if family not in _NO_NUMBERS_AS_TEXT and first_value(numbers_as_text) is not None:
        exact = epoch_window(cast(column, Numeric), start, end)
        ranges.append(and_(numbers_as_text, _is_epoch_text(column), exact))
    if isinstance(lowest, int | float):
        last = unit_of(highest) if isinstance(highest, int | float) else LAST_UNIT
        ranges.append(epoch_window(column, start, end, range(unit_of(lowest), last + 1)))
    return or_(*ranges) if ranges else false()


def _epoch_text_range(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """Where epoch numbers of this window lie that are kept as text: in any unit they begin with the same ten digits."""
    first = (start - EPOCH) // SECOND
    last = (end - EPOCH) // SECOND
    if len(str(first)) == len(str(last)) == _SECOND_DIGITS:
        return and_(column >= str(first), column < str(last))
    return and_(column >= "0", column < ":")


def _unplaced(column: SqlColumn) -> SqlColumn:
    """Null, a BLOB, or a text or number that is no time."""
    dated = and_(_is_time(column), or_(not_(_has_offset(column)), _shifted(column).is_not(None)))
    known = or_(dated, _is_epoch_text(column))
    counted = and_(column >= 0, column < literal_column(PAST_NUMBERS))
    return or_(
        column.is_(None),
        func.typeof(column) == "blob",
        and_(func.typeof(column).in_(["integer", "real"]), not_(counted)),
        and_(func.typeof(column) == "text", not_(known)),
    )


def _before(column: SqlColumn, moment: datetime) -> SqlColumn:
    kind = func.typeof(column)
    shifted = _shifted(column) < f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return case(
        (kind.in_(["integer", "real"]), epoch_window(column, EPOCH, moment)),
        (_is_epoch_text(column), epoch_window(cast(column, Numeric), EPOCH, moment)),
        (_has_offset(column), shifted),
        else_=_utc_before(column, moment),
    )


def _utc_before(column: SqlColumn, moment: datetime) -> SqlColumn:
    """For text in UTC, as `_utc_window`."""
    first = _bound(moment)
    if len(first) == _DATE_LENGTH:
        return column < first
    separator = func.substr(column, _DATE_LENGTH + 1, 1)
    return or_(and_(column < first, separator != "T"), and_(column < first.replace(" ", "T"), separator == "T"))


@_kept
def _is_epoch_text(column: SqlColumn) -> SqlColumn:
    kind = func.typeof(column) == "text"
    return and_(kind, column.op("GLOB")(_EPOCH_DIGITS), column.op("NOT GLOB")(_NO_NUMBER))


def _iso_window(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """The range that the index answers, then the rows themselves, those with an offset by their moment in UTC."""
    wide = _text_range(column, start - _WIDEST_OFFSET, end + _WIDEST_OFFSET)
    last_second = f"{end.astimezone(UTC) - SECOND:%Y-%m-%d %H:%M:%S}"
    shifted = _shifted(column).between(_bound(start), last_second)
    # This order measured twice as fast as one CASE over both.
    either = or_(_utc_window(column, start, end), _has_offset(column))
    return and_(wide, either, case((_has_offset(column), shifted), else_=literal(1)), _is_time(column))


@_kept
def _is_time(column: SqlColumn) -> SqlColumn:
    """A date, or a date and a time with no zone but an offset or a name of UTC; whether the offset is one is left open.

    Anything else is in no window: what event times cannot be read from is not placed by how it sorts.
    """
    trimmed = func.rtrim(column)
    dated = or_(column.op("GLOB")(_DATE_AND_TIME), trimmed.op("GLOB")(_DATE))
    named = or_(*(func.upper(trimmed).op("GLOB")(zone) for zone in _NAMED_UTC))
    return and_(dated, or_(func.substr(trimmed, -1) < _PAST_DIGITS, named))


@_kept
def _has_offset(column: SqlColumn) -> SqlColumn:
    signed = or_(column.op("LIKE")("%+%"), column.op("LIKE")(_SIGN_AFTER_DATE))
    return and_(signed, column.op("NOT LIKE")("%+00:00"), column.op("NOT LIKE")("%+0000 UTC"))


def _utc_window(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """For text in UTC: as the bounds are whole seconds, a fraction or a Z that follows the seconds decides nothing."""
    first, last = _bound(start), _bound(end)
    if len(first) == len(last) == _DATE_LENGTH:
        return and_(column >= first, column < last)
    separator = func.substr(column, _DATE_LENGTH + 1, 1)
    spaced = and_(column >= first, column < last, separator != "T")
    first, last = (bound.replace(" ", "T") for bound in (first, last))
    sorted_ = or_(spaced, and_(column >= first, column < last, separator == "T"))
    return or_(and_(sorted_, column.op("NOT GLOB")(_ONE_DIGIT_HOUR)), *_one_digit_hours(column, start, end))


def _one_digit_hours(column: SqlColumn, start: datetime, end: datetime) -> list[SqlColumn]:
    """The ranges of `9:30` and the like, for the hours that begin in a window shorter than a day."""
    first = -(-(start - EPOCH) // _HOUR) * _HOUR + EPOCH
    hours = [first + n * _HOUR for n in range(-((first - end) // _HOUR))] if end - start < timedelta(days=1) else []
    texts = [f"{hour:%Y-%m-%d} {hour.hour}" for hour in hours if hour.hour < _TWO_DIGITS]
    return [and_(column >= f"{text}:", column < f"{text};") for text in texts]


def _text_range(column: SqlColumn, start: datetime, end: datetime) -> SqlColumn:
    """Holds all spellings in UTC of all moments from `start` to `end`: as text, " " comes before "T"."""
    return and_(column >= _bound(start), column < f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%S}")


def _bound(moment: datetime) -> str:
    """The shortest text that is not greater than any spelling of this moment or a later one, with a space, in UTC."""
    text = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return text.removesuffix(":00").removesuffix(":00").removesuffix(" 00")


@_kept
def _shifted(column: SqlColumn) -> SqlColumn:
    """The second in UTC of text with an offset (+02:00, +02 or +0200), as SQLite writes it; null where it is none."""
    full, hours = func.substr(column, -6), func.substr(column, -3).concat(":00")
    digits = func.substr(column, -5, 3).concat(":").concat(func.substr(column, -2))
    spellings = ((full, 6), (hours, 3), (digits, 5))
    moved = func.coalesce(*(func.datetime(_seconds(column, cut).concat(offset)) for offset, cut in spellings))
    return case((column.op("NOT GLOB")(_LETTER_AFTER_DATE), moved))


def _seconds(column: SqlColumn, offset_length: int) -> SqlColumn:
    """The text before an offset, to its seconds: SQLite rounds a fraction."""
    return func.substr(func.substr(column, 1, func.length(column) - offset_length), 1, 19)


def _look(schema: str | None) -> str:
    """Fails as a whole where a view is broken: then the tables are inspected one by one, which costs little here."""
    return (
        "SELECT 'main', m.name, p.name, p.type, 1, 1 "  # noqa: S608 - quoted
        "FROM main.sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS p "
        "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%' AND p.hidden <> 1 "
        f"AND {quoted_text((schema or 'main').lower())} = 'main' ORDER BY m.name, p.cid"
    )


def _engine(url: URL, arguments: Arguments) -> Engine:
    require_whole(url)
    return create_engine(url, connect_args=dict(arguments), poolclass=NullPool, hide_parameters=True)


def _prepare(connection: Connection) -> None:
    """Text comes as the bytes it is, so that a row that is not UTF-8 cannot end the read."""
    driver: Any = connection.connection.driver_connection
    driver.text_factory = bytes


def _exact_text(column: SqlColumn, _: Family) -> SqlColumn:
    return column.collate("BINARY")


def _json_member(column: SqlColumn, _: Family, key: str) -> SqlColumn:
    """Null for a row that holds no JSON: else it would end the read."""
    return case((func.json_valid(column), func.json_extract(column, f"$.{key}")))


SQLITE: Final = Backend(
    name="sqlite",
    file_format="SQLite",
    engine=_engine,
    prepare=_prepare,
    look=_look,
    values_have_types=True,
    also_accepted={kind: _ANYTHING | ({Family.TEXT} if kind in _MAYBE_TEXT else frozenset()) for kind in Kind},
    json_member=_json_member,
    exact_text=_exact_text,
    window=_window,
    unplaced=_unplaced,
    before=_before,
    dataset=file_dataset,
)
