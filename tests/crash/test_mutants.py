"""The torture can fail: each wrong implementation is found out, and by the figure that it is about."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from stage import Stage

from statsig_export.crashpoints import CrashPoint
from statsig_export.testing.webhook.faults import Action, Faults, Rule
from statsig_export.testing.webhook.faults import Stage as ResetAt
from torture import webhook
from torture.loop import Ordeal, torture
from torture.report import Report

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(
        "STATSIG_EXPORT_LONG" not in os.environ, reason="waits for minutes: STATSIG_EXPORT_LONG=1 runs it"
    ),
]


def never(_: int) -> Faults:
    """Reads the body and takes nothing in."""
    return Faults(rules=[webhook.REJECTED, Rule(actions=[Action(reset=ResetAt.BODY)])])


def slow(_: int) -> Faults:
    return Faults(rules=[webhook.REJECTED, Rule(actions=[Action(delay=0.1)])])


def quiet(_: int) -> Faults:
    return webhook.quiet()


def ordeal(point: CrashPoint, faults: Callable[[int], Faults], kills: int = 2, rivals: float = 0) -> Ordeal:
    return Ordeal(kills=kills, per_point=kills, points=(point,), random_kills=0, rivals=rivals, faults=faults)


def lost(report: Report) -> bool:
    return report.findings.lost > 0


def stuck(report: Report) -> bool:
    return report.findings.stuck > 0


def sent_too_often(report: Report) -> bool:
    return report.findings.bound_violations > 0


def another_shipper_moved_it(report: Report) -> bool:
    return report.exit_codes[5] > 0 and "another shipper" in str(report)


def other_bytes(report: Report) -> bool:
    return "different bodies" in str(report)


MUTANTS: dict[str, tuple[Ordeal, Callable[[Report], bool]]] = {
    "delivered_before_it_is_sent": (ordeal(CrashPoint.SENT, webhook.down), lost),
    "no_recovery": (ordeal(CrashPoint.CLAIMED, quiet, kills=1), stuck),
    "server_error_is_acceptance": (ordeal(CrashPoint.SENT, webhook.down), lost),
    "no_answer_is_acceptance": (ordeal(CrashPoint.SENT, never), lost),
    "a_rejection_is_always_believed": (ordeal(CrashPoint.SENT, webhook.rejecting), lost),
    "early_halves_in_a_transaction_of_their_own": (ordeal(CrashPoint.SPLITTING, quiet), lost),
    "a_dead_shipper_has_delivered": (ordeal(CrashPoint.CLAIMED, quiet), lost),
    "no_antijoin": (ordeal(CrashPoint.SENT, quiet), sent_too_often),
    "no_lock": (ordeal(CrashPoint.SENT, slow, kills=5, rivals=1), another_shipper_moved_it),
    "named_before_it_is_there": (ordeal(CrashPoint.PLANNED, quiet, kills=1), stuck),
    "halves_in_a_transaction_of_their_own": (ordeal(CrashPoint.SPLITTING, quiet), lost),
    "a_retry_says_something_else": (ordeal(CrashPoint.SENT, webhook.down), other_bytes),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_implementation_is_found_out(mutant: str):
    ordeal, finds = MUTANTS[mutant]
    report = torture(replace(ordeal, prepare=f"mutants:{mutant}"))

    assert not report.clean
    assert finds(report), str(report)


@pytest.mark.fault("F97")
def test_early_splits_survive_every_kill():
    report = torture(replace(ordeal(CrashPoint.SPLITTING, quiet), prepare="mutants:limits_are_lower"))

    assert report.clean, str(report)


ORDEALS = {f"{made.points[0]}, {made.faults.__name__}, {made.kills}": made for made, _ in MUTANTS.values()}


@pytest.mark.parametrize("ordeal", ORDEALS.values(), ids=ORDEALS)
def test_the_same_ordeals_leave_the_right_implementation_clean(ordeal: Ordeal):
    report = torture(ordeal)

    assert report.clean, str(report)


def shipped_twice(stage: Stage) -> list[set[tuple[str, str]]]:
    """The (id, digest of the body) of all requests, with a ledger, and with another after that one was lost."""
    stage.add_rows()
    stage.receiver.play(webhook.quiet())
    sent: list[set[tuple[str, str]]] = []
    for _ in range(2):
        before = len(stage.receiver.requests)
        stage.export()
        while stage.states()["planned"]:
            stage.ship()
        sent.append({(request.webhook_id, request.sha256) for request in stage.receiver.requests[before:]})
        for file in stage.home.folder.glob("ledger.db*"):
            file.is_file() and file.unlink()
    return sent


@pytest.mark.fault("F55")
def test_a_lost_ledger_leaves_ids_and_bytes_as_they_were(stage: Stage):
    first, second = shipped_twice(stage)

    assert len(first) > 30
    assert first == second


def test_random_ids_are_found_out_when_the_ledger_is_lost(stage: Stage):
    stage.prepare = "mutants:random_batch_ids"
    first, second = shipped_twice(stage)

    assert {digest for _, digest in first} == {digest for _, digest in second}
    assert not {webhook_id for webhook_id, _ in first} & {webhook_id for webhook_id, _ in second}
