"""An old day in every state, and what tests of pruning look at."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from home import DAY, ExportHome
from rows import custom_event, exposure
from sqlalchemy import Table, func, select

from statsig_export.delivery.rules import RetryPolicy
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.prune import PruneReport, prune
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.faults import NORMAL, Action, Rule, Stage, answer
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

CUSTOM, GATE = (partition_key(category, DAY) for category in (Category.CUSTOM_EVENT, Category.GATE_EXPOSURE))
LATER = "2026-11-21"
NOW = datetime(2027, 1, 5, 15, tzinfo=UTC)
QUICK = RetryPolicy(quick=(0.01, 0.01), throttled=(0.01,))
POISON = Rule(time_uuid="poison", actions=[answer(400)])


def moment(day: str, hour: int = 0) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def lived(home: ExportHome) -> ExportHome:
    """Export and ship a day: batches delivered, throttled, split, failed and replayed, failed and filtered rows."""
    home.set("webhook", max_events=8, concurrency=1)
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.begin("lived", lambda: _live(home))
    home.receiver.play([POISON])
    return home


def _live(home: ExportHome) -> None:
    home.add([custom_event(key, time_uuid="poison" if key == 3 else None) for key in range(1, 31)])
    home.add([custom_event(90, "debug_ping"), custom_event(91, None)], [exposure(1)])
    home.export()
    home.receiver.play([POISON, Rule(actions=[answer(500), answer(429), Action(reset=Stage.PROCESSING), NORMAL])])
    ship(home.config, policy=QUICK)
    home.receiver.play([POISON])
    replay(home.config, [CUSTOM], policy=QUICK)
    home.add([custom_event(40, time_uuid="late")])
    home.export()
    home.ship()


def sent(home: ExportHome) -> None:
    """Export and ship one event: for what does not depend on how a day went."""
    home.add([custom_event(7)])
    home.export()
    home.ship()


def next_day(home: ExportHome) -> None:
    """One event in the day after."""
    ingested = datetime(2026, 11, 21, 9)
    home.add([custom_event(200, ingested_at=ingested)])
    home.export(LATER)


def pruned(home: ExportHome, before: str = LATER, **options: bool) -> PruneReport:
    return prune(home.config, moment(before), NOW, **options)


def files(home: ExportHome, kind: str = "*") -> list[Path]:
    return sorted((home.folder / "files" / ".").glob(f"{kind}/**/*.parquet"))


def count(home: ExportHome, *tables: Table) -> list[int]:
    with ledger_of(home.config) as ledger, ledger.database.read() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def lines(home: ExportHome) -> list[tuple]:
    """What `status` prints, without the time at which a partition was pruned."""
    return [(line.partition, line.account, line.last_error, line.due_in) for line in status(home.config)]


def age(paths: Iterable[Path], days: float) -> None:
    written = (NOW - timedelta(days=days)).timestamp()
    for path in paths:
        os.utime(path, (written, written))
