"""What was staged of a window serves the run that is under way, as long as that takes, and if its files are there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from home import ExportHome
from test_shards import SHARDS, events, exported, fill, given_up, numbers

from statsig_export.events.shards import Shard
from statsig_export.export.exporter import Exporter
from statsig_export.export.wide import WideWindow
from statsig_export.ledger.shards import KEPT_FOR_MS
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.runs import REAL_TIME, RunContext


@pytest.mark.fault("F620")
def test_a_run_that_reads_longer_than_staged_shards_are_kept_reads_each_shard_once(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    fill(home)
    passed: list[float] = []
    staged: list[int] = []
    stage = WideWindow.stage

    def slowly(self: WideWindow, shard: Shard) -> None:
        stage(self, shard)
        staged.append(shard.number)
        passed.append(0.6 * KEPT_FOR_MS / 1000)
        prune(home.config, datetime(2026, 11, 1, tzinfo=UTC), now=datetime.now(UTC) + timedelta(seconds=sum(passed)))
        assert len(staged) <= SHARDS

    monkeypatch.setattr(WideWindow, "stage", slowly)
    slow = replace(REAL_TIME, clock=lambda: REAL_TIME.clock() + sum(passed))
    with Exporter(home.config, RunContext(timing=slow)) as exporter:
        report = exporter.export(home.window())

    assert staged == list(range(SHARDS))
    assert numbers(report) == (71, 0, 76)


@pytest.mark.fault("F620")
def test_a_prune_leaves_the_files_of_a_run_that_takes_longer_than_orphans_are_left(home: ExportHome):
    fill(home)
    given_up(home, after=SHARDS - 1)
    before = sorted((home.folder / "files").rglob("*.parquet"))

    pruned = prune(
        home.config, datetime(2026, 11, 1, tzinfo=UTC), orphans=True, now=datetime.now(UTC) + timedelta(hours=40)
    )

    assert pruned.orphans == 0
    assert sorted((home.folder / "files").rglob("*.parquet")) == before


@pytest.mark.fault("F621")
@pytest.mark.parametrize("kind", ["events", "quarantine"])
def test_a_staged_shard_whose_file_is_gone_is_read_again(home: ExportHome, kind: str):
    fill(home)
    given_up(home, after=SHARDS - 1)
    lost = min((home.folder / "files" / kind).rglob("*.parquet"))
    lost.unlink()
    rows: list[int] = []

    report = exported(home, rows.append)

    assert numbers(report) == (71, 0, 76)
    assert 0 < sum(rows) < 76
    assert len(events(home)) == 71
    assert verify(home.config).differences == ()
