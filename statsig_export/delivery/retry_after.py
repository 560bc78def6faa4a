"""Retry-After: how long a destination asks to be left alone, as RFC 9110 writes it and as servers do."""

import re
from datetime import UTC, datetime
from typing import Final

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME: Final = r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d|60)"
_DATES: Final = tuple(  # IMF-fixdate, RFC 850, asctime
    re.compile(form, re.ASCII)
    for form in (
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)
_SECONDS: Final = re.compile(r"[0-9]+")
_BETWEEN: Final = re.compile(r"(?<![a-z])\s*,\s*")
"""The commas between the values of a header that came several times; not the one behind the name of a day."""
_DAY: Final = 86_400
_FOR_EVER: Final = 1e9
"""Seconds. What asks for longer asks for this."""


def retry_after(value: str | None, date: str | None, now: float) -> float | None:
    """Seconds to wait: the header as seconds, or as a date counted from the answer's own Date (else `now`).

    A moment that is past is 0; what cannot be read is None. Of a header that came several times the longest counts.
    Where Date and Retry-After are more than a day apart, one of them is wrong or stood in a cache: then the date is
    counted from `now`, if that comes to less.
    """
    found = [_wait(part, date, now) for part in _BETWEEN.split((value or "").strip())]
    told = [seconds for seconds in found if seconds is not None]
    return min(max(told), _FOR_EVER) if len(told) == len(found) else None


def _wait(value: str, date: str | None, now: float) -> float | None:
    if _SECONDS.fullmatch(value):
        return float(value)  # of digits beyond measure it makes an infinity
    until, since = _moment(value, now), _moment(date.strip(), now) if date else now
    if until is None or since is None:
        return None
    wait, by_our_clock = until - since, until - now
    wrong = abs(wait) > _DAY and 0 <= by_our_clock < abs(wait)
    return by_our_clock if wrong else max(0.0, wait)


def _moment(text: str, now: float) -> float | None:
    """A date of HTTP as seconds since the epoch. All its forms are in GMT; a year of two digits lies at most 50 years
    ahead.
    """
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:  # noqa: PLR2004  digits
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year // 100 * 100
        year -= 100 if year > this_year + 50 else 0
    try:
        midnight = datetime(year, _MONTHS.index(found["month"]) + 1, int(found["day"]), tzinfo=UTC)
    except ValueError:  # 31 Feb
        return None
    return midnight.timestamp() + int(found["hour"]) * 3_600 + int(found["minute"]) * 60 + int(found["second"])
