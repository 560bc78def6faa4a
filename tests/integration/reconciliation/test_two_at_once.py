"""Two comparisons of one ledger at the same time: nothing is sent twice, and none of them ends."""

from datetime import timedelta
from pathlib import Path

import pytest
from home import ExportHome
from landing import Landing, landing_in
from sent_home import compared, fifteen_sent
from shell import DAY

from statsig_export.reconciliation import replay as reconciliation_replay


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return landing_in(tmp_path)


@pytest.fixture
def home(home: ExportHome, landing: Landing) -> ExportHome:
    """Of fifteen events four are missing, which are all of one batch."""
    fifteen_sent(home, landing)
    home.set("arrivals", grace="0s")
    home.write()
    landing.land(home.receiver.events()[4:])
    return home


@pytest.mark.fault("F398")
def test_what_another_replay_sent_since_the_comparison_is_not_sent_again(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    before = len(home.receiver.events())
    plan_parts, turns = reconciliation_replay.plan_parts, iter([True])

    def after_another(*arguments: object) -> int:
        if next(turns, False):
            assert "4 events were scheduled" in home.verb("replay", *DAY, "--missing").output
        return plan_parts(*arguments)

    monkeypatch.setattr(reconciliation_replay, "plan_parts", after_another)
    second = home.verb("replay", *DAY, "--missing")

    assert "0 events were scheduled" in second.output
    assert len(home.receiver.events()) == before + 4


@pytest.mark.fault("F404")
def test_of_two_comparisons_the_figures_of_the_one_that_began_later_stay(home: ExportHome, landing: Landing):
    later = compared(home, after=timedelta(minutes=1))
    landing.land(home.receiver.events()[:4])

    assert compared(home) == later
    assert compared(home, after=timedelta(minutes=1)).total.missing == 0
