"""The arithmetic and the words of the benchmark's tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.content import first_difference
from benchmarks.figures import (
    BYTEWAX,
    DLT,
    EXPORT,
    FLOOR,
    OURS,
    PLAIN,
    POSTGRESQL,
    SQLITE,
    UNDER_PRIVACY,
    WITH_LATENCY,
    Kind,
    Measurement,
    Target,
    interleaved,
    lines,
    targets,
)
from benchmarks.history import append, compared, entries, entry
from benchmarks.report import as_json, cells, target_line

COPY = "raw COPY"


def run(name: str, seconds: float, rows: int = 1_000_000, peak_mb: int | None = 300, database: str = POSTGRESQL):
    return Measurement(database, rows, name, Kind.OURS, seconds, seconds * 2, peak_mb, 100 if peak_mb else None)


def test_a_line_holds_the_medians_of_the_runs_of_one_contestant_on_one_database_of_one_size():
    table = lines([run(OURS, 9), run(COPY, 4), run(OURS, 5), run(OURS, 1), run(OURS, 100, rows=10)])

    ours = table[0]
    assert [(line.name, line.rows, line.runs) for line in table] == [
        (OURS, 1_000_000, 3),
        (COPY, 1_000_000, 1),
        (OURS, 10, 1),
    ]
    assert (ours.seconds, ours.cpu_seconds, ours.events_per_second) == (5, 10, 200_000)
    assert ours.cpu_us_per_event == pytest.approx(10)
    assert (ours.peak_mb, ours.above_imports_mb) == (300, 200)


def test_ratios_are_of_wall_time_on_the_same_database_and_size():
    table = lines([run(COPY, 4), run(OURS, 6), run(DLT, 60), run(FLOOR, 3), run(OURS, 2, database=SQLITE)])

    assert [(line.to_raw_read, line.to_floor, line.to_ours) for line in table] == [
        (1, pytest.approx(4 / 3), pytest.approx(2 / 3)),
        (1.5, 2, 1),
        (15, 20, 10),
        (0.75, 1, 0.5),
        (None, None, 1),
    ]


def test_a_part_of_a_process_has_no_memory_of_its_own():
    (line,) = lines([run("export: write", 2, peak_mb=None)])

    assert (line.peak_mb, line.above_imports_mb) == (None, None)
    assert cells(line) == ("export: write", "1", "2.00", "500,000", "4.00", "4.0", "", "", "", "", "")


def test_every_target_is_measured_on_the_largest_window_that_has_what_it_needs():
    small = [run(name, seconds, rows=200_000) for name, seconds in ((FLOOR, 1), (OURS, 2), (DLT, 1), (WITH_LATENCY, 9))]
    small += [run(EXPORT, 2, rows=200_000), run(UNDER_PRIVACY, 3, rows=200_000), run(BYTEWAX, 7, rows=200_000)]
    small += [run(OURS, 3, rows=200_000, database=SQLITE)]
    large = [run(FLOOR, 4), run(OURS, 5, peak_mb=330), run(PLAIN, 50), run(WITH_LATENCY, 6)]

    found = targets(lines(small + large), POSTGRESQL, 100)

    assert [(target.measured, target.passed, target.of) for target in found] == [
        (1.25, True, "1,000,000 rows"),
        (pytest.approx(10), False, "1,000,000 rows"),
        (0.5, False, "200,000 rows"),
        (3.5, True, "200,000 rows"),
        (10, True, "1,000,000 rows"),
        (330, True, "1,000,000 rows"),
        (pytest.approx(1.1), True, "200,000 to 1,000,000 rows"),
        (1.2, False, "1,000,000 rows"),
        (1.5, False, "200,000 rows"),
        (1.5, False, "200,000 rows"),
    ]


def test_what_was_not_measured_neither_passes_nor_fails():
    found = targets(lines([run(OURS, 5, database=SQLITE)]), POSTGRESQL, 100)

    assert {target.passed for target in found} == {None}
    assert target_line(found[0]) == "not measured  at most 1.5 times the floor"


def test_a_target_says_what_was_asked_for_and_what_was_found():
    slow = Target("at most 1.5 times the floor", 1.5, at_least=False, measured=1.504, of="1,000,000 rows")
    large = Target("at most 350 MB of memory", 350, at_least=False, measured=349.6, of="1,000,000 rows", unit=" MB")
    dear = Target("at most 8 us of CPU an event", 8, at_least=False, measured=7.96, of="1,000,000 rows", unit=" us")

    assert target_line(slow) == "FAIL          at most 1.5 times the floor: 1.50x (1,000,000 rows)"
    assert target_line(large) == "pass          at most 350 MB of memory: 350 MB (1,000,000 rows)"
    assert target_line(dear) == "pass          at most 8 us of CPU an event: 8.0 us (1,000,000 rows)"


def test_runs_alternate_and_what_is_run_once_is_spread_over_the_rounds():
    every, once = [lambda: "a", lambda: "b"], [lambda: "x", lambda: "y", lambda: "z"]

    assert "".join(work() for work in interleaved(2, every, once)) == "abxzaby"


def test_the_json_holds_every_run_the_medians_and_the_verdicts():
    measurements = [run(OURS, 6), run(COPY, 4)]
    table = lines(measurements)

    found = json.loads(
        json.dumps(as_json({"cores": 2}, {}, measurements, table, {POSTGRESQL: targets(table, POSTGRESQL, 1)}))
    )

    assert found["machine"] == {"cores": 2}
    assert [measurement["seconds"] for measurement in found["measurements"]] == [6, 4]
    assert found["lines"][0]["to_raw_read"] == 1.5
    assert [target["passed"] for target in found["targets"][POSTGRESQL]] == [
        None,
        False,
        None,
        None,
        None,
        True,
        None,
        None,
        None,
        None,
    ]


def kept(seconds: float, commit: str, floor: float = 4, cores: int = 2) -> dict[str, object]:
    """A run of the benchmark as its history keeps it."""
    table = lines([run(COPY, 2), run(FLOOR, floor), run(OURS, seconds)])
    facts = {"cores": cores, "processor": "x", "commit": commit}
    return entry(facts, table, {POSTGRESQL: targets(table, POSTGRESQL, 1)})


def test_a_run_is_held_against_the_latest_earlier_one_on_such_a_machine(tmp_path: Path):
    history = tmp_path / "history.jsonl"
    assert entries(history) == []
    for run_before in (kept(4, "old"), kept(6, "latest"), kept(1, "other", cores=96)):
        append(history, run_before)

    before = entries(history)

    assert [run_before["targets"][POSTGRESQL]["at most 1.5 times the floor"] for run_before in before] == [1, 1.5, 0.25]
    slower, as_slow = (list(compared(before, kept(seconds, "now"))) for seconds in (8, 6.1))
    assert slower[0].startswith("FELL  postgresql, 1,000,000 rows: 2.00 x the floor, 1.50 on ")
    assert slower[0].endswith(" (latest)")
    assert [line.startswith("FELL") for line in (*slower, *as_slow)] == [True, True, False, False]


def test_a_slow_day_is_no_fall_where_the_floor_was_as_slow():
    assert [line[:4] for line in compared([kept(6, "before", floor=4)], kept(12, "now", floor=8))] == ["    ", "FELL"]


def test_a_first_run_of_its_kind_is_held_against_nothing():
    assert list(compared([kept(6, "before", cores=96)], kept(60, "now"))) == []


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A folder for a sample, and one with our partition file of two events."""
    sample, ours = tmp_path / "sample", tmp_path / "ours"
    sample.mkdir()
    ours.mkdir()
    events = ['{"timeUUID":"1","value":"é"}', '{"timeUUID":"2","value":""}']
    pq.write_table(
        pa.table({"time_uuid": pa.array(["1", "2"], pa.large_string()), "event": events}), ours / "f.parquet"
    )
    return sample, ours


@pytest.mark.parametrize(
    ("sent", "difference"),
    [
        ('[{"value": "\\u00e9", "timeUUID": "1"}]', None),
        ('[{"timeUUID":"2","value":null}]', "a different value"),
        ('[{"timeUUID":"2"}]', "a different value"),
        ('[{"timeUUID":"2","value":"","unitID":null}]', "a different unitID"),
        ('[{"timeUUID":"3","value":""}]', "an event that we do not send"),
        ("[]", "there is no sample of what was sent"),
    ],
)
def test_sampled_bodies_are_held_against_our_files_as_json_values(
    places: tuple[Path, Path], sent: str, difference: str | None
):
    sample, ours = places
    (sample / "0.json").write_text(sent)

    assert first_difference(sample, ours) == difference
