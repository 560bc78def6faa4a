"""A moment as a caller gives it, and the one rule for what has no zone: it is UTC.

The machine's zone never counts: the same call means the same windows on a laptop and on a server.
"""

from datetime import UTC, date, datetime
from typing import Any, Final, TypeAlias

from statsig_export.errors import ConfigError

Moment: TypeAlias = datetime | date | str
"""What a caller may give for a moment; also a pandas Timestamp, which is a datetime, and a numpy datetime64."""

_WHAT_TO_GIVE: Final = (
    "give a datetime, a date or an ISO 8601 text such as 2026-11-01T13:00Z; UTC where no zone is given"
)


def utc(moment: object, name: str = "the time") -> datetime:
    """A datetime in UTC. `moment` is a datetime, a pandas Timestamp, a date (its midnight), an ISO 8601 text, or a
    numpy datetime64; UTC where it has no zone.

    Raises ConfigError for anything else, NaT and a moment outside the years 1 to 9999.
    """
    try:
        found = _datetime(moment)
        if found is None or found != found:  # noqa: PLR0124  NaT, which passes for a datetime, equals not even itself
            raise ConfigError(f"{name} is {_kind(moment)}, which is no time", hint=_WHAT_TO_GIVE)
        if found.utcoffset() is None:
            return found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(f"{name} is no ISO 8601 time of the years 1 to 9999", hint=_WHAT_TO_GIVE) from None


def utc_or_none(moment: object, name: str) -> datetime | None:
    """The same for a bound that may be left out."""
    return None if moment is None else utc(moment, name)


def ms_or_none(moment: object, name: str) -> int | None:
    """The same in ms since the epoch, as the ledger has times."""
    return None if moment is None else round(utc(moment, name).timestamp() * 1000)


def _datetime(moment: Any) -> datetime | None:  # noqa: ANN401  numpy and pandas are not imported for it
    if isinstance(moment, datetime):
        to_datetime = getattr(moment, "to_pydatetime", None)
        return moment if to_datetime is None or moment != moment else to_datetime(warn=False)  # noqa: PLR0124  as above
    if isinstance(moment, date):
        return datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  gets its zone above
    if isinstance(moment, str):
        return datetime.fromisoformat(moment)
    if type(moment).__name__ == "datetime64":
        return _datetime(moment.astype("datetime64[us]").item())
    return None


def _kind(moment: object) -> str:
    return "nothing" if moment is None else f"of type {type(moment).__name__}"
