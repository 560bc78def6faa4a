from collections.abc import Iterator

import pyarrow as pa
import pytest

from statsig_export.arrow.memory import prefer_jemalloc


@pytest.fixture(autouse=True)
def another_pool() -> Iterator[None]:
    """Arrow's memory from elsewhere, until the test has ended."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    yield
    pa.set_memory_pool(before)


@pytest.mark.skipif("jemalloc" not in pa.supported_memory_backends(), reason="Arrow was built without jemalloc here")
def test_arrow_takes_its_memory_from_jemalloc():
    prefer_jemalloc({})

    assert pa.default_memory_pool().backend_name == "jemalloc"


def test_a_pool_that_the_user_has_chosen_stays():
    prefer_jemalloc({"ARROW_DEFAULT_MEMORY_POOL": "system"})

    assert pa.default_memory_pool().backend_name == "system"
