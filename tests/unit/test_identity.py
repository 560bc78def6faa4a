import itertools
import random
import uuid

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.arrow_columns import TEXT, array, values_of
from statsig_export.identity import LARGEST_KEY, SeenIds, _Run, derived_ids

KEYS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, LARGEST_KEY), st.integers(0, 20))


def ids(keys: list[int] | list[str], source: str = "", table: str = "exposures") -> list[str]:
    kind = TEXT if keys and isinstance(keys[0], str) else pa.int64()
    return values_of(derived_ids(array(keys, kind), source, table))


def test_derived_ids_never_change_from_release_to_release():
    assert ids([1, LARGEST_KEY, LARGEST_KEY + 1, -1]) == [
        "2aca4bc3-e854-81af-9000-000000000001",
        "2aca4bc3-e854-81af-9fff-ffffffffffff",
        "630fbc67-7d0f-5780-82ac-acd45befe76b",
        "8b6aef43-dfff-5f39-b03c-ac3dabcc7308",
    ]
    assert ids(["a", ""]) == ["3e05e956-ca9c-51d6-9ff6-9b456210e3ed", "a328c412-8a8a-5351-ab84-b95973c5cb1c"]


@pytest.mark.fault("F13")
@given(st.lists(KEYS, max_size=20))
def test_an_integer_key_gives_a_uuid_that_holds_it_or_a_hash_of_it(keys: list[int]):
    for key, text in zip(keys, ids(keys), strict=True):
        found = uuid.UUID(text)
        assert str(found) == text
        assert found.variant == uuid.RFC_4122
        assert found.version == (8 if 0 <= key <= LARGEST_KEY else 5)
        if found.version == 8:
            assert found.int & LARGEST_KEY == key


@given(st.sets(KEYS, max_size=50), st.sets(st.text(), max_size=50))
def test_different_keys_have_different_ids(integers: set[int], texts: set[str]):
    assert len({*ids(list(integers))}) == len(integers)
    assert len({*ids(list(texts))}) == len(texts)


def test_sources_and_tables_have_ids_of_their_own():
    found = [
        ids([7], source, table)[0]
        for source, table in [("", "exposures"), ("", "custom_events"), ("eu", "exposures"), ("", "eu.exposures")]
    ]
    assert len(set(found)) == 4
    assert len({text[:19] for text in found}) == 4


def test_no_keys_give_no_ids():
    assert ids([]) == []


@given(st.lists(st.lists(st.one_of(st.integers(0, 40).map(str), st.text()), max_size=30), max_size=12))
def test_seen_ids_are_a_set(chunks: list[list[str]]):
    seen = SeenIds()
    known: set[str] = set()
    for chunk in chunks:
        assert seen.contains(array(chunk, TEXT)).tolist() == [each in known for each in chunk]
        expected = []
        for each in chunk:
            expected.append(each not in known)
            known.add(each)
        assert seen.add_new(array(chunk, TEXT)).tolist() == expected
        assert len(seen) == len(known)


def test_many_chunks_leave_few_sorted_runs():
    seen = SeenIds()
    for chunk in range(100):
        assert seen.add_new(array([str(each) for each in range(chunk * 50, chunk * 50 + 100)], TEXT)).sum() == (
            100 if chunk == 0 else 50
        )
    lengths = [len(run.first) for run in seen._runs]
    assert len(seen) == sum(lengths) == 5_050
    assert all(longer >= 2 * shorter for longer, shorter in itertools.pairwise(lengths))
    assert all((np.diff(run.first.astype(object)) >= 0).all() for run in seen._runs)
    assert sum(run.first.nbytes + run.second.nbytes for run in seen._runs) == 16 * len(seen)


@pytest.mark.parametrize("seed", range(20))
def test_ids_whose_first_hash_word_collides_are_told_apart_by_the_second(seed: int):
    rng = random.Random(seed)  # noqa: S311
    pairs = {(rng.randrange(4), rng.randrange(30)) for _ in range(40)}
    inside = {pair for pair in pairs if rng.random() < 0.5}
    runs = []
    for half in (sorted(inside)[::2], sorted(inside)[1::2]):
        first, second = (np.array([pair[word] for pair in half], dtype=np.uint64) for word in (0, 1))
        runs.append(_Run(first, second))
    asked = sorted(pairs)
    first, second = (np.array([pair[word] for pair in asked], dtype=np.uint64) for word in (0, 1))
    assert runs[0].merged(runs[1]).contains(first, second).tolist() == [pair in inside for pair in asked]
