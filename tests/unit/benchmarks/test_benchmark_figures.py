"""The arithmetic and the words of the benchmark's tables."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.content import first_difference
from benchmarks.figures import (
    DLT,
    EXPORT,
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
    table = lines([run(COPY, 4), run(OURS, 6), run(DLT, 60), run(OURS, 2, database=SQLITE)])

    assert [(line.to_raw_read, line.to_ours) for line in table] == [
        (1, pytest.approx(2 / 3)),
        (1.5, 1),
        (15, 10),
        (None, 1),
    ]


def test_a_part_of_a_process_has_no_memory_of_its_own():
    (line,) = lines([run("export: write", 2, peak_mb=None)])

    assert (line.peak_mb, line.above_imports_mb) == (None, None)
    assert cells(line) == ("export: write", "1", "2.00", "500,000", "4.00", "4.0", "", "", "", "")


def test_every_target_is_measured_on_the_largest_window_that_has_what_it_needs():
    small = [run(name, seconds, rows=200_000) for name, seconds in ((COPY, 1), (OURS, 2), (DLT, 1), (WITH_LATENCY, 9))]
    small += [run(EXPORT, 2, rows=200_000), run(UNDER_PRIVACY, 3, rows=200_000)]
    large = [run(COPY, 4), run(OURS, 5, peak_mb=330), run(PLAIN, 50), run(WITH_LATENCY, 6)]

    found = targets(lines(small + large), POSTGRESQL, 100)

    assert [(target.measured, target.passed, target.of) for target in found] == [
        (0.5, False, "200,000 rows"),
        (10, True, "1,000,000 rows"),
        (1.25, True, "1,000,000 rows"),
        (330, True, "1,000,000 rows"),
        (pytest.approx(1.1), True, "200,000 to 1,000,000 rows"),
        (1.2, True, "1,000,000 rows"),
        (1.5, False, "200,000 rows"),
    ]


def test_what_was_not_measured_neither_passes_nor_fails():
    found = targets(lines([run(OURS, 5, database=SQLITE)]), POSTGRESQL, 100)

    assert {target.passed for target in found} == {None}
    assert target_line(found[0]) == "not measured  dlt takes at least 10 times as long"


def test_a_target_says_what_was_asked_for_and_what_was_found():
    slow = Target("at most 1.5 times the raw read", 1.5, at_least=False, measured=1.504, of="1,000,000 rows")
    large = Target("at most 500 MB of memory", 500, at_least=False, measured=499.6, of="1,000,000 rows")

    assert target_line(slow) == "FAIL          at most 1.5 times the raw read: 1.50x (1,000,000 rows)"
    assert target_line(large) == "pass          at most 500 MB of memory: 500 MB (1,000,000 rows)"


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
    assert [target["passed"] for target in found["targets"][POSTGRESQL]] == [None, None, True, True, None, None, None]


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
