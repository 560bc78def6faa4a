"""Ship runs on a clock that a test sets: sleeping moves it, and nothing waits."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from home import ExportHome
from sqlalchemy import text

from statsig_export.account import Account
from statsig_export.errors import DestinationError
from statsig_export.ledger.database import open_to_write
from statsig_export.runs import Timing
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.ship import ship


@dataclass
class TurnedClock:
    """Begins a minute from now: after what the test exports, and close to the real time that readers use."""

    home: ExportHome
    now: float = field(default_factory=lambda: time.time() + 60)
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def ship(self, partitions: Sequence[str] | None = None, *, now: bool = False) -> ShipReport:
        timing = Timing(clock=lambda: self.now, sleep=self.sleep, roll=lambda: 0.5)
        return ship(self.home.config, partitions, timing=timing, now=now)

    def halts(self, partitions: Sequence[str] | None = None) -> str | None:
        """The error of a run that halts; None if it does not halt."""
        try:
            self.ship(partitions)
        except DestinationError as error:
            return str(error)
        return None

    @property
    def account(self) -> Account:
        return self.home.account()

    @property
    def requests(self) -> int:
        return len(self.home.receiver.requests)


def in_ledger(home: ExportHome, statement: str, **values: int) -> None:
    """Change the ledger directly, by SQL."""
    with closing(open_to_write(home.config.ledger_url())) as database, database.write() as connection:
        connection.execute(text(statement), values)
