"""Steps of several threads in one transaction: which of them are on record when something goes wrong."""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Semaphore
from typing import Any

import pytest
from home import ExportHome
from rows import custom_event
from sqlalchemy import Connection, event, func, make_url, select

from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import Decision, Reply, State, Step
from statsig_export.errors import LedgerError
from statsig_export.ledger import queries
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.group_commit import GroupCommit
from statsig_export.ledger.records import Claim, PlannedBatch, ShipRun
from statsig_export.ledger.tables import attempts, batches
from statsig_export.ledger.transactions import Ledger, ledger_of

ACCEPTED = Decision(Step.DELIVER, Outcome.ACCEPTED, "HTTP 200")
PATIENCE = 20


class Queue(deque[Any]):
    """The steps that wait, and how many came."""

    def __init__(self) -> None:
        super().__init__()
        self.came = Semaphore(0)

    def append(self, step: object) -> None:
        super().append(step)
        self.came.release()


@dataclass
class Senders:
    """Threads that write to a ledger of five planned batches."""

    ledger: Ledger
    batches: list[PlannedBatch]
    pool: ThreadPoolExecutor
    commits: list[int] = field(default_factory=list)
    """One entry for each transaction that was committed."""

    def claim(self, batch: PlannedBatch) -> Claim:
        return self.ledger.claim(batch, "ship", 2_000)

    def finish(self, claim: Claim) -> None:
        self.ledger.finish(claim, Reply(200, 1), ACCEPTED, 3_000)

    @contextmanager
    def together(self, *steps: Callable[[], Any]) -> Iterator[list[Future[Any]]]:
        """These steps, all waiting while another transaction is under way. It ends when the block is left, and
        then they are done.
        """
        queue, began, end = Queue(), Event(), Event()
        self.ledger._group._waiting = queue

        def another(_: Connection) -> None:
            began.set()
            assert end.wait(PATIENCE)

        first = self.pool.submit(self.ledger._group.commit, another)
        assert began.wait(PATIENCE)
        waiting = [self.pool.submit(step) for step in steps]
        for _ in range(1 + len(steps)):
            assert queue.came.acquire(timeout=PATIENCE)
        try:
            yield waiting
        finally:
            end.set()
        first.result(PATIENCE)
        wait(waiting, PATIENCE)

    def states(self) -> list[str]:
        with self.ledger.database.read() as connection:
            return list(connection.execute(select(batches.c.state).order_by(batches.c.id)).scalars())

    def open_attempts(self) -> int:
        opened = select(func.count()).select_from(attempts).where(attempts.c.finished_ms.is_(None))
        with self.ledger.database.read() as connection:
            return int(connection.execute(opened).scalar_one())


@pytest.fixture
def senders(home: ExportHome) -> Iterator[Senders]:
    home.set("webhook", max_events=1)
    home.add([custom_event(key) for key in range(5)])
    home.export()
    with ledger_of(home.config) as ledger, ThreadPoolExecutor(8) as pool:
        ledger.start_ship_run(ShipRun("ship", None, "fivetran", "c", "0", 1_000))
        ids = list(queries.pending_partition_ids(ledger.database, "fivetran").values())
        waiting = queries.waiting_batches(ledger.database, ids, queries.next_due_ms(ledger.database, ids) or 0, 100)
        made = Senders(ledger, waiting, pool)
        event.listen(ledger.database.engine, "commit", lambda _: made.commits.append(1))
        yield made


def test_claims_that_wait_together_are_one_transaction(senders: Senders):
    with senders.together(*(lambda batch=batch: senders.claim(batch) for batch in senders.batches)) as claims:
        pass

    assert [claim.result().batch for claim in claims] == senders.batches
    assert len({claim.result().attempt for claim in claims}) == 5
    assert senders.states() == [State.SENDING] * 5
    assert len(senders.commits) == 2, "one of them, and the one that they waited for"


def test_claims_and_finishes_that_wait_together_are_one_transaction(senders: Senders):
    claimed = [senders.claim(batch) for batch in senders.batches[:3]]
    senders.commits.clear()
    steps = [lambda claim=claim: senders.finish(claim) for claim in claimed]
    steps += [lambda batch=batch: senders.claim(batch) for batch in senders.batches[3:]]
    with senders.together(*steps):
        pass

    assert senders.states() == [State.DELIVERED] * 3 + [State.SENDING] * 2
    assert len(senders.commits) == 2


def test_no_sender_goes_on_before_the_transaction_with_its_claim_has_ended(senders: Senders):
    with senders.together(*(lambda batch=batch: senders.claim(batch) for batch in senders.batches)) as claims:
        assert not any(claim.done() for claim in claims)
        assert senders.open_attempts() == 0


def test_a_step_that_is_refused_leaves_the_others_recorded(senders: Senders):
    first, *rest = senders.batches
    senders.claim(first)
    with senders.together(
        lambda: senders.claim(rest[0]), lambda: senders.claim(first), lambda: senders.claim(rest[1])
    ) as (one, refused, two):
        pass

    assert (one.result().batch, two.result().batch) == (rest[0], rest[1])
    with pytest.raises(LedgerError, match="another shipper moved it"):
        refused.result()
    assert senders.states() == [State.SENDING] * 3 + [State.PLANNED] * 2
    assert senders.open_attempts() == 3


def test_every_step_that_is_refused_raises_and_no_other(senders: Senders):
    first, second, third, *_ = senders.batches
    claims = [senders.claim(first), senders.claim(second)]
    for claim in claims:
        senders.finish(claim)
    with senders.together(
        lambda: senders.finish(claims[0]), lambda: senders.finish(claims[1]), lambda: senders.claim(third)
    ) as (one, two, fine):
        pass

    assert all("closed by another shipper" in str(done.exception()) for done in (one, two))
    assert fine.result().batch == third


def test_a_ledger_that_fails_in_the_group_fails_for_every_step_of_it(senders: Senders):
    def full(_: Connection) -> None:
        if len(senders.commits) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    event.listen(senders.ledger.database.engine, "commit", full)
    with senders.together(*(lambda batch=batch: senders.claim(batch) for batch in senders.batches)) as claims:
        pass

    assert all("ENOSPC" in str(claim.exception()) for claim in claims)
    assert senders.states() == [State.PLANNED] * 5
    assert senders.open_attempts() == 0
    assert senders.claim(senders.batches[0]).number == 1


def test_an_error_of_a_step_that_is_not_the_ledgers_reaches_everybody_who_waits(senders: Senders):
    def broken(_: Connection) -> None:
        raise ZeroDivisionError

    with senders.together(
        lambda: senders.claim(senders.batches[0]), lambda: senders.ledger._group.commit(broken)
    ) as waiting:
        pass

    assert [type(done.exception()) for done in waiting] == [ZeroDivisionError] * 2
    assert senders.open_attempts() == 0


def test_in_postgresql_a_step_waits_for_no_other(postgres_url: str):
    database = open_to_write(make_url(postgres_url))
    group = GroupCommit(database)
    began, end = Event(), Event()

    def another(_: Connection) -> None:
        began.set()
        assert end.wait(PATIENCE)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.commit, another)
        assert began.wait(PATIENCE)
        assert group.commit(lambda _: "done") == "done"
        end.set()
        first.result()
    database.close()
