"""The short torture, and the crash points by themselves."""

import ast
import os
from collections import Counter
from pathlib import Path

import pytest
from stage import DAYS, Stage

from statsig_export import crashpoints
from statsig_export.crashpoints import SHIPPING, CrashPoint
from statsig_export.errors import DestinationError
from torture import webhook
from torture.loop import Ordeal, torture

pytestmark = pytest.mark.acceptance

PACKAGE = Path(crashpoints.__file__).parent
SEED = 1 if "CI" in os.environ else int.from_bytes(os.urandom(4))
CONFIG = """\
[source]
url = "env:DB"
[filter]
exposures = { layer = false }
[filter.custom_events]
events = { debug_ping = false }
[webhook]
url = "env:HOOK"
max_events = 12
[storage]
url = "files"
[ledger]
url = "env:LEDGER"
"""


@pytest.mark.fault("F49")
def test_nothing_is_lost_by_kills_at_every_point_and_at_random_while_the_webhook_misbehaves():
    report = torture(Ordeal(kills=60, seed=SEED, phases=0.3))

    assert report.clean, str(report)
    assert report.exit_codes[DestinationError.exit_code] > 0
    assert report.kills >= 60
    assert set(report.kills_at) >= set(SHIPPING)
    assert all(times >= 3 for point, times in report.kills_at.items() if point in SHIPPING), str(report)
    assert report.events > 500
    assert report.faulty > 0.1 * report.requests


@pytest.mark.fault("F49")
def test_nothing_is_lost_with_the_ledger_in_postgresql(postgres_url: str):
    report = torture(Ordeal(kills=20, per_point=1, seed=SEED, ledger_url=postgres_url))

    assert report.clean, str(report)
    assert set(report.kills_at) >= set(SHIPPING)


def test_every_crash_point_is_in_shipped_code_and_in_no_pure_module():
    found: Counter[str] = Counter()
    packages = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach":
                assert isinstance(node.args[0], ast.Attribute)
                found[CrashPoint[node.args[0].attr]] += 1
                packages.add(path.parent.name)

    assert packages == {"backup", "export", "forgetting", "ledger", "maintenance", "shipping", "storage"}
    assert found == Counter(list(CrashPoint))


@pytest.mark.parametrize("setting", ["claim.comitted", "claim.committed:0", "claim.committed:soon"])
def test_a_crash_point_that_does_not_exist_is_not_armed(setting: str):
    with pytest.raises(ValueError):
        crashpoints.arm(setting)


def test_an_armed_point_kills_the_command_line_and_the_next_run_goes_on(stage: Stage):
    stage.add_rows()
    stage.configure(CONFIG)
    run = ("run", "--from", DAYS[0], "--to", "2026-11-03")
    stage.receiver.play(webhook.quiet())
    assert stage.run_verb(*run, armed="export.published:2") == -9
    assert stage.run_verb(*run, armed="request.body_sent:3") == -9
    assert stage.run_verb(*run) == 1
    assert stage.states().keys() == {"delivered", "split", "failed"}
    findings = stage.audit()
    assert findings.clean, findings
    assert 1 <= findings.ambiguous <= 4
