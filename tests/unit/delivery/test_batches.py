import hashlib
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.delivery.batch import Batch
from statsig_export.delivery.batches import Batcher, batch_id, body, halve

TEXTS = st.text(alphabet="aé\U0001f600", max_size=12)
EVENTS = st.lists(TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False).encode()))


def texts(events: list[bytes]):
    return pa.array(events, pa.large_binary())


def cut(events: list[bytes], max_events: int, max_bytes: int) -> list[Batch]:
    batcher = Batcher("fivetran", max_events, max_bytes)
    return [*batcher.add(texts(events)), *batcher.close()]


@pytest.mark.fault("F24")
@given(EVENTS, st.integers(1, 5), st.integers(60, 120))
def test_batches_hold_every_event_once_in_order_and_stay_within_both_limits(
    events: list[bytes], max_events: int, max_bytes: int
):
    batches = cut(events, max_events, max_bytes)
    covered = [row for batch in batches for row in range(batch.first_row, batch.first_row + batch.rows)]

    assert covered == list(range(len(events)))
    for batch in batches:
        text = body(texts(events[batch.first_row : batch.first_row + batch.rows]))
        assert 1 <= batch.rows <= max_events
        assert batch.body_bytes == len(text) <= max_bytes
        assert batch.batch_id == batch_id("fivetran", text)


@pytest.mark.fault("F24")
@given(EVENTS, st.integers(1, 5), st.integers(60, 120), st.lists(st.integers(0, 10)))
def test_where_the_stream_is_cut_into_chunks_changes_no_batch(
    events: list[bytes], max_events: int, max_bytes: int, sizes: list[int]
):
    batcher = Batcher("fivetran", max_events, max_bytes)
    streamed = []
    rest = events
    for size in sizes:
        streamed += batcher.add(texts(rest[:size]))
        rest = rest[size:]
    streamed += [*batcher.add(texts(rest)), *batcher.close()]

    assert streamed == cut(events, max_events, max_bytes)


@pytest.mark.fault("F25")
def test_a_batch_takes_one_more_event_only_if_the_whole_body_fits_to_the_byte():
    events = [b'"ab"', b'"cd"']  # [ + 4 + , + 4 + ] = 11 bytes

    assert [batch.rows for batch in cut(events, 10, 11)] == [2]
    assert [batch.rows for batch in cut(events, 10, 10)] == [1, 1]


def test_an_event_that_no_body_may_hold_is_a_batch_of_its_own():
    assert [batch.rows for batch in cut([b"1", b'"too large"', b"2"], 10, 5)] == [1, 1, 1]


@pytest.mark.fault("F24")
def test_the_last_partial_batch_comes_once():
    batcher = Batcher("fivetran", 2, 1_000)

    assert [batch.rows for batch in batcher.add(texts([b"1", b"2", b"3"]))] == [2]
    assert [batch.rows for batch in batcher.close()] == [1]
    assert not list(batcher.close())


def test_no_events_make_no_batch():
    assert cut([], 10, 100) == []


@pytest.mark.fault("F27")
def test_a_batch_is_named_by_its_destination_and_its_bytes():
    # Spelled out, since ids that change between versions would let a receiver take a retry for a new batch.
    assert batch_id("fivetran", b'[{"a":1}]') == hashlib.sha256(b'fivetran\x00[{"a":1}]').hexdigest()
    assert batch_id("fivetran", b"[1]") != batch_id("other", b"[1]")


@given(st.lists(st.integers(0, 99).map(lambda n: b"%d" % n), min_size=2, max_size=30), st.integers(0, 1_000))
def test_halves_hold_the_same_events_and_neither_is_empty(events: list[bytes], first_row: int):
    left, right = halve("fivetran", first_row, texts(events))

    assert left.rows >= 1
    assert right.rows >= 1
    assert (left.first_row, right.first_row) == (first_row, first_row + left.rows)
    assert left.rows + right.rows == len(events)
    assert left.batch_id == batch_id("fivetran", body(texts(events[: left.rows])))
    assert right.body_bytes == len(body(texts(events[left.rows :])))
