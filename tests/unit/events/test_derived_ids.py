import uuid

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array, values_of
from statsig_export.events.derived_ids import LARGEST_KEY, are_integers, derived_ids
from statsig_export.layouts.identity_names import identity_of, salt_of

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


@pytest.mark.fault("F120")
@given(st.lists(KEYS, max_size=20))
def test_an_integer_has_one_id_whatever_type_its_column_has(keys: list[int]):
    texts = array([str(key) for key in keys], TEXT)

    assert ids(list(map(str, keys))) == ids(keys)
    assert are_integers(texts)
    assert values_of(derived_ids(texts, "", "exposures", as_text=True)) == values_of(
        derived_ids(array(keys, pa.int64()), "", "exposures", as_text=True)
    )


def test_a_text_that_only_looks_like_an_integer_is_another_key():
    texts = ["7", "07", "+7", "7.0", " 7", "7\n", "-0", "\u0667", "", str(10**30)]

    assert len({*ids(texts)}) == len(texts)
    assert [are_integers(array([text], TEXT)) for text in texts] == [True, *[False] * 8, True]
    assert ids(["7", "a"]) == [*ids([7]), *ids(["a"])]


@given(st.text(max_size=8), st.text(max_size=8))
def test_an_identity_as_text_stands_for_its_names_whatever_is_in_them(source: str, table: str):
    assert salt_of(identity_of((source, table)), "") == (source, table)
    assert salt_of(identity_of((source, table), "eu"), "eu") == (source, table)
