"""For any sequence of deliveries, losses and repeats the counts equal a plain set computation."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.delivery.rules import State
from statsig_export.events.seen_ids import hashes
from statsig_export.ledger.arrivals import SentBatch
from statsig_export.reconciliation.comparison import KNOWN, LANDED, NO_TIME, SENT, Comparison
from statsig_export.reconciliation.segments import Segment, segments

NOW, GRACE = 1_000, 100
IDS = st.integers(0, 30).map("id-{}".format)


@dataclass
class Sent:
    """A batch of the plain computation: ids, what its attempts say, and the rows that replays sent again."""

    ids: list[str]
    accepted: bool
    doubtful: bool
    ended: int
    replays: list[tuple[int, int, int]]
    """First row, rows and end time of each accepted replay."""


@st.composite
def sent_batches(draw: st.DrawFn) -> list[Sent]:
    batches = []
    for _ in range(draw(st.integers(0, 6))):
        ids = draw(st.lists(IDS, min_size=1, max_size=6))
        accepted = draw(st.booleans())
        replays = []
        for _ in range(draw(st.integers(0, 2)) if accepted else 0):
            first = draw(st.integers(0, len(ids) - 1))
            replays.append((first, draw(st.integers(1, len(ids) - first)), draw(st.integers(0, NOW))))
        batches.append(Sent(ids, accepted, draw(st.booleans()), draw(st.integers(0, NOW)), replays))
    return batches


def in_the_ledger(batches: list[Sent]) -> list[SentBatch]:
    rows, number, first_row = [], 0, 0
    for one in batches:
        number += 1
        own, begin = number, first_row
        state = State.DELIVERED if one.accepted else State.DEFERRED
        began = one.ended if one.accepted or one.doubtful else 0
        rows.append(
            SentBatch(own, 1, 1, begin, len(one.ids), state, None, None, one.accepted, one.doubtful, began, began)
        )
        for first, count, ended in one.replays:
            number += 1
            again = (number, 1, 1, begin + first, count, State.DELIVERED, None, own, True, False, ended, ended)
            rows.append(SentBatch(*again))
        first_row += len(one.ids)
    return rows


def records(ids: list[str], kind: np.dtype) -> np.ndarray:
    made = np.zeros(len(ids), kind)
    made["first"], made["second"] = hashes(pa.array(ids, pa.large_string()))
    return made


def expected(batches: list[Sent], landed: list[str]) -> Counter[str]:
    there, shared = (
        Counter(landed),
        Counter(one for batch in batches if batch.accepted or batch.doubtful for one in batch.ids),
    )
    counts: Counter[str] = Counter()
    late = {
        one
        for batch in batches
        if batch.accepted or batch.doubtful
        for row, one in enumerate(batch.ids)
        if max([batch.ended, *(end for first, rows, end in batch.replays if first <= row < first + rows)]) > NOW - GRACE
    }
    for batch in batches:
        for row, one in enumerate(batch.ids):
            again = [ended for first, count, ended in batch.replays if first <= row < first + count]
            if not batch.accepted:
                counts["unconfirmed"] += bool(batch.doubtful and there[one])
            elif there[one]:
                counts["arrived"] += 1
                cause = "replay" if again else "unknown" if batch.doubtful else "other"
                counts[f"repeated_{cause}"] += there[one] > shared[one]
            else:
                counts["not_yet" if one in late else "missing"] += 1
    counts["alien"] = sum(count for one, count in there.items() if one not in shared)
    return +counts


@pytest.mark.fault("F390")
@given(sent_batches(), st.lists(IDS, max_size=60))
def test_the_counts_are_those_of_a_plain_set_computation(batches: list[Sent], landed: list[str]):
    known = list(segments(in_the_ledger(batches)))
    ids = [one for batch in batches for one in batch.ids]
    rows = records(
        [one for segment in known for one in ids[segment.first_row : segment.first_row + segment.rows]], SENT
    )
    rows["segment"] = np.repeat(np.arange(len(known)), [segment.rows for segment in known])
    comparison = Comparison(known, NOW - GRACE, keep_missing=True)

    comparison.add(rows, records(landed, LANDED))

    found = Counter({"alien": comparison.alien})
    for batch in comparison.by_batch():
        found.update({name: getattr(batch, name) for name in batch.__slots__ if name not in {"batch", "landed_ms"}})
    assert +found == expected(batches, landed)


def segment(**changes: object) -> Segment:
    facts = {"batch": 1, "partition": 1, "generation": 1, "first_row": 10, "rows": 4, "forwarded": True}
    return Segment(**{**facts, "sent_ms": 0, "ended_ms": 0, "replayed": False, "doubtful": False, **changes})


def test_what_is_missing_is_told_by_the_row_of_its_file():
    comparison = Comparison([segment()], NOW, keep_missing=True)
    rows = records(["a", "b", "c", "d"], SENT)
    rows["row"] = range(4)

    comparison.add(rows, records(["b"], LANDED))

    assert {number: list(missing) for number, missing in comparison.missing_rows([0]).items()} == {0: [10, 12, 13]}


@pytest.mark.fault("F406")
def test_an_id_that_another_batch_has_just_sent_is_not_yet_there_for_both():
    both = [segment(rows=1), segment(batch=2, first_row=20, rows=1, ended_ms=NOW + 1)]
    comparison = Comparison(both, NOW, keep_missing=True)
    rows = records(["a", "a"], SENT)
    rows["segment"] = [0, 1]

    comparison.add(rows, records([], LANDED))

    assert [(one.missing, one.not_yet) for one in comparison.by_batch()] == [(0, 1), (0, 1)]
    assert comparison.missing_in() == set(), "a replay would send what is on its way"


@pytest.mark.fault("F397")
def test_an_id_that_two_batches_sent_is_missing_in_both_and_sent_again_by_one():
    comparison = Comparison([segment(rows=1), segment(batch=2, first_row=20, rows=1)], NOW, keep_missing=True)
    rows = records(["a", "a"], SENT)
    rows["segment"] = [0, 1]

    comparison.add(rows, records([], LANDED))

    assert [one.missing for one in comparison.by_batch()] == [1, 1]
    assert comparison.missing_in() == {0, 1}
    assert [sum(map(len, comparison.missing_rows(of).values())) for of in ([0, 1], [1], [])] == [1, 1, 0]


def test_an_id_of_ours_that_is_not_compared_is_not_alien():
    comparison = Comparison([], NOW)
    known = records(["a"], SENT)
    known["segment"] = KNOWN

    comparison.add(known, records(["a", "a", "b"], LANDED))

    assert comparison.alien == 1


def test_a_batch_has_landed_when_the_last_of_its_events_was_first_there():
    comparison = Comparison([segment()], NOW)
    landed = records(["a", "a", "b"], LANDED)
    landed["synced"] = [5, 900, 7]

    comparison.add(records(["a", "b"], SENT), landed)

    assert [batch.landed_ms for batch in comparison.by_batch()] == [7]
    assert Comparison([segment()], NOW).by_batch()[0].landed_ms is None
    assert NO_TIME < 0


def test_halves_of_a_split_batch_inherit_what_is_said_of_the_whole():
    row = {"partition": 1, "generation": 1, "replay_of": None, "accepted": False, "doubtful": False}
    whole = {**row, "id": 1, "first_row": 0, "rows": 4, "state": State.SPLIT, "parent": None, "doubtful": True}
    half = {**row, "rows": 2, "parent": 1}
    found = segments(
        [
            SentBatch(**whole, began_ms=3, ended_ms=5),
            SentBatch(**{**half, "accepted": True}, id=2, first_row=0, state=State.DELIVERED, began_ms=8, ended_ms=9),
            SentBatch(**half, id=3, first_row=2, state=State.PLANNED, began_ms=0, ended_ms=0),
        ]
    )

    assert [(one.batch, one.forwarded, one.doubtful, one.sent_ms, one.ended_ms) for one in found] == [
        (2, True, True, 3, 9),
        (3, False, True, 3, 5),
    ]
