"""Which shard a row is in: one and only one, by what it is known by, whatever a chunk is."""

import hashlib

import numpy as np
import pytest
from canonical_frames import CUSTOM_EVENTS, canonical_frame, custom_event
from hypothesis import given, settings
from hypothesis import strategies as st

from statsig_export.arrow.columns import TEXT, array, column, frame_of, values_of
from statsig_export.events.buckets import buckets_of, rows_in
from statsig_export.events.content_ids import content_keys
from statsig_export.events.reshape import reshape, row_ids
from statsig_export.events.seen_ids import Occurrences
from statsig_export.events.shard_rows import rows_of_shard
from statsig_export.events.shards import BUCKETS, Shard
from statsig_export.layouts.known import LAYOUTS
from statsig_export.settings import MOST_SHARDS, SourceSettings

FORWARDED = LAYOUTS["warehouse_native"][1]
KNOWN = {  # of no version of anything: these never change
    "00000000-0000-0000-0000-000000000000": 0x9F,
    "an-id": 0x7A,
    "ÄPFEL": 0x16,
    "": 0xD4,
}


def all_shards(count: int) -> list[Shard]:
    return [Shard(number, count) for number in range(count)]


def events_of_users(users: list[str]):
    """A chunk of a table without a key."""
    columns = {rule.canonical: array([None] * len(users), TEXT) for rule in FORWARDED.columns}
    columns |= dict.fromkeys(("unreadable", "unreadable_reason"), array([None] * len(users), TEXT))
    columns["event_name"] = array(["click"] * len(users), TEXT)
    columns["unit userID"] = array(users, TEXT)
    return frame_of(columns)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, MOST_SHARDS])
def test_every_bucket_is_in_one_shard_and_no_shard_is_empty(count: int):
    buckets = [bucket for shard in all_shards(count) for bucket in shard.buckets]

    assert buckets == list(range(BUCKETS))
    assert all(len(shard.buckets) >= BUCKETS // count for shard in all_shards(count))


def test_the_bucket_of_an_id_is_the_first_byte_of_its_md5_for_ever():
    assert values_of(array(buckets_of(array([*KNOWN, None], TEXT)))) == [*KNOWN.values(), 0]
    assert KNOWN["an-id"] == hashlib.md5(b"an-id").digest()[0]  # noqa: S324  no secret


@pytest.mark.fault("F570")
@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a", "A", "ab-CD", "AB-cd", "x" * 40, "ß", "İ"]), min_size=1), st.integers(1, 64))
def test_an_id_is_in_one_shard_in_whatever_case_a_uuid_is_written(ids: list[str], count: int):
    held = [rows_in(shard, array(ids, TEXT)) for shard in all_shards(count)]

    assert np.array(held).sum(axis=0).tolist() == [1] * len(ids)
    place = {text: int(np.argmax([mask[at] for mask in held])) for at, text in enumerate(ids)}
    assert all(
        place[one] == place[other] for one in ids for other in ids if one.encode().lower() == other.encode().lower()
    )


@pytest.mark.fault("F570")
@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(-3, 2**61), st.sampled_from([None, "", "own-1", "own-2", "OWN-1"])),
        min_size=1,
        max_size=20,
    ),
    st.integers(2, 9),
)
def test_the_shards_of_a_chunk_have_the_ids_that_reshape_gives_and_each_row_once(rows, count: int):
    frame = canonical_frame([custom_event(row_key=key, time_uuid=own) for key, own in rows])
    whole = reshape(frame, CUSTOM_EVENTS, SourceSettings())
    ids = values_of(column(whole.events, "time_uuid", TEXT))

    found: list[str] = []
    for shard in all_shards(count):
        part, keys = rows_of_shard(frame, CUSTOM_EVENTS, "", None, shard)
        assert keys is None
        if len(part):
            mine = values_of(column(reshape(part, CUSTOM_EVENTS, SourceSettings()).events, "time_uuid", TEXT))
            assert rows_in(shard, array(mine, TEXT)).all()
            found += mine

    assert values_of(row_ids(frame, CUSTOM_EVENTS, "")) == ids
    assert sorted(found) == sorted(ids)


@pytest.mark.fault("F570")
@settings(max_examples=40)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), st.integers(2, 9), st.booleans())
def test_rows_of_one_content_share_a_shard_and_are_told_apart_as_ever(users: list[str], count: int, repeats):
    def seen() -> Occurrences | None:
        return None if repeats else Occurrences()

    whole = values_of(content_keys(events_of_users(users), FORWARDED, "", seen()))

    found: list[str] = []
    for shard in all_shards(count):
        counted = seen()
        for at in range(0, len(users), 7):  # in chunks
            _, keys = rows_of_shard(events_of_users(users[at : at + 7]), FORWARDED, "", counted, shard)
            found += values_of(keys)

    assert sorted(found) == sorted(whole)
