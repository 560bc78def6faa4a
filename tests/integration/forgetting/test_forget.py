"""Forgetting a person: nothing of theirs is left, everything else is as it was."""

from home import ExportHome
from old_windows import CUSTOM, GATE, lived

import statsig_export
from statsig_export.events.people import USER
from statsig_export.forgetting.forget import forget
from statsig_export.maintenance.verify import verify


def users(home: ExportHome) -> list[str]:
    return sorted(statsig_export.read_events(home.config)["user_id"])


def test_a_person_is_taken_out_of_every_file_and_the_account_stays_true(any_home: ExportHome):
    before = lived(any_home).account()
    left = [user for user in users(any_home) if user != "user-1"]
    report = forget(any_home.config, [(USER, "user-1")])

    assert verify(any_home.config).differences == ()
    assert users(any_home) == left
    assert report.partitions == (CUSTOM, GATE)
    assert (report.events, report.delivered) == (2, 2)
    now = any_home.account()
    assert (now.events, now.forgotten, now.forwarded) == (before.events, 2, before.forwarded - 2)
    assert now.balances
