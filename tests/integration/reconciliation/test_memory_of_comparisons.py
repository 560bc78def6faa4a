"""A comparison of five times the ids needs no more memory, but for chunks and buckets that are not full."""

from pathlib import Path

import pytest

from benchmarks.arrivals import ODD, fill, stage

pytestmark = pytest.mark.acceptance

FEW, MANY = 100_000, 500_000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what a process needed at most")
@pytest.mark.fault("F419")
def test_memory_does_not_grow_with_what_is_compared(tmp_path: Path):
    peaks = {}
    for rows in (FEW, MANY):
        home = tmp_path / str(rows)
        home.mkdir()
        url = f"duckdb:///{home}/landed.duckdb?memory_limit=64MB&threads=1"
        fill("duckdb", rows, home, url)
        found = stage("arrivals", home, url)
        assert (found["missing"], found["repeated"], found["alien"]) == (rows // ODD,) * 3
        peaks[rows] = found["peak_mb"]

    assert peaks[MANY] - peaks[FEW] < 22, peaks  # of 24 MB of hashes, as much again to sort them
