"""The ledger's address is a pooler: a real PgBouncer, in each of its modes, before a real PostgreSQL."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from pgbouncer import pooled
from sqlalchemy import make_url, text
from stage import Stage, ended, staged
from test_rivals import slow

from statsig_export.errors import ConfigError, LedgerError
from statsig_export.ledger.database import open_to_read, open_to_write
from statsig_export.ledger.locks import open_locks

pytestmark = pytest.mark.acceptance


@pytest.fixture(params=["transaction", "session"])
def pooled_stage(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    with pooled(postgres_url, request.param) as through, staged(through) as stage:
        yield stage


def connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, prepare_threshold=None)


@pytest.mark.fault("F112")
def test_two_shippers_through_a_pooler_send_each_batch_once_run_after_run(pooled_stage: Stage):
    stage = pooled_stage
    stage.receiver.play(slow(0.05))
    for _ in range(2):  # the second with sessions that others have used
        stage.add_rows(20)
        stage.export()
        pair = [stage.start_ship(), stage.start_ship()]
        assert [ended(child) for child, _ in pair] == [0, 0], stage.log
    while stage.states()["planned"]:
        stage.ship()

    requests = stage.receiver.requests
    assert max(Counter(request.webhook_id for request in requests).values()) == 1
    findings = stage.audit()
    assert findings.clean, findings
    assert findings.ambiguous == findings.extra_deliveries == 0


@pytest.mark.fault("F112")
def test_the_locks_of_a_shipper_that_is_killed_are_free_behind_a_pooler_too(pooled_stage: Stage):
    stage = pooled_stage
    stage.receiver.play(slow(0.1))
    stage.add_rows()
    stage.export()
    child, _ = stage.start_ship()
    assert stage.receiver.wait_for(3)
    child.kill()
    assert ended(child) == -signal.SIGKILL
    while stage.states().keys() - {"delivered", "failed", "split"}:
        stage.ship()

    findings = stage.audit()
    assert findings.clean, findings


@pytest.mark.fault("F112")
def test_a_pooler_that_gives_every_statement_another_session_is_refused_before_anything_is_sent(postgres_url: str):
    with pooled(postgres_url, "statement") as through:
        for opens in (open_to_write, open_to_read):
            with pytest.raises(ConfigError, match="pool_mode = statement"):
                opens(make_url(through))


@pytest.mark.fault("F112")
def test_what_a_ledger_sets_is_not_left_to_others_who_use_the_pooler(postgres_url: str):
    with pooled(postgres_url, "transaction", default_pool_size=2) as through:
        database = open_to_write(make_url(through))
        with closing(database):
            with closing(open_locks(database.engine)) as locks:
                assert locks.acquire("a")
            with database.write() as connection:
                assert connection.execute(text("SHOW lock_timeout")).scalar() == "30s"
        others = [connect(through), connect(through)]
        for other in others:
            other.execute("BEGIN")
            assert other.execute("SHOW lock_timeout").fetchone() == ("0",)
            assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
            assert other.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)
        for other in others:
            other.close()


@pytest.mark.fault("F112")
@pytest.mark.parametrize(("ignored", "says"), [("", "takes no `options`"), ("options", "ignores its `options`")])
def test_a_pooler_that_does_not_pass_the_search_path_on_is_refused(postgres_url: str, ignored: str, says: str):
    settings = {"ignore_startup_parameters": ignored} if ignored else {}
    with pooled(postgres_url, "transaction", **settings) as through:
        url = make_url(through).update_query_dict({"options": "-csearch_path=elsewhere"})
        with pytest.raises(ConfigError, match=says):
            open_to_write(url)


@pytest.mark.fault("F112")
def test_a_pool_that_is_too_small_is_an_error_that_says_so(postgres_url: str):
    with pooled(postgres_url, "transaction", default_pool_size=1, query_wait_timeout=1) as through:
        database = open_to_write(make_url(through))
        with closing(database), closing(open_locks(database.engine)) as locks:
            assert locks.acquire("a")
            with pytest.raises(LedgerError, match="raise its pool size"), database.read() as connection:
                connection.execute(text("SELECT 1"))


@pytest.mark.fault("F113")
def test_a_server_that_ends_idle_transactions_leaves_the_one_with_the_locks(postgres_stage: Stage):
    stage = postgres_stage
    with connect(stage.home.environ["LEDGER"]) as admin:
        name = make_url(stage.home.environ["LEDGER"]).database
        for setting in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            admin.execute(f'ALTER DATABASE "{name}" SET {setting} = 2000')
    stage.receiver.play(slow(3.0))  # beyond both limits
    stage.add_rows(20)
    stage.export()
    stage.ship()

    assert not stage.states().keys() - {"delivered", "failed", "split"}


@pytest.mark.fault("F113")
def test_locks_whose_transaction_is_over_are_noticed_though_the_connection_goes_on(postgres_url: str):
    database = open_to_write(make_url(postgres_url))
    with closing(database), closing(open_locks(database.engine)) as locks:
        assert locks.acquire("a")
        locks.check()
        locks._connection.rollback()

        with pytest.raises(LedgerError, match="the connection that holds the shipping locks is gone"):
            locks.check()
