"""Two shippers at once, one that is stopped and goes on, and one whose lock is taken away by the server."""

import os
import signal
import time
from collections import Counter

import psycopg
import pytest
from sqlalchemy.engine import make_url
from stage import DAYS, Stage, ended

from statsig_export.testing.webhook.faults import Action, Faults, Rule
from torture import webhook

pytestmark = pytest.mark.acceptance

ROUNDS = 6


def slow(seconds: float) -> Faults:
    """The hopeless events aside, every answer takes its time."""
    return Faults(rules=[webhook.REJECTED, Rule(actions=[Action(delay=seconds)])])


@pytest.mark.fault("F53")
def test_of_two_shippers_at_once_one_sends_and_the_other_leaves_it_to_it(any_stage: Stage):
    stage = any_stage
    stage.receiver.play(slow(0.05))
    beaten = 0
    for _ in range(ROUNDS):
        stage.add_rows(20)
        stage.export()
        pair = [stage.start_ship(), stage.start_ship()]
        assert [ended(child) for child, _ in pair] == [0, 0], stage.log
        beaten += sum('"busy": []' not in report.read_text() for _, report in pair)
    stage.export()
    while stage.states()["planned"]:
        stage.ship()

    accepted = [request for request in stage.receiver.requests if request.accepted]  # what is rejected may be doubted
    assert beaten >= ROUNDS / 4
    assert max(Counter(request.webhook_id for request in accepted).values()) == 1
    assert {request.attempt for request in accepted} == {1}
    findings = stage.audit()
    assert findings.clean, findings
    assert findings.ambiguous == findings.extra_deliveries == 0


@pytest.mark.fault("F54")
def test_a_stopped_shipper_keeps_what_is_its_own_and_goes_on(any_stage: Stage):
    stage = any_stage
    stage.set_webhook(timeout="1s")
    stage.receiver.play(slow(0.1))
    stage.add_rows()
    stage.export()
    child, _ = stage.start_ship()
    assert stage.receiver.wait_for(3)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGSTOP)
    try:
        time.sleep(0.5)  # what was under way arrives
        before = len(stage.receiver.requests)
        rival = stage.ship()
        time.sleep(1.2)  # longer than a request may take
        assert (len(rival["busy"]) > len(DAYS), rival["sent"]) == (True, 0)
        assert len(stage.receiver.requests) == before
    finally:
        os.kill(child.pid, signal.SIGCONT)
    assert ended(child) == 0, stage.log
    assert len(stage.receiver.requests) > before + 10

    while stage.states().keys() - {"delivered", "failed", "split"}:
        stage.ship()
    findings = stage.audit()
    assert findings.clean, findings


def test_a_shipper_whose_lock_the_server_took_away_stops_and_the_next_one_goes_on(postgres_stage: Stage):
    stage = postgres_stage
    stage.receiver.play(slow(0.1))
    stage.add_rows()
    stage.export()
    child, _ = stage.start_ship()
    assert stage.receiver.wait_for(3)
    url = make_url(stage.home.environ["LEDGER"]).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as admin:
        holders = admin.execute("SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory'").fetchall()
        assert len(holders) == 1
        admin.execute("SELECT pg_terminate_backend(%s)", holders[0])
    assert ended(child) == 5
    assert "the connection that holds the shipping locks is gone" in stage.log
    stopped_after = len(stage.receiver.requests)
    assert stage.states()["planned"] > 0

    while stage.states().keys() - {"delivered", "failed", "split"}:
        stage.ship()
    assert len(stage.receiver.requests) > stopped_after
    findings = stage.audit()
    assert findings.clean, findings
    assert findings.extra_deliveries == 0
