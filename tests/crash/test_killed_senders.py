"""A shipper that is killed while several senders claim and finish in one transaction."""

import pytest
from sqlalchemy import select
from stage import Stage, ended

from statsig_export.crashpoints import CrashPoint
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.tables import attempts
from torture import webhook

pytestmark = pytest.mark.acceptance

KILLS = [
    CrashPoint.CLAIMING,
    f"{CrashPoint.CLAIMING}:5",
    CrashPoint.CLAIMED,
    f"{CrashPoint.CLAIMED}:3",
    f"{CrashPoint.FINISHING}:2",
    f"{CrashPoint.FINISHED}:2",
]


def recorded(stage: Stage) -> int:
    """The attempts on record, open ones included."""
    database = open_to_write(stage.home.config.ledger_url())
    with database.read() as connection:
        found = connection.execute(select(attempts.c.id)).all()
    database.close()
    return len(found)


@pytest.mark.fault("F49")
@pytest.mark.parametrize("point", KILLS)
def test_a_kill_between_claim_and_post_leaves_every_request_that_was_made_on_record(any_stage: Stage, point: str):
    stage = any_stage
    stage.set_webhook(concurrency=8)
    stage.receiver.play(webhook.quiet())
    stage.add_rows(150)
    stage.export()
    child, _ = stage.start_ship(str(point))
    assert ended(child) == -9, stage.log
    made = len(stage.receiver.requests)

    assert made <= recorded(stage)
    stage.ship()
    assert not {"planned", "sending", "deferred"} & set(stage.states())
    findings = stage.audit()
    assert findings.clean, findings
    assert findings.ambiguous <= 8, "no more than were under way"
