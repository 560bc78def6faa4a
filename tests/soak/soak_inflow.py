"""Rows that come in steadily, into one hour after the other of a past that nothing else writes to."""

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from rows import custom_event, exposure
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables

POISON, LEFT_OUT = "poison", "debug_ping"
"""The webhook refuses the one, the filter leaves out the other."""
_HOUR = timedelta(hours=1)
_NAMESPACE = UUID("6a0c7a3e-5b0f-4c1d-9d53-0d9e0f6f5a01")
_POISONED, _PINGS, _LATE = 97, 11, 40
"""Each so-manieth event is one of these, or comes an hour late."""


class Inflow:
    """Writes so many rows a second from `start` until `end`. A window of an hour is over after `period` seconds.

    `ended` is a file with the keys of the windows that are over, one a line. A database that is away for a while is
    written to later: every row has its number, so a commit of which nobody knows whether it was is made again.
    """

    def __init__(self, url: str, begins: datetime, rate: int, period: float, ended: Path) -> None:
        self.written: Counter[str] = Counter()
        self.refused = 0
        """Writes that the database did not take at once."""
        self._engine: Engine = create_engine(url, pool_pre_ping=True)
        self._begins, self._rate, self._period, self._ended = begins, rate, period, ended
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="inflow")
        create_tables(self._engine, "native")
        ended.write_text("")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """The window under way is over, too."""
        self._over.set()
        self._thread.join()
        self._engine.dispose()

    @property
    def windows(self) -> list[str]:
        """The keys of those that are over, the oldest first."""
        return self._ended.read_text().split()

    def _write_on(self) -> None:
        second, hour = 0, 0
        while not self._over.wait(1):
            if second >= (hour + 1) * self._period:
                self._say_ended(hour)
                hour += 1
            self._write(second, hour)
            second += 1
        self._say_ended(hour)

    def _say_ended(self, hour: int) -> None:
        key = f"{self._begins + hour * _HOUR:%Y-%m-%d-%H:%M}"
        new = self._ended.with_suffix(".new")
        new.write_text("\n".join([*self.windows, key]))
        new.replace(self._ended)  # whoever reads finds the whole of one or of the other

    def _write(self, second: int, hour: int) -> None:
        numbers = range(second * self._rate + 1, (second + 1) * self._rate + 1)
        events = [self._event(number, hour) for number in numbers if number % 2]
        shown = [self._exposure(number, hour) for number in numbers if not number % 2]
        while True:
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(CUSTOM_EVENTS).on_conflict_do_nothing(), events)
                    connection.execute(insert(EXPOSURES).on_conflict_do_nothing(), shown)
                break
            except SQLAlchemyError:
                self.refused += 1
                if self._over.wait(0.5):
                    return
        self.written.update(str(row["event_name"]) for row in events)
        self.written["exposure"] += len(shown)

    def _event(self, number: int, hour: int) -> dict[str, object]:
        name = POISON if number % _POISONED == 0 else LEFT_OUT if number % _PINGS == 0 else "purchase"
        return custom_event(number, name, value="9.99", **self._times(number, hour))

    def _exposure(self, number: int, hour: int) -> dict[str, object]:
        return exposure(number, **self._times(number, hour))

    def _times(self, number: int, hour: int) -> dict[str, object]:
        late = hour > 0 and number % _LATE in {0, 1}
        moment = self._begins + (hour - late) * _HOUR + timedelta(milliseconds=number % 3_600_000)
        moment = moment.astimezone(UTC).replace(tzinfo=None)
        return {"time_uuid": str(uuid5(_NAMESPACE, str(number))), "timestamp": moment, "ingested_at": moment}
