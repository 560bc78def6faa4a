"""One row, or what rows become, does not take the machine: each export is a child process of bounded memory."""

import pytest

from fuzz.rows import PEAK_MB, attempt

pytestmark = pytest.mark.acceptance


@pytest.mark.fault("F218")
@pytest.mark.parametrize(
    ("kind", "seed", "size"),
    [
        ("deep", 3, 20_000_000),  # refused unread
        ("deep", 3, 3_900_000),  # taken apart
        ("wide", 1, 3_900_000),
        ("numbers", 4, 20_000_000),  # 1e308 is 309 characters
    ],
)
def test_huge_rows_are_accounted_for_in_little_memory(kind: str, seed: int, size: int):
    found = attempt(kind, seed, size)
    assert found["accounted"] == found["rows"]
    assert found["peak_mb"] < PEAK_MB
