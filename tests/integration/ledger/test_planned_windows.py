"""A window is planned as a whole: what its plan asks of the ledger does not grow with its categories."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from asked_statements import asked
from sqlalchemy import make_url

from statsig_export.delivery.batch import Batch
from statsig_export.errors import StalePlanError
from statsig_export.events.shards import Shard
from statsig_export.ledger import queries, standings
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.records import ExportRun, Planned
from statsig_export.ledger.shards import shards_of_files
from statsig_export.ledger.transactions import Ledger
from statsig_export.settings import WindowSettings
from statsig_export.storage.files import StoredFile
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

WINDOW = window_from_key("2026-11-20", WindowSettings())
ALL = tuple(Category)


@pytest.fixture
def ledger(databases) -> Iterator[Ledger]:
    database = open_to_write(make_url(databases("ledger")))
    yield Ledger(database)
    database.close()


def run(number: int) -> ExportRun:
    return ExportRun(
        id=f"run-{number}",
        orchestrator_run=None,
        destination="fivetran",
        window=WINDOW,
        started_ms=0,
        finished_ms=1_000,
        rows_read=10,
        queries={},
        config_fingerprint="c",
        filter_fingerprint="f",
        library_version="0",
        account={},
    )


def plan(category: Category, after: int = 0, rows: int = 3, shard: Shard | None = None) -> PartitionPlan:
    path = f"{category}-{after}.parquet"
    added = GenerationPlan(after + 1, StoredFile(path, path, 100, rows), [Batch(path, 0, rows, 50)], shard)
    return PartitionPlan(
        category=category,
        after_generation=after,
        generations=[added] if rows else [],
        filtered_by={"duplicate": 2},
        failed_by={},
        quarantine=None,
        forgotten=1,
    )


def before(ledger: Ledger, categories: Sequence[Category] = ALL) -> dict[Category, Planned]:
    return queries.planned_partitions(ledger.database, "fivetran", WINDOW.key, categories)


def test_the_plan_of_six_categories_asks_no_more_than_that_of_one(ledger: Ledger):
    one, others = ALL[0], ALL[1:]
    of_one = asked(lambda: ledger.plan(run(1), [plan(one)]))

    assert len(asked(lambda: ledger.plan(run(2), [plan(each) for each in others]))) == len(of_one)
    assert before(ledger) == {
        category: Planned(1, (StoredFile(f"{category}-0.parquet", f"{category}-0.parquet", 100, 3),))
        for category in ALL
    }


def test_the_earlier_files_of_six_categories_are_looked_up_at_once(ledger: Ledger):
    ledger.plan(run(1), [plan(each) for each in ALL])

    assert len(asked(lambda: before(ledger))) == len(asked(lambda: before(ledger, ALL[:1])))
    assert before(ledger, ALL[:2]) == {each: before(ledger)[each] for each in ALL[:2]}


def test_a_window_gets_generations_where_it_has_partitions_and_partitions_where_it_has_none(ledger: Ledger):
    old, new = ALL[:3], ALL[3:]
    ledger.plan(run(1), [plan(each) for each in old])
    ledger.plan(run(2), [*(plan(each, after=1, rows=1) for each in old), *(plan(each, rows=0) for each in new)])

    accounts = {line.category: line.account for line in standings.statuses(ledger.database, "fivetran", 0)}
    assert {category: account.pending for category, account in accounts.items()} == {
        **dict.fromkeys(old, 4),
        **dict.fromkeys(new, 0),
    }
    assert {(account.filtered, account.forgotten) for account in accounts.values()} == {(2, 1)}
    assert {category: planned.generation for category, planned in before(ledger).items()} == {
        **dict.fromkeys(old, 2),
        **dict.fromkeys(new, 0),
    }


def test_one_category_that_another_run_planned_meanwhile_refuses_the_plan_of_all(ledger: Ledger):
    ledger.plan(run(1), [plan(ALL[2])])

    with pytest.raises(StalePlanError, match=ALL[2].value):
        ledger.plan(run(2), [plan(each) for each in ALL])

    assert [category for category, planned in before(ledger).items() if planned.generation] == [ALL[2]]


def test_each_file_of_a_wide_window_is_on_record_with_its_shard(ledger: Ledger):
    shards = [Shard(number, 2) for number in range(2)]
    several = plan(ALL[0], shard=shards[0])
    second = replace(several.generations[0], number=2, file=StoredFile("second", "s", 1, 1), shard=shards[1])

    ledger.plan(run(1), [replace(several, generations=[*several.generations, second]), plan(ALL[1])])

    found = shards_of_files(ledger.database, "fivetran", WINDOW.key)
    assert found == {several.generations[0].file.path: shards[0], "second": shards[1]}
