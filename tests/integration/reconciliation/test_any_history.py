"""For any sequence of deliveries, syncs, losses and repeats, read from a real table and compared in buckets on disk,
the counts equal a plain set computation.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from home import Home
from hypothesis import given, settings
from hypothesis import strategies as st
from landing import Landing, as_read, landing_in
from sent_home import points_at

from statsig_export.delivery.rules import State
from statsig_export.ledger.arrivals import SentBatch
from statsig_export.reconciliation.buckets import BUCKETS, Buckets, temporary_folder
from statsig_export.reconciliation.comparison import LANDED, SENT, Comparison
from statsig_export.reconciliation.id_hashes import id_hashes
from statsig_export.reconciliation.landed import LandedTable
from statsig_export.reconciliation.segments import segments

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BATCH = 4
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.sampled_from(["accepted", "unknown", "lost"])),
        st.tuples(st.just("replay"), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 39)),
        st.tuples(st.just("double"), st.integers(0, 39)),
        st.tuples(st.just("foreign"), st.integers(100, 102)),
        st.tuples(st.just("sync"), st.none()),
    ),
    max_size=30,
)


def name(number: int) -> str:
    """An id: most are UUIDs."""
    return f"Event-{number}" if number % 5 == 0 else str(UUID(int=number))


@dataclass
class History:
    """The same story as a ledger and as sets."""

    landing: Landing
    batches: list[SentBatch] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    """Numbers of the batches that are no replays; batch k holds the ids from k * BATCH on."""
    accepted: set[int] = field(default_factory=set)
    replayed: set[int] = field(default_factory=set)
    queued: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)

    def step(self, kind: str, value) -> None:
        if kind == "deliver" and len(self.own) < 10:
            self._deliver(value)
        elif kind == "replay" and value in self.accepted:
            self.replayed.add(value)
            self._batch(value, replay_of=self.own[value])
            self._take(value)
        elif kind == "remove":
            self.landing.remove([name(value)])
            del self.there[name(value)]
        elif kind in {"double", "foreign"}:
            self.landing.land([{"timeUUID": name(value)}])
            self.there.update([name(value)])
            self._landed()
        elif kind == "sync":
            self.landing.table.sync()
            self._landed()

    def _landed(self) -> None:
        self.there.update(self.queued)
        self.queued.clear()

    def _deliver(self, how: str) -> None:
        number = len(self.own)
        self.own.append(len(self.batches) + 1)
        self._batch(number, replay_of=None, doubtful=how == "unknown")
        self.accepted.add(number)
        if how != "lost":  # Fivetran said 2xx, and that was all
            self._take(number)
        if how == "unknown":
            self._take(number)

    def _batch(self, number: int, *, replay_of: int | None, doubtful: bool = False) -> None:
        one = len(self.batches) + 1
        self.batches.append(
            SentBatch(
                id=one,
                partition=1,
                generation=1,
                first_row=number * BATCH,
                rows=BATCH,
                state=State.DELIVERED,
                parent=None,
                replay_of=replay_of,
                accepted=True,
                doubtful=doubtful,
                began_ms=0,
                ended_ms=0,
            )
        )

    def _take(self, number: int) -> None:
        ids = [name(number * BATCH + row) for row in range(BATCH)]
        self.landing.table.append([as_read({"timeUUID": one}) for one in ids])
        self.queued.update(ids)

    def expected(self) -> Counter[str]:
        ours = [(name(n * BATCH + row), n) for n in range(len(self.own)) for row in range(BATCH)]
        counts = Counter({"arrived": sum(self.there[one] > 0 for one, _ in ours)})
        counts["missing"] = len(ours) - counts["arrived"]
        counts["alien"] = self.there.total() - sum(self.there[one] for one, _ in ours)
        doubtful = {batch.first_row // BATCH for batch in self.batches if batch.doubtful}
        for one, number in ours:
            cause = "replay" if number in self.replayed else "unknown" if number in doubtful else "other"
            counts[f"repeated_{cause}"] += self.there[one] > 1
        return +counts


@pytest.mark.fault("F390")
@settings(max_examples=25)
@given(STEPS, st.sampled_from(["packed", "unpacked"]))
def test_the_counts_of_a_real_table_are_those_of_sets_of_ids(steps: list[tuple[str, object]], mode: str):
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        landing = landing_in(home.folder, "sqlite", mode)
        points_at(home, landing)
        history = History(landing)
        for kind, value in steps:
            history.step(kind, value)

        assert found(home, history) == history.expected()


def found(home: Home, history: History) -> Counter[str]:
    known = list(segments(history.batches))
    sent = np.zeros(sum(one.rows for one in known), SENT)
    ids = [name(one.first_row + row) for one in known for row in range(one.rows)]
    sent["first"], sent["second"] = id_hashes(pa.array(ids, pa.large_string()))
    sent["segment"] = np.repeat(np.arange(len(known)), [one.rows for one in known])
    comparison = Comparison(known, overdue_ms=1)
    with temporary_folder() as folder, LandedTable(home.config) as table:
        ours, theirs = Buckets(folder, "sent", SENT), Buckets(folder, "landed", LANDED)
        ours.add(sent)
        for records in table.read(NOW):
            theirs.add(records)
        for number in range(BUCKETS):
            comparison.add(ours.read(number), theirs.read(number))
    counts = Counter({"alien": comparison.alien})
    for batch in comparison.by_batch():
        counts.update({name: getattr(batch, name) for name in batch.__slots__ if name not in {"batch", "landed_ms"}})
    return +counts
