"""A prune that is killed at each of its points loses nothing, and the next one finishes it."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from stage import DAYS, Stage

from statsig_export.crashpoints import CrashPoint
from statsig_export.ledger.records import PartitionStatus
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from torture import webhook

pytestmark = pytest.mark.acceptance

CONFIG = """\
[source]
url = "env:DB"
[windows]
lookback = "1d"
[webhook]
url = "env:HOOK"
[storage]
url = "files"
[ledger]
url = "env:LEDGER"
"""
END = "2026-11-03"
POINTS = [f"{CrashPoint.PRUNING}:2", CrashPoint.PRUNED, f"{CrashPoint.PRUNED}:2", f"{CrashPoint.FILE_REMOVED}:3"]


def told(lines: Sequence[PartitionStatus]) -> list[tuple[object, ...]]:
    return [(line.partition, line.account, line.last_error) for line in lines]


def test_a_prune_that_is_killed_loses_nothing_and_the_next_one_finishes_it(stage: Stage):
    stage.configure(CONFIG)
    stage.receiver.play(webhook.quiet())
    stage.add_rows(60)
    stage.export()
    stage.ship()
    config, files = stage.home.config, Path(stage.home.config.storage_url())
    before, requests = told(status(config)), len(stage.receiver.requests)
    held = len(list(files.rglob("*.parquet")))
    findings = stage.audit()
    assert findings.clean, findings

    pruned = []
    for point in POINTS:
        assert stage.run_verb("prune", "--before", END, armed=point) == -9
        assert told(status(config)) == before
        assert verify(config).differences == ()
        pruned.append(sum(line.pruned is not None for line in status(config)))
    assert pruned[:3] == [1, 2, 4]
    assert held > len(list(files.rglob("*.parquet"))) > 0
    assert stage.run_verb("run", "--from", DAYS[0], "--to", END) == 2

    assert stage.run_verb("prune", "--before", END) == 0
    assert told(status(config)) == before
    assert verify(config).differences == ()
    assert list(files.rglob("*.parquet")) == []
    assert stage.states() == {}
    assert len(stage.receiver.requests) == requests
