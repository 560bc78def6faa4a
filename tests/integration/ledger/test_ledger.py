import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, select, text

from statsig_export.delivery.batch import Batch
from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Decision, Failure, Reply, State, Step
from statsig_export.errors import ConfigError, LedgerError, StalePlanError
from statsig_export.ledger import queries, standings
from statsig_export.ledger.database import LedgerDatabase, open_existing, open_to_write
from statsig_export.ledger.locks import open_locks
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.records import DestinationRecord, ExportRun, PlannedBatch, ShipRun
from statsig_export.ledger.tables import SCHEMA_VERSION, attempts, batches
from statsig_export.ledger.transactions import Ledger
from statsig_export.settings import WindowSettings
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

WINDOW = window_from_key("2026-11-20", WindowSettings())
GATE = Category.GATE_EXPOSURE
ACCEPTED = Decision(Step.DELIVER, Outcome.ACCEPTED, "HTTP 200")
LATER = Decision(Step.DEFER, Outcome.UNAVAILABLE, "HTTP 500", delay=30)
SPLIT = Decision(Step.SPLIT, Outcome.TOO_LARGE, "HTTP 413")
OK = Reply(200, latency_ms=5)


@pytest.fixture
def ledger(databases) -> Iterator[Ledger]:
    database = open_to_write(make_url(databases("ledger")))
    yield Ledger(database)
    database.close()


def run(number: int = 1) -> ExportRun:
    return ExportRun(
        id=f"run-{number}",
        orchestrator_run=f"dagster-{number}",
        destination="fivetran",
        window=WINDOW,
        started_ms=0,
        finished_ms=1_000,
        rows_read=10,
        queries={"exposures": "SELECT 1"},
        config_fingerprint="c",
        filter_fingerprint="f",
        library_version="0",
        account={},
    )


def plan(after: int = 0, rows: tuple[int, ...] = (4, 6), digest: str = "d") -> PartitionPlan:
    starts = [sum(rows[:n]) for n in range(len(rows))]
    return PartitionPlan(
        category=GATE,
        after_generation=after,
        generations=[
            GenerationPlan(
                after + 1,
                StoredFile(f"{digest}.parquet", digest, 100, sum(rows)),
                [Batch(f"{digest}-{n}", starts[n], count, 50) for n, count in enumerate(rows)],
            )
        ],
        filtered_by={"duplicate": 2},
        failed_by={"wrong_type": 1},
        quarantine=None,
    )


def planned(ledger: Ledger, *plans: PartitionPlan) -> list[PlannedBatch]:
    for number, made in enumerate(plans or [plan()], start=1):
        ledger.plan(run(number), [made])
    ledger.start_ship_run(ShipRun("ship", None, "fivetran", "c", "0", 2_000))
    return waiting(ledger)


def waiting(ledger: Ledger, now_ms: int = 2_000) -> list[PlannedBatch]:
    return queries.waiting_batches(ledger.database, partition(ledger), now_ms, limit=100)


def partition(ledger: Ledger) -> list[int]:
    return list(queries.partition_ids(ledger.database, "fivetran", [(GATE, WINDOW.key)]).values())


def state(ledger: Ledger, batch: PlannedBatch) -> str:
    with ledger.database.read() as connection:
        return connection.execute(select(batches.c.state).where(batches.c.id == batch.id)).scalar_one()


def account(ledger: Ledger):
    return standings.statuses(ledger.database, "fivetran", 0)[0].account


def test_planned_batches_come_in_order_and_are_due_at_once(ledger: Ledger):
    found = planned(ledger, plan(digest="a"), plan(after=1, digest="b", rows=(1,)))

    assert [(batch.file.path, batch.first_row, batch.rows) for batch in found] == [
        ("a.parquet", 0, 4),
        ("a.parquet", 4, 6),
        ("b.parquet", 0, 1),
    ]
    assert queries.due(ledger.database, "fivetran", 2_000)[0].events == 11
    assert queries.due(ledger.database, "fivetran", 2_000)[0].export_runs == ("dagster-1", "dagster-2")
    assert queries.due(ledger.database, "another", 2_000) == []


def test_a_plan_on_top_of_a_generation_it_did_not_read_is_refused_whole(ledger: Ledger):
    planned(ledger)
    with pytest.raises(StalePlanError):
        ledger.plan(run(2), [plan(after=0, digest="late")])

    assert queries.planned_partitions(ledger.database, "fivetran", WINDOW.key, [GATE])[GATE].files == ("d.parquet",)
    assert account(ledger).events == 13


def test_an_attempt_is_on_record_before_it_is_made(ledger: Ledger):
    batch = planned(ledger)[0]
    claim = ledger.claim(batch, "ship", 2_500)
    with ledger.database.read() as connection:
        row = connection.execute(select(attempts)).one()

    assert (row.number, row.started_ms, row.finished_ms, row.outcome) == (1, 2_500, None, None)
    assert state(ledger, batch) == State.SENDING
    assert claim.attempt == row.id
    assert [other.id for other in waiting(ledger)] != [batch.id]


def test_a_batch_cannot_be_claimed_twice(ledger: Ledger):
    batch = planned(ledger)[0]
    ledger.claim(batch, "ship", 2_000)

    with pytest.raises(LedgerError, match="another shipper"):
        ledger.claim(batch, "ship", 2_000)


@pytest.mark.fault("F53")
def test_of_many_threads_one_claims_a_batch(ledger: Ledger):
    batch = planned(ledger)[0]
    won: list[bool] = []

    def claim() -> None:
        try:
            ledger.claim(batch, "ship", 2_000)
        except LedgerError:
            won.append(False)
        else:
            won.append(True)

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert won.count(True) == 1


def test_a_delivered_batch_stays_delivered(ledger: Ledger):
    batch = planned(ledger)[0]
    claim = ledger.claim(batch, "ship", 2_000)
    ledger.finish(claim, OK, ACCEPTED, 2_100)

    with pytest.raises(LedgerError):
        ledger.finish(claim, OK, LATER, 2_200)
    with pytest.raises(LedgerError):
        ledger.claim(batch, "ship", 2_300)
    assert state(ledger, batch) == State.DELIVERED
    assert account(ledger).forwarded == 4


def test_a_deferred_batch_comes_up_when_it_is_due(ledger: Ledger):
    first, second = planned(ledger)
    for batch in (first, second):
        ledger.finish(ledger.claim(batch, "ship", 2_000), Reply(500, 5), LATER, 2_000)

    assert waiting(ledger, 31_999) == []
    assert [batch.attempts for batch in waiting(ledger, 32_000)] == [1, 1]
    assert queries.next_due_ms(ledger.database, partition(ledger)) == 32_000
    line = standings.statuses(ledger.database, "fivetran", 22_000)[0]
    assert (line.due_in, line.last_error, line.account.pending) == (10, "HTTP 500", 10)


def test_a_split_batch_is_replaced_by_its_halves(ledger: Ledger):
    batch = planned(ledger)[0]
    halves = [Batch("left", 0, 2, 20), Batch("right", 2, 2, 20)]
    ledger.finish(ledger.claim(batch, "ship", 2_000), Reply(413, 5), SPLIT, 2_000, halves)

    assert [(half.batch_id, half.rows) for half in waiting(ledger)] == [("left", 2), ("right", 2), ("d-1", 6)]
    assert account(ledger).pending == 10
    assert account(ledger).balances


def test_what_a_dead_shipper_left_under_way_becomes_unknown_and_due(ledger: Ledger):
    batch = planned(ledger)[0]
    ledger.claim(batch, "ship", 2_000)

    assert ledger.recover(partition(ledger), 3_000) == 1
    assert ledger.recover(partition(ledger), 3_000) == 0
    with ledger.database.read() as connection:
        row = connection.execute(select(attempts)).one()
    assert (row.outcome, row.finished_ms) == ("unknown", 3_000)
    assert batch.id in [found.id for found in waiting(ledger, 3_000)]


def test_a_shipper_that_comes_back_after_its_recovery_changes_nothing(ledger: Ledger):
    batch = planned(ledger)[0]
    claim = ledger.claim(batch, "ship", 2_000)
    ledger.recover(partition(ledger), 3_000)

    with pytest.raises(LedgerError, match="closed by another"):
        ledger.finish(claim, OK, ACCEPTED, 3_100)
    assert state(ledger, batch) == State.DEFERRED


def test_events_that_met_a_rate_limit_are_counted_once_however_often(ledger: Ledger):
    batch = planned(ledger)[0]
    throttled = Decision(Step.DEFER, Outcome.THROTTLED, "HTTP 429")
    for _ in range(2):
        again = next(found for found in waiting(ledger) if found.id == batch.id)
        ledger.finish(ledger.claim(again, "ship", 2_000), Reply(429, 5), throttled, 2_000)
    again = next(found for found in waiting(ledger) if found.id == batch.id)
    ledger.finish(ledger.claim(again, "ship", 2_000), OK, ACCEPTED, 2_000)

    assert account(ledger).rate_limited == 4
    assert account(ledger).forwarded == 4


def test_a_failure_without_an_answer_is_kept_with_its_words(ledger: Ledger):
    batch = planned(ledger)[0]
    failure = Failure(Outcome.NOT_SENT, 3, "no connection (ConnectionRefusedError)")
    decision = Decision(Step.DEFER, Outcome.NOT_SENT, failure.detail, delay=1)
    ledger.finish(ledger.claim(batch, "ship", 2_000), failure, decision, 2_000)
    with ledger.database.read() as connection:
        row = connection.execute(select(attempts)).one()

    assert (row.status, row.reason) == (None, failure.detail)


def test_a_halt_and_the_breaker_are_remembered_per_destination(ledger: Ledger):
    ledger.halt("fivetran", "HTTP 401", "setup", 5)
    ledger.set_breaker("fivetran", 2, 60_000)
    halted = queries.destination(ledger.database, "fivetran")
    ledger.resume("fivetran")

    assert (halted.halted_reason, halted.breaker_openings, halted.probe_ms) == ("HTTP 401", 2, 60_000)
    assert queries.destination(ledger.database, "fivetran") == DestinationRecord()
    assert queries.destination(ledger.database, "another") == DestinationRecord()


@pytest.mark.fault("F53")
def test_one_lock_a_partition_and_it_ends_with_its_holder(ledger: Ledger):
    first, second = open_locks(ledger.database.engine), open_locks(ledger.database.engine)
    assert first.acquire("a")
    assert not second.acquire("a")
    assert second.acquire("b")
    first.check()
    first.close()
    third = open_locks(ledger.database.engine)

    assert third.acquire("a")
    second.close()
    third.close()


@pytest.mark.fault("F58")
def test_a_ledger_of_a_newer_version_is_refused_with_both_versions(ledger: Ledger):
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE meta SET value = '99' WHERE key = 'schema_version'"))

    with pytest.raises(LedgerError, match=rf"version 99.*version {SCHEMA_VERSION}"):
        open_to_write(ledger.database.engine.url)


def test_sqlite_keeps_what_it_committed_through_a_power_cut(tmp_path):
    database = open_to_write(make_url(f"sqlite:///{tmp_path}/ledger.db"))
    with database.read() as connection:
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    database.close()

    assert (journal, synchronous) == ("wal", 2)


@pytest.mark.fault("F56")
def test_a_file_that_is_no_database_is_an_error_and_stays_as_it_is(tmp_path):
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database" * 1_000)

    with pytest.raises(LedgerError, match="file is not a database"):
        open_to_write(make_url(f"sqlite:///{path}"))
    assert path.read_bytes() == b"not a database" * 1_000


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(ledger: Ledger):
    planned(ledger)
    with ledger.database.read() as connection:
        before = connection.execute(select(batches)).all()
        ledger.plan(run(9), [plan(after=1, digest="late")])
        assert connection.execute(select(batches)).all() == before

    assert len(waiting(ledger)) == 4


@pytest.mark.fault("F51")
def test_a_full_disk_leaves_the_claim_open_and_raises(tmp_path):
    database = open_to_write(make_url(f"sqlite:///{tmp_path}/ledger.db"))
    ledger = Ledger(database)
    batch = planned(ledger)[0]
    claim = ledger.claim(batch, "ship", 2_000)
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.rollback()
    long = Decision(Step.DEFER, Outcome.UNKNOWN, "x" * 100_000)

    with pytest.raises(LedgerError, match="full"):
        ledger.finish(claim, Failure(Outcome.UNKNOWN, 1, "x"), long, 2_000)
    assert state(ledger, batch) == State.SENDING
    database.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql+pymysql://host/db"])
def test_a_database_that_cannot_hold_a_ledger_is_a_configuration_error(url: str):
    with pytest.raises(ConfigError, match="a ledger cannot live"):
        open_to_write(make_url(url))


def test_asking_whether_a_ledger_exists_makes_none(databases):
    url = make_url(databases("ledger"))

    assert open_existing(url) is None
    open_to_write(url).close()
    opened = open_existing(url)
    assert opened is not None
    opened.close()


def test_two_processes_may_open_a_new_ledger_at_once(databases):
    url = make_url(databases("ledger"))
    opened: list[LedgerDatabase] = []
    threads = [threading.Thread(target=lambda: opened.append(open_to_write(url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in opened:
        database.close()

    assert len(opened) == 4
