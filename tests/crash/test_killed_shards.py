"""An export in shards that is killed at each of its points, under one number of shards and the next, loses nothing."""

import pytest
from stage import Stage, ended

from statsig_export.crashpoints import CrashPoint
from torture import webhook

pytestmark = pytest.mark.acceptance

KILLS = [
    (CrashPoint.READING, 3),
    (f"{CrashPoint.FILE_RENAMED}:2", 3),
    (f"{CrashPoint.STAGING}:2", 3),
    (f"{CrashPoint.STAGED}:2", 3),
    (CrashPoint.STAGED, 3),
    (f"{CrashPoint.STAGED}:3", 4),
    (CrashPoint.FILES_PUBLISHED, 4),
    (CrashPoint.PLANNING, 4),
    (CrashPoint.PLANNED, 2),
    (f"{CrashPoint.STAGED}:2", 5),
    (CrashPoint.PLANNED, 1),
    (f"{CrashPoint.STAGED}:4", 5),
]
"""In this order, each with late rows: point and number of shards. A run goes on where the one before was killed."""


@pytest.mark.fault("F572")
@pytest.mark.fault("F571")
def test_a_killed_export_in_shards_loses_nothing_and_sends_nothing_twice(stage: Stage):
    stage.receiver.play(webhook.usual(3))
    for point, shards in KILLS:
        stage.add_rows(40)
        assert ended(stage.start_export(str(point), shards)) == -9, (point, stage.log)
        stage.ship()
    stage.receiver.play(webhook.quiet())
    assert ended(stage.start_export(shards=5)) == 0, stage.log
    for _ in range(20):
        stage.ship()
        if not {"planned", "deferred", "sending"} & set(stage.states()):
            break

    assert stage.audit().clean
