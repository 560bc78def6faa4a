"""The sending loop on a clock of the test's own: outages of days take milliseconds, and nobody sleeps."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
from home import ExportHome
from rows import custom_event
from sqlalchemy import select, update

from statsig_export.account import total
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Breaker, Failure, Reply, RetryPolicy
from statsig_export.errors import LedgerError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.records import PlannedBatch, ShipRun
from statsig_export.ledger.tables import batches, generations
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.runs import RunContext, Timing
from statsig_export.shipping.route import Route
from statsig_export.shipping.shipper import Shipper
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category

HOUR = 3_600
OK = Reply(200, latency_ms=1)
NOT_SENT = Failure(Outcome.NOT_SENT, 1, "no connection")
UNKNOWN = Failure(Outcome.UNKNOWN, 1, "no whole answer")


@dataclass
class Clock:
    """Time stands still but for sleeping."""

    now: float
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Bench:
    """A ledger with planned batches, and a webhook that says what the test tells it to."""

    ledger: Ledger
    storage: Storage
    clock: Clock
    partitions: list[int]
    answer: Callable[[bytes, str, int], Reply | Failure] = lambda *_: OK
    sent: list[tuple[str, int]] = field(default_factory=list)
    """(batch id, attempt) of every request."""
    bodies: dict[str, set[bytes]] = field(default_factory=dict)
    breaker: Breaker = field(default_factory=lambda: Breaker(RetryPolicy()))
    runs: int = 0

    def post(self, body: bytes, batch_id: str, attempt: int) -> Reply | Failure:
        self.sent.append((batch_id, attempt))
        self.bodies.setdefault(batch_id, set()).add(body)
        return self.answer(body, batch_id, attempt)

    @property
    def planned_order(self) -> list[str]:
        """The ids of all batches in the order of their rows."""
        order = select(batches.c.batch_id).order_by(batches.c.generation, batches.c.first_row)
        with self.ledger.database.read() as connection:
            return list(connection.execute(order).scalars())

    def ship(self, concurrency: int = 1) -> Shipper:
        """One ship run, starting from a breaker whose pause is over."""
        shipper = self.shipper(concurrency)
        shipper.run()
        return shipper

    def shipper(self, concurrency: int) -> Shipper:
        self.runs += 1
        run = f"ship-{self.runs}"
        self.ledger.start_ship_run(ShipRun(run, None, "fivetran", "c", "0", self.now_ms))
        self.breaker = Breaker(RetryPolicy(), openings=self.breaker.openings)
        route = Route(
            destination="fivetran",
            ship_run=run,
            post=self.post,
            read_events=self.storage.read_events,
            still_locked=lambda: None,
            concurrency=concurrency,
        )
        timing = Timing(clock=lambda: self.clock.now, sleep=self.clock.sleep, roll=lambda: 0.5)
        return Shipper(self.ledger, route, RunContext(timing=timing), self.breaker, self.partitions)

    @property
    def now_ms(self) -> int:
        return round(self.clock.now * 1000)

    @property
    def account(self):
        return total(line.account for line in standings.statuses(self.ledger.database, "fivetran", self.now_ms))


@pytest.fixture
def bench(home: ExportHome) -> Iterator[Bench]:
    """Ten batches of ten events."""
    home.set("webhook", max_events=10)
    home.add([custom_event(key) for key in range(1, 101)])
    home.export()
    with ledger_of(home.config) as ledger, Storage(home.config.storage_url()) as storage:
        wanted = [(Category.CUSTOM_EVENT, "2026-11-20")]
        ids = list(queries.partition_ids(ledger.database, "fivetran", wanted).values())
        planned_ms = queries.next_due_ms(ledger.database, ids) or 0
        yield Bench(ledger, storage, Clock(planned_ms / 1000 + 1), ids)


def test_every_batch_is_sent_once_in_order(bench: Bench):
    bench.ship()

    assert len(bench.sent) == len({batch for batch, _ in bench.sent}) == 10
    assert bench.account.forwarded == 100
    assert bench.clock.slept == []


def test_many_senders_send_every_batch_once(bench: Bench):
    bench.ship(concurrency=8)

    assert len(bench.sent) == len(set(bench.sent)) == 10
    assert bench.account.forwarded == 100


def test_a_batch_that_waits_for_its_sender_is_not_taken_up_again(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    looked_again = Event()
    looks: list[int] = []

    def look(database: LedgerDatabase, partitions: list[int], now_ms: int, limit: int) -> list[PlannedBatch]:
        if looks:
            looked_again.set()
        looks.append(1)
        return queries.waiting_batches(database, partitions, now_ms, limit)

    shipper = bench.shipper(concurrency=2)
    shipper.route = replace(shipper.route, still_locked=lambda: None if looked_again.wait(60) else pytest.fail("never"))
    monkeypatch.setattr("statsig_export.shipping.shipper.waiting_batches", look)
    monkeypatch.setattr("statsig_export.shipping.shipper._PAGE", 1)
    shipper.run()

    assert len(bench.sent) == len(set(bench.sent)) == 10


@pytest.mark.parametrize("failure", [UNKNOWN, NOT_SENT, Reply(500, 1), Reply(429, 1, retry_after=2)])
def test_a_passing_failure_is_tried_again_within_the_run_with_the_same_bytes(bench: Bench, failure: Reply | Failure):
    bench.answer = lambda _body, _id, attempt: failure if attempt == 1 else OK
    for _ in range(14):
        bench.ship()
        bench.clock.now += 60

    assert bench.account.forwarded == 100
    assert all(len(bodies) == 1 for bodies in bench.bodies.values())
    assert sorted(attempt for _, attempt in bench.sent) == [1] * 10 + [2] * 10


def test_a_batch_that_keeps_failing_is_left_to_a_later_run(bench: Bench):
    unlucky = []

    def answer(_body: bytes, batch_id: str, _attempt: int) -> Reply:
        unlucky.append(batch_id) if not unlucky else None
        return Reply(500, 1) if batch_id == unlucky[0] else OK

    bench.answer = answer
    bench.ship()

    assert [attempt for batch, attempt in bench.sent if batch == unlucky[0]] == [1, 2, 3]
    assert (bench.account.forwarded, bench.account.pending) == (90, 10)
    assert sum(bench.clock.slept) <= 5


def test_after_five_failures_in_a_row_the_run_stops_sending(bench: Bench):
    bench.answer = lambda *_: NOT_SENT
    shipper = bench.ship()

    assert len(bench.sent) == 5
    assert shipper.breaker.open
    assert bench.account.pending == 100


def test_a_probe_that_fails_stops_the_run_and_one_that_succeeds_opens_the_way(bench: Bench):
    bench.answer = lambda *_: NOT_SENT
    bench.ship()
    bench.clock.now += HOUR
    before = len(bench.sent)
    bench.ship(concurrency=4)
    probes = len(bench.sent) - before
    bench.clock.now += HOUR
    bench.answer = lambda *_: OK
    bench.ship(concurrency=4)

    assert probes == 1
    assert bench.account.forwarded == 100


@pytest.mark.fault("F45")
def test_an_outage_of_three_days_fails_nothing_and_the_backlog_drains_in_order(bench: Bench):
    bench.answer = lambda *_: Reply(500, 1)
    end = bench.clock.now + 72 * HOUR
    while bench.clock.now < end:
        bench.ship()
        bench.clock.now += 600
    assert (bench.account.pending, bench.account.failed) == (100, 0)
    assert len(bench.sent) < 600

    bench.clock.now += 24 * HOUR
    bench.sent.clear()
    bench.answer = lambda *_: OK
    bench.ship()
    assert bench.account.forwarded == 100
    probe, *others = [batch for batch, _ in bench.sent]
    assert others == [batch for batch in bench.planned_order if batch != probe]


@pytest.mark.fault("F45")
def test_a_backlog_is_looked_up_a_page_at_a_time_however_long_it_is(bench: Bench, home: ExportHome):
    home.set("webhook", max_events=1)
    home.add([custom_event(key) for key in range(101, 701)])
    home.export()
    held: list[int] = []
    shipper = bench.shipper(concurrency=1)
    bench.answer = lambda *_: held.append(len(shipper._ready)) or OK
    shipper.run()

    assert len(bench.sent) == 610
    assert max(held) < 256


def test_what_is_old_and_often_tried_is_given_up_and_says_why(bench: Bench):
    bench.answer = lambda *_: Reply(500, 1)
    end = bench.clock.now + 40 * 24 * HOUR
    while bench.clock.now < end and bench.account.pending:
        bench.ship()
        bench.clock.now += HOUR

    assert bench.account.failed_by == {"unavailable": 100}
    assert bench.account.balances


def test_a_refusal_stops_everything_and_fails_nothing(bench: Bench):
    bench.answer = lambda *_: Reply(401, 1, excerpt="no")
    shipper = bench.ship()

    assert shipper.halted == "HTTP 401: no"
    assert len(bench.sent) == 1
    assert bench.account.pending == 100


@pytest.mark.fault("F40")
def test_retry_after_beyond_the_runs_patience_is_left_to_a_later_run(bench: Bench):
    bench.answer = lambda *_: Reply(429, 1, retry_after=90)
    bench.ship()

    assert bench.clock.slept == []
    assert queries.next_due_ms(bench.ledger.database, bench.partitions) is not None
    assert len(bench.sent) == 1
    assert bench.account.rate_limited == 10


@pytest.mark.fault("F59")
@pytest.mark.parametrize("jump", [-24 * HOUR, 24 * HOUR])
def test_a_clock_that_jumps_delays_a_retry_by_the_jump_at_most_and_never_sleeps_backwards(bench: Bench, jump: int):
    bench.answer = lambda *_: Reply(429, 1, retry_after=90)
    bench.ship()
    bench.answer = lambda *_: OK
    bench.clock.now += jump
    bench.ship()
    after_the_jump = bench.account.forwarded
    bench.clock.now += abs(jump) + 90
    bench.ship()

    assert after_the_jump == (0 if jump < 0 else 100)
    assert bench.account.forwarded == 100
    assert all(seconds >= 0 for seconds in bench.clock.slept)


def test_a_partition_file_that_was_changed_is_never_sent(bench: Bench, home: ExportHome):
    file = next((home.folder / "files" / "events").rglob("*.parquet"))
    other = ExportHome(home.folder / "other", home.receiver, home.source_url, f"sqlite:///{home.folder}/other.db")
    other.set("source", unit_types={})
    other.environ["DB"] = home.source_url
    home.change(1, event_name="another")
    other.set("webhook", max_events=10)
    other.export()
    replacement = next((home.folder / "other" / "files" / "events").rglob("*.parquet"))
    file.write_bytes(replacement.read_bytes())
    assert "bytes, " in str(bench.ship().unread)

    with bench.ledger.database.write() as connection:  # a ledger that agrees with the file does not plan it anew
        facts = {"bytes": file.stat().st_size, "digest": hashlib.sha256(file.read_bytes()).hexdigest()}
        connection.execute(update(generations).values(facts))
    assert "are not what was planned" in str(bench.ship().unread)
    assert bench.sent == []


def test_a_missing_partition_file_is_an_error_that_names_it(bench: Bench, home: ExportHome):
    file: Path = next((home.folder / "files" / "events").rglob("*.parquet"))
    file.unlink()

    assert "0001-" in str(bench.ship().unread)


@pytest.mark.fault("F51")
def test_a_ledger_that_cannot_be_written_stops_the_run_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise LedgerError("the ledger cannot be used (disk full)")

    monkeypatch.setattr(Ledger, "finish", full)
    with pytest.raises(LedgerError, match="disk full"):
        bench.ship()
    assert len(bench.sent) == 1


def test_losing_the_lock_stops_the_run_before_the_next_claim(bench: Bench):
    def lost() -> None:
        raise LedgerError("the connection that holds the shipping locks is gone")

    shipper = bench.ship
    bench.ledger.start_ship_run(ShipRun("x", None, "fivetran", "c", "0", 0))
    route = Route("fivetran", "x", bench.post, bench.storage.read_events, lost, 1)
    timing = Timing(lambda: bench.clock.now, bench.clock.sleep, lambda: 0.5)
    with pytest.raises(LedgerError, match="locks"):
        Shipper(bench.ledger, route, RunContext(timing=timing), Breaker(RetryPolicy()), bench.partitions).run()
    assert bench.sent == []
    shipper()
    assert bench.account.forwarded == 100
