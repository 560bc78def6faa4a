import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.dagster.delivery.grouping import MAX_PARTITIONS, MAX_RUNS, EndedRun, groups, paused
from statsig_export.dagster.runs import pause_after
from statsig_export.ledger.records import DuePartition


def due(partition: str, *export_runs: str) -> DuePartition:
    return DuePartition(partition, batches=1, events=10, export_runs=export_runs or ("run",))


def test_the_oldest_windows_come_first_whatever_their_category():
    (group,) = groups([due("gate_exposure|2026-11-02"), due("custom_event|2026-11-01")], set())

    assert group.partitions == ("custom_event|2026-11-01", "gate_exposure|2026-11-02")


def test_a_partition_in_flight_is_left_out():
    assert groups([due("custom_event|2026-11-01")], {"custom_event|2026-11-01"}) == []


def test_too_many_partitions_of_one_export_run_are_split_evenly():
    found = groups([due(f"custom_event|2026-12-{day:02}") for day in range(1, 32)], set())

    assert [len(group.partitions) for group in found] == [16, 15]


def test_few_export_runs_are_kept_apart():
    found = groups([due("custom_event|2026-11-01", "b"), due("custom_event|2026-11-02", "a")], set())

    assert [group.export_tag for group in found] == ["b", "a"]


def test_a_backlog_of_many_export_runs_is_packed():
    found = groups([due(f"custom_event|2026-11-{day:02}", f"run-{day}") for day in range(1, 25)], set())

    assert [len(group.partitions) for group in found] == [24]
    assert found[0].export_tag.startswith('["run-1", "run-2", ')


def test_equal_partitions_make_an_equal_digest_and_others_another():
    one, same, other = (
        groups([due("custom_event|2026-11-01", run)], set())[0]
        if day == 1
        else groups([due("custom_event|d")], set())[0]
        for run, day in (("a", 1), ("b", 1), ("a", 2))
    )

    assert one.digest == same.digest
    assert one.digest != other.digest


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 60), (2, 120), (5, 960), (10, 3_600)])
def test_the_pause_doubles_with_each_failure_up_to_an_hour(failures: int, seconds: int):
    assert pause_after(failures) == seconds


@given(
    st.dictionaries(st.integers(0, 10_000).map(lambda n: f"custom_event|{n:05}"), st.integers(0, 30), max_size=200),
    st.sets(st.integers(0, 10_000).map(lambda n: f"custom_event|{n:05}"), max_size=20),
)
def test_every_due_partition_that_is_not_in_flight_is_in_exactly_one_group(
    runs: dict[str, int], in_flight: set[str]
) -> None:
    found = groups([due(key, f"run-{run}") for key, run in runs.items()], in_flight)

    carried = [key for group in found for key in group.partitions]
    assert sorted(carried) == sorted(set(runs) - in_flight)
    assert all(1 <= len(group.partitions) <= MAX_PARTITIONS for group in found)


def ended(at: float, *partitions: str, fruitless: bool = True) -> EndedRun:
    return EndedRun(frozenset(partitions), fruitless, at)


def test_a_partition_pauses_after_the_last_of_its_fruitless_runs_the_longer_the_more_there_were():
    runs = [ended(1_000, "a", "b"), ended(500, "a")]

    assert paused(runs, 1_059) == {"a", "b"}
    assert paused(runs, 1_060) == {"a"}
    assert paused(runs, 1_120) == set()


def test_a_pause_follows_the_partition_whatever_else_its_runs_carried():
    assert paused([ended(1_000, "a", "c"), ended(900, "a", "b"), ended(800, "a")], 1_200) == {"a"}


def test_a_run_that_served_the_partition_ends_its_count():
    runs = [ended(1_000, "a"), ended(900, "a", fruitless=False), ended(800, "a"), ended(700, "a")]

    assert paused(runs, 1_059) == {"a"}
    assert paused(runs, 1_060) == set()


def test_hundreds_of_partitions_are_few_groups_of_bounded_length():
    days = [due(f"custom_event|{day:04}", f"run-{day // 2}") for day in range(300)]

    found = groups(days, set())

    assert [len(group.partitions) for group in found] == [MAX_PARTITIONS] * MAX_RUNS
