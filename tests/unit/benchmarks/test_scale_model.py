"""The arithmetic of docs/scale.md."""

from dataclasses import replace

import pytest

from benchmarks.scale import filled
from benchmarks.scale_model import CATEGORIES, DAY_S, POSTGRESQL, Needs, Setup
from benchmarks.scale_tables import SETUPS, SIZES, count, rate, size_of, time_of

MILLION = Needs(1_000_000, Setup())


def test_full_requests_and_one_more_a_partition_are_sent():
    assert MILLION.batch_events == 1_000
    assert MILLION.requests == 1_000 + CATEGORIES


def test_large_events_fill_a_request_by_their_bytes():
    large = replace(Setup(), figures=replace(POSTGRESQL, body_bytes=9_999))
    assert Needs(1_000, large).batch_events == 99


def test_the_ledger_has_two_rows_a_request_and_some_a_window():
    assert MILLION.ledger_rows == 2 * MILLION.requests + 2 * CATEGORIES + 2


def test_a_pruned_ledger_keeps_ninety_days_of_batches():
    assert MILLION.pruned_year_bytes < 0.4 * MILLION.ledger_year_bytes
    never = Needs(1_000_000, replace(Setup(), kept_days=365))
    assert never.pruned_year_bytes == pytest.approx(never.ledger_year_bytes)


def test_cpu_grows_with_the_events_and_is_shared_by_the_workers():
    one, ten = (Needs(10**9, replace(Setup(), workers=workers)) for workers in (1, 10))
    assert one.cpu_s == pytest.approx(24_000, rel=0.01)
    assert one.loads()["the workers' CPU"] == pytest.approx(10 * ten.loads()["the workers' CPU"])


def test_more_workers_do_not_hurry_the_one_process_that_exports_a_window():
    one, hundred = (Needs(10**11, replace(Setup(), workers=workers)) for workers in (1, 100))
    assert one.loads()["one window's export"] == hundred.loads()["one window's export"]


def test_shards_divide_what_one_process_has_to_do():
    whole, parts = (Needs(10**11, replace(Setup(windows_a_day=24), shards=shards)) for shards in (1, 64))
    for limit in ("one window's export", "one partition's shipment"):
        assert whole.loads()[limit] == pytest.approx(64 * parts.loads()[limit])
    assert parts.window_mb < whole.window_mb / 20


@pytest.mark.parametrize("size", SIZES)
def test_the_set_up_that_the_page_proposes_carries_its_size(size: int):
    assert Needs(size, SETUPS[size]).bottleneck()[1] < 0.8


def test_the_bottleneck_is_what_is_used_most():
    needs = Needs(10**9, Setup())
    name, load = needs.bottleneck()
    assert load == max(needs.loads().values()) == needs.loads()[name]
    assert needs.per_second * DAY_S == pytest.approx(10**9)


def test_amounts_are_written_as_people_read_them():
    assert [size_of(amount) for amount in (12, 999.6, 38.6e6, 2.3e15)] == ["12 B", "1 kB", "38.6 MB", "2.3 PB"]
    assert [time_of(seconds) for seconds in (5.2, 90, 7_200, 9_000_000)] == ["5.2 s", "1.5 min", "2 h", "2,500 h"]
    assert [count(number) for number in (10**6, 10**11)] == ["1 million", "100 billion"]
    assert [rate(number) for number in (0.0123, 1157.4)] == ["0.012", "1,157"]


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="needs"):
        filled("# How far it goes\n")


def test_tables_are_put_in_the_place_of_the_old_ones_and_nothing_else_changes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale.TABLES", {"needs": lambda: "| new |\n", "course": lambda: "| newer |\n"})
    page = "".join(f"<!-- {name}: python -m benchmarks scale -->\n| old |\n\nwords\n\n" for name in ("needs", "course"))
    once = filled(page)
    assert once == page.replace("| old |", "| new |", 1).replace("| old |", "| newer |")
    assert filled(once) == once
