"""How often the source and the ledger are opened, and what the source is asked."""

from collections import Counter
from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any

import pytest
from home import ExportHome
from rows import custom_event, exposure, utc

from statsig_export.cli.verbs.plan import plan_of
from statsig_export.config import Config
from statsig_export.export import plan
from statsig_export.source.lakes.snapshot import Stretch
from statsig_export.source.readers.cursor import SqlDatabase
from statsig_export.windows import windows_between


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the source is asked from now on."""
    asked: list[str] = []
    chunks = SqlDatabase.chunks

    def noted(database: SqlDatabase, sql: str, rows: int, stretch: Stretch | None = None) -> Generator:
        asked.append(sql)
        return chunks(database, sql, rows, stretch)

    monkeypatch.setattr(SqlDatabase, "chunks", noted)
    return asked


def test_the_statement_that_is_recorded_is_the_one_that_ran_and_is_made_once(home: ExportHome, statements: list[str]):
    home.add([custom_event(1)], [exposure(1)])

    report = home.export()

    looks = [sql for sql in statements if "LIMIT 1" in sql]
    assert [sql for sql in statements if sql not in looks] == list(report.queries.values())
    assert len(looks) == 2 * len(report.queries)  # SQLite's least and greatest value


@pytest.mark.parametrize("exported", [False, True])
def test_a_plan_of_many_windows_opens_the_source_and_the_ledger_once(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, *, exported: bool
):
    home.add([custom_event(1)], [exposure(1)])
    if exported:
        home.export()
    opened: Counter[str] = Counter()
    for name in ("open_source", "ledger_to_read"):
        monkeypatch.setattr(plan, name, _counted(opened, name, getattr(plan, name)))
    windows = list(windows_between(utc(0) - timedelta(days=4), utc(0) + timedelta(days=6), home.config.windows))

    planned = plan_of(home.config, windows, None, 0)

    assert (len(windows), len(planned.reports)) == (10, 10)
    assert planned.account.events == 2
    assert opened == {"open_source": 1, "ledger_to_read": 1}


def _counted(opened: Counter[str], name: str, function: Callable[[Config], Any]) -> Callable[[Config], Any]:
    def counted(config: Config) -> Any:  # noqa: ANN401 - whatever it opens
        opened[name] += 1
        return function(config)

    return counted
