"""The ledger against plain dicts: whatever exports, shippers, crashes, replays and clocks do to it, in any order.

After each step ledger and model tell the same, and the invariants hold.
"""

import hashlib
import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledger_driver import ANSWERS, CATEGORIES, POLICY, WINDOW, LedgerDriver, open_ledger
from ledger_model import BAD, WAITING, LedgerModel

from statsig_export.errors import LedgerError, StalePlanError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.audit import partition_record
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import Claim
from statsig_export.ledger.replays import plan_replay
from statsig_export.maintenance import verify as verifying
from statsig_export.windows import partition_key

categories = st.sampled_from(CATEGORIES)
outcomes = st.sampled_from(["accepted", *ANSWERS])
picks = st.integers(0, 30)
DAYS_400 = 400 * 86_400_000
kinds = st.lists(st.sampled_from(["a", "a", "b", BAD]), max_size=9)


class DeliveryMachine(RuleBasedStateMachine):
    """Subclasses say which ledger."""

    database: LedgerDatabase

    def __init__(self) -> None:
        super().__init__()
        self.real = LedgerDriver(self.database)
        self.model = LedgerModel()
        self.delivered: set[int] = set()
        self.claims: list[Claim] = []
        """What the process holds in its memory, and what those before it held."""
        self.dead: list[Claim] = []

    @initialize(kinds=kinds)
    def begin(self, kinds):
        self.export(set(CATEGORIES), [*kinds, "a"], {"a", "b"})

    @rule(chosen=st.sets(categories, min_size=1), kinds=kinds, allowed=st.sets(st.sampled_from(["a", "b"])))
    def export(self, chosen, kinds, allowed):
        """Rows came late, or none did; the filter is another, or the same."""
        self.real.allowed = allowed
        for category in chosen:
            self.real.add_rows(category, kinds)
            for stale in (-1, 1):
                with pytest.raises(StalePlanError):
                    self.real.export([category], stale=stale)
        self.real.export(chosen)
        source, now = self.real.source, self.real.now
        self.adopt(itertools.chain(*(self.model.export(each, source[each], allowed, now) for each in chosen)))

    @rule(chosen=st.sets(categories, min_size=1), kinds=kinds)
    def export_by_a_clock_that_is_ahead(self, chosen, kinds):
        """By 400 days; then somebody puts it right."""
        self.real.now += DAYS_400
        self.export(chosen, kinds, {"a"})
        self.real.now -= DAYS_400

    @rule(seconds=st.sampled_from([1, 2, 30, 61, 1_000]))
    def advance_the_clock(self, seconds):
        self.real.now += seconds * 1000

    @precondition(lambda self: self.model.waiting(self.real.now))
    @rule(numbers=st.lists(picks, min_size=1, max_size=3))
    def claim(self, numbers):
        for number in numbers:
            due = self.real.waiting()
            if due:
                self.claim_it(due[number % len(due)])
                with pytest.raises(LedgerError):
                    self.real.claim(self.claims[-1].batch)

    @precondition(lambda self: self.claims)
    @rule(number=picks, outcome=outcomes, processed=st.booleans(), believed=st.booleans())
    def finish(self, number, outcome, processed, believed):
        """A rejection of a single event that is not `believed` is what the destination is halted for."""
        self.finish_it(self.claims.pop(number % len(self.claims)), outcome, processed=processed, believed=believed)

    @precondition(lambda self: self.divisible())
    @rule(number=picks)
    def cut_before_it_is_sent(self, number):
        """The limits were lowered."""
        chosen = self.divisible()
        batch = chosen[number % len(chosen)]
        self.real.cut(batch)
        self.adopt(self.model.cut(batch.id, self.real.now))
        with pytest.raises(LedgerError):
            self.real.cut(batch)

    @rule(openings=st.integers(0, 2), seconds=st.none() | st.integers(1, 100))
    def pause_or_hold(self, openings, seconds):
        until = None if seconds is None else self.real.now + 1_000 * seconds
        self.real.ledger.set_breaker(self.real.destination, openings, until)
        self.model.destination = (*self.model.destination[:2], openings, until)

    @rule(setup=st.sampled_from(["one", "another"]))
    def halt(self, setup):
        reason, before, *pause = self.model.destination
        news = self.real.ledger.halt(self.real.destination, f"refused {setup}", setup, self.real.now)
        assert news == (reason is None or before != setup)
        if news:
            self.model.destination = (f"refused {setup}", setup, *pause)

    @rule(believed=st.sampled_from([None, "400", "400,413"]))
    def resume(self, believed):
        self.real.ledger.resume(self.real.destination, believed, self.real.now)
        self.model.destination = (None, believed, 0, None)

    @precondition(lambda self: self.model.waiting(self.real.now))
    @rule(outcome=outcomes, poison=picks, processed=st.booleans(), seconds=st.sampled_from([0, 2, 61, 1_000]))
    def ship_what_is_due(self, outcome, poison, processed, seconds):
        """Every batch once with this outcome; but those with the poisoned event are rejected until it is alone."""
        self.real.now += seconds * 1000
        ids = [key for batch in self.model.waiting(self.real.now) for key in batch.ids]
        poisoned = ids[poison % len(ids)] if poison else None
        due = self.real.waiting()
        while due:
            batch = due.pop(0)
            rejected = poisoned in self.model.batches[batch.id].ids
            self.claim_it(batch)
            self.finish_it(self.claims.pop(), "rejected" if rejected else outcome, processed=processed)
            if rejected:
                due += [half for half in self.real.waiting() if half.id > batch.id and half not in due]

    @precondition(lambda self: any(batch.state == "sending" for batch in self.model.batches.values()))
    @rule(category=categories, processed=st.booleans(), seconds=st.sampled_from([0, 30]))
    def crash_and_recover(self, category, processed, seconds):
        """One partition is recovered, by the next process: while its shipper lived, it held the lock."""
        self.crash(processed=processed)
        self.real.now += seconds * 1000
        self.recover(category)

    @precondition(lambda self: any(self.was_recovered(claim) for claim in self.dead))
    @rule(number=picks, outcome=outcomes, another=st.booleans())
    def come_back_after_the_recovery(self, number, outcome, another):
        """A stopped process goes on, whose lock went with its connection. `another` is at the batch by now."""
        late = [claim for claim in self.dead if self.was_recovered(claim)]
        claim = late[number % len(late)]
        again = [batch for batch in self.real.waiting() if batch.id == claim.batch.id and another]
        for batch in again:
            self.claim_it(batch)
        with pytest.raises(LedgerError):
            self.real.finish(claim, outcome)
        if self.model.batches[claim.batch.id].state not in WAITING:
            with pytest.raises(LedgerError):
                self.real.claim(claim.batch)

    @rule(category=categories, failed_only=st.booleans())
    def replay(self, category, failed_only):
        now = self.real.now
        events = plan_replay(self.real.database, self.real.id_of(category), now, failed_only=failed_only)
        if failed_only:
            assert events == self.model.take_up_failed(category, now)
        else:
            expected = self.model.replay(category, now)
            assert events == sum(len(batch.ids) for batch in expected)
            self.adopt(expected)

    @precondition(lambda self: any(self.model.planned.values()))
    @rule(category=categories, numbers=st.sets(picks, min_size=1, max_size=6), neighbours=st.booleans())
    def forget(self, category, numbers, neighbours):
        """Somebody's rows are taken out, under the partition's lock: what a shipper had under way is recovered."""
        self.crash(processed=False)
        self.recover(category)
        keys = self.model.planned[category]
        chosen = {keys[number % len(keys)] for number in numbers} if keys else set()
        chosen |= set(keys[:5]) if neighbours else set()
        if chosen:
            self.model.forget(category, chosen)
            self.real.forget(category, chosen)

    @rule(again=st.booleans())
    def the_faults_stop(self, again):
        """All that is pending gets through, whatever came before: nothing is stuck. Then it is sent `again`."""
        self.crash(processed=False)
        for category in CATEGORIES:
            self.recover(category)
        self.real.now = max([self.real.now, *(batch.due for batch in self.model.batches.values())])
        for batch in self.real.waiting():
            self.claim_it(batch)
            self.finish_it(self.claims.pop(), "accepted", processed=True)
        assert {batch.state for batch in self.model.batches.values()} <= {"delivered", "split", "failed", "forgotten"}
        for category in CATEGORIES if again else ():
            self.replay(category, failed_only=False)

    @invariant()
    def ledger_and_model_tell_the_same(self):
        rows = self.real.batches()
        self.check_batches(rows)
        self.check_attempts(self.real.attempts())
        self.check_events(rows)
        self.check_accounts()
        self.check_what_is_due()
        self.check_destination()
        self.check_by_verify()

    def check_batches(self, rows):
        """Also I2: an id is the digest of a body, and neither ever changes."""
        assert {row.id for row in rows} == self.model.batches.keys()
        for row in rows:
            batch = self.model.batches[row.id]
            assert (row.category, row.generation, row.first_row, row.replay_of) == batch.place
            assert (row.rows, row.attempts) == (len(batch.ids), len(batch.outcomes))
            assert (row.state, row.planned_ms, row.throttled) == (batch.state, batch.planned, batch.throttled)
            assert row.due_ms == batch.due or row.state not in WAITING
            if row.state == "forgotten" or not row.rows:
                continue
            body = "[" + ",".join(batch.ids) + "]"
            assert row.batch_id == hashlib.sha256(f"{self.real.destination}\0{body}".encode()).hexdigest()
            assert row.body_bytes == len(body)

    def check_attempts(self, made):
        """I4: at most one is open, and only of a batch that is under way."""
        found = {key: [] for key in self.model.batches}
        for row in made:
            assert (row.finished_ms is None) == (row.outcome is None)
            found[row.batch].append(row.outcome)
        for key, batch in self.model.batches.items():
            assert found[key] == batch.outcomes
            assert batch.outcomes.count(None) == (batch.state == "sending")

    def check_events(self, rows):
        """I1: each event is in one batch that stands for it. I5: delivered once is delivered forever, and arrived.
        I6: no event arrives more often than its fate was unknown.
        """
        held = Counter(key for batch in self.model.batches.values() if batch.stands for key in batch.ids)
        assert held == Counter(itertools.chain(*self.model.planned.values()))
        now = {row.id for row in rows if row.state == "delivered"}
        assert {key for key in self.delivered if self.model.batches[key].state != "forgotten"} <= now
        self.delivered = now
        assert all(self.model.received[key] for batch in now for key in self.model.batches[batch].ids)
        assert self.model.received <= self.model.bound

    def check_accounts(self):
        lines = standings.statuses(self.real.database, self.real.destination, self.real.now)
        assert {line.category for line in lines} == set(CATEGORIES)
        for line in lines:
            assert line.account.balances
            expected = self.model.account(line.category)
            assert {name: getattr(line.account, name) for name in expected} == expected

    def check_what_is_due(self):
        now, database = self.real.now, self.real.database
        order = sorted((batch.place[:3], key) for key, batch in self.model.batches.items() if batch.waits(now))
        assert [batch.id for batch in self.real.waiting()] == [key for _, key in order]
        lines = queries.due(database, self.real.destination, now)
        due = {line.partition: (line.batches, line.events) for line in lines}
        assert due == {partition_key(name, WINDOW.key): figures for name, figures in self.model.due(now).items()}
        waiting = {key: batch for key, batch in self.model.batches.items() if batch.state in WAITING}
        dates = {key: batch.due_at(now) for key, batch in waiting.items()}
        assert queries.next_due_ms(database, self.real.ids(), now) == min(dates.values(), default=None)
        without = set(sorted(dates)[::2])
        left = [date for key, date in dates.items() if key not in without]
        assert queries.next_due_ms(database, self.real.ids(), now, without) == min(left, default=None)
        by_tries = sorted((len(self.model.batches[key].outcomes), place, key) for place, key in order)
        least_tried = queries.waiting_batches(database, self.real.ids(), now, 3, queries.Order.LEAST_TRIED)
        assert [batch.id for batch in least_tried] == [key for *_, key in by_tries[:3]]

    def check_destination(self):
        told = queries.destination(self.real.database, self.real.destination)
        remembered = (told.halted_reason, told.halted_setup, told.breaker_openings, told.probe_ms)
        assert remembered == self.model.destination

    def check_by_verify(self):
        """I3: a state is a fold of the attempts. And verify has nothing to say of any ledger that can come about."""
        for partition in self.real.ids():
            record = partition_record(self.real.database, partition)
            assert list(verifying._states(record.batches, POLICY)) == []
            for generation in record.generations:
                mine = [batch for batch in record.batches if batch.generation == generation.number]
                assert list(verifying._rows(generation, mine)) == []

    def claim_it(self, batch):
        self.claims.append(self.real.claim(batch))
        assert self.claims[-1].number == self.model.claim(batch.id)

    def divisible(self):
        return [batch for batch in self.real.waiting() if batch.rows > 1]

    def finish_it(self, claim, outcome, *, processed, believed=True):
        decision = self.real.finish(claim, outcome, believed=believed)
        self.model.arrive(claim.batch.id, outcome, processed=processed)
        due = self.real.now + round(decision.delay * 1000)
        halves = self.model.answer(claim.batch.id, outcome, self.real.now, due, believed=believed)
        if halves:
            self.adopt(halves)

    def crash(self, *, processed):
        for claim in self.claims:
            self.model.arrive(claim.batch.id, "unknown", processed=processed)
        self.dead += self.claims
        self.claims = []
        self.real.restart()

    def recover(self, category):
        found = self.real.ledger.recover([self.real.id_of(category)], self.real.now)
        assert found == self.model.recover(category, self.real.now)

    def was_recovered(self, claim):
        return self.model.batches[claim.batch.id].outcomes[claim.number - 1] is not None

    def adopt(self, expected):
        """What came into the ledger is what the model expects, which from here on knows it by its id."""
        places = {batch.place: batch for batch in expected}
        new = [row for row in self.real.batches() if row.id not in self.model.batches]
        assert len(new) == len(places)
        for row in new:
            self.model.batches[row.id] = places[row.category, row.generation, row.first_row, row.replay_of]


def run(url: str, share: float) -> None:
    """`share`: of the examples that other tests of properties try."""
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    examples = round(share * settings.default.max_examples)
    chosen = settings(max_examples=examples, stateful_step_count=30, suppress_health_check=slow)
    with open_ledger(url) as database:
        machine = type("Machine", (DeliveryMachine,), {"database": database})
        run_state_machine_as_test(machine, settings=chosen)


def test_the_ledger_is_its_model_on_sqlite(tmp_path: Path):
    run(f"sqlite:///{tmp_path}/ledger.db", share=0.2)


@pytest.mark.acceptance
def test_the_ledger_is_its_model_on_postgresql(postgres_url: str):
    run(postgres_url, share=0.05)
