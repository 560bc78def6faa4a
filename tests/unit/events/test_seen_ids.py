import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array
from statsig_export.events.seen_ids import Occurrences, SeenIds, _Run


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
    lengths = [len(run.first) for run in seen._runs.runs]
    assert len(seen) == sum(lengths) == 5_050
    assert all(longer >= 2 * shorter for longer, shorter in itertools.pairwise(lengths))
    assert all((np.diff(run.first.astype(object)) >= 0).all() for run in seen._runs.runs)
    assert sum(run.first.nbytes + run.second.nbytes for run in seen._runs.runs) == 16 * len(seen)


@pytest.mark.parametrize("seed", range(20))
def test_ids_whose_first_hash_word_collides_are_told_apart_by_the_second(seed: int):
    rng = random.Random(seed)  # noqa: S311
    pairs = {(rng.randrange(4), rng.randrange(30)) for _ in range(40)}
    inside = {pair for pair in pairs if rng.random() < 0.5}
    runs = []
    for half in (sorted(inside)[::2], sorted(inside)[1::2]):
        first, second = (np.array([pair[word] for pair in half], dtype=np.uint64) for word in (0, 1))
        runs.append(_Run(first, second, np.empty(0, dtype=np.uint32)))
    asked = sorted(pairs)
    first, second = (np.array([pair[word] for pair in asked], dtype=np.uint64) for word in (0, 1))
    found = runs[0].merged(runs[1]).positions(first, second) >= 0
    assert found.tolist() == [pair in inside for pair in asked]


@given(st.lists(st.lists(st.integers(0, 12), max_size=30), max_size=12))
def test_occurrences_count_across_chunks_what_a_counter_would(chunks: list[list[int]]):
    occurrences = Occurrences()
    known: Counter[int] = Counter()
    for chunk in chunks:
        # Three contents in four share their first word, so that the second has to tell them apart.
        words = np.array(chunk, dtype=np.uint64).reshape(-1)
        found = occurrences.ordinals(words // 4, words)
        expected = []
        for each in chunk:
            expected.append(known[each])
            known[each] += 1
        for each in set(chunk):
            rows = [row for row, content in enumerate(chunk) if content == each]
            assert sorted(found[rows].tolist()) == [expected[row] for row in rows]


def test_a_content_that_occurs_in_every_chunk_is_kept_once():
    occurrences = Occurrences()
    for _ in range(50):
        occurrences.ordinals(np.arange(100, dtype=np.uint64), np.arange(100, dtype=np.uint64))
    assert len(occurrences._runs) == 100
