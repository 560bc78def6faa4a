"""The hash of an id is that of the id, wherever in a driver's batch it stands."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

import statsig_export
from statsig_export.reconciliation.id_hashes import id_hashes

IDS = [f"10000000-0000-4000-8000-{number:012x}" for number in range(20)] + [f"Ab-{number}" for number in range(20)]


@pytest.mark.fault("F418")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("first", [0, 10, 25])
def test_a_part_of_a_batch_has_the_hashes_of_its_own_ids(kind: pa.DataType, first: int):
    part = pa.array(IDS, kind).slice(first, 12)

    found = id_hashes(part.cast(pa.large_string()))

    expected = id_hashes(pa.array(IDS[first : first + 12], pa.large_string()))
    assert [list(words) for words in found] == [list(words) for words in expected]


@pytest.mark.fault("F418")
def test_what_arrow_reads_from_the_wrong_place_is_not_used():
    """ascii_lower and ascii_upper begin at the buffer's first byte, whatever part of it a column that was cast has."""
    used = re.compile(r"\bascii_(lower|upper|swapcase|capitalize|title|reverse)\(")
    files = Path(statsig_export.__file__).parent.rglob("*.py")

    assert [path.name for path in files if used.search(path.read_text())] == []
