"""What SQLAlchemy compiles for the ledger is compiled once a process, and a receipt is not a handful of questions."""

from contextlib import closing
from datetime import timedelta
from itertools import count

from asked_statements import asked
from home import ExportHome
from rows import NOON, custom_event
from sqlalchemy import create_engine, make_url, select
from sqlalchemy.engine.interfaces import CacheStats

from statsig_export.export.export import export_window
from statsig_export.ledger.compiled_statements import CompiledStatements
from statsig_export.ledger.database import open_to_read
from statsig_export.ledger.partition_rows import portions, rows_of
from statsig_export.ledger.tables import meta
from statsig_export.shipping.status import status
from statsig_export.vocabulary import Category


def test_a_second_verb_in_a_process_compiles_nothing_again(any_home: ExportHome):
    any_home.add([custom_event(1)])
    any_home.export()
    any_home.ship()
    status(any_home.config)

    again = asked(lambda: status(any_home.config))

    assert CacheStats.CACHE_HIT in again
    assert CacheStats.CACHE_MISS not in again


def test_two_databases_or_versions_never_share_what_was_compiled():
    shared = CompiledStatements()
    engines = [create_engine("sqlite://"), create_engine("postgresql+psycopg://h/d")]
    older, newer = (create_engine("postgresql+psycopg://h/d") for _ in range(2))
    older.dialect.server_version_info, newer.dialect.server_version_info = (12, 1), (17, 2)
    for engine in (*engines, older, newer):
        shared[engine.dialect, "statement"] = str(select(meta).compile(engine)), engine.dialect.server_version_info

    assert len(shared) == 4
    assert shared.get((create_engine("sqlite://").dialect, "statement")) == shared.get(
        (engines[0].dialect, "statement")
    )
    assert shared.get((older.dialect, "statement")) != shared.get((newer.dialect, "statement"))


def test_the_rows_of_many_partitions_are_read_with_as_many_statements_as_those_of_one(any_home: ExportHome):
    windows = [f"2026-11-20-{hour:02}:00" for hour in (12, 13, 14, 15)]
    any_home.set("windows", every="hour")
    any_home.add([custom_event(1)])
    for window in windows:
        any_home.export(window)
    any_home.ship()
    database = open_to_read(make_url(any_home.ledger_url))
    assert database is not None
    with closing(database):
        every = rows_of(database, range(1, 1_000))

        assert len(every) > len(windows)
        assert len(asked(lambda: rows_of(database, list(every)))) == len(asked(lambda: rows_of(database, [1])))
        assert {key: rows_of(database, [key])[key] for key in every} == every
        assert all(rows["partitions"][0]["id"] == key for key, rows in every.items())


def test_partitions_are_taken_in_portions_of_so_many_batches_and_a_larger_one_alone(any_home: ExportHome):
    any_home.set("windows", every="hour")
    any_home.set("webhook", max_events=1)
    hour, keys = timedelta(hours=1), count(1)
    for late, events in enumerate((2, 1, 5, 1)):
        at = {"timestamp": NOON + late * hour, "ingested_at": NOON + late * hour}
        any_home.add([custom_event(next(keys), **at) for _ in range(events)])
        export_window(any_home.config, any_home.window(f"2026-11-20-{12 + late}:00"), [Category.CUSTOM_EVENT])
    database = open_to_read(make_url(any_home.ledger_url))
    assert database is not None
    with closing(database):
        ids = sorted(rows_of(database, range(1, 100)))

        assert list(portions(database, ids, 3)) == [ids[:2], ids[2:3], ids[3:]]
        assert list(portions(database, ids, 6)) == [ids[:2], ids[2:]]
        assert list(portions(database, [], 3)) == []
        assert len(asked(lambda: list(portions(database, ids, 1)))) == len(
            asked(lambda: list(portions(database, ids, 9)))
        )
