"""What the ledger ought to tell, in plain dicts: no SQL, no table of transitions, no fold, no cutting by bytes.

Also the other side: what it got, and how often it may have got it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from statsig_export.vocabulary import Category

MAX_EVENTS = 4
GIVE_UP_AFTER_MS, GIVE_UP_ATTEMPTS = 100_000, 3
FURTHEST_MS = round(24 * 3_600_000 * 1.2)
"""What is due later than this from now was planned by a wrong clock, and is due now."""
WAITING, PENDING = {"planned", "deferred"}, {"planned", "deferred", "sending"}
AMBIGUOUS = {"unknown", "unavailable"}
BAD = "bad"
"""The kind of a row that fails."""

Row = tuple[str, str]
"""A source row: its id and its kind."""


@dataclass
class ModelBatch:
    category: Category
    generation: int
    first: int
    ids: list[str]
    planned: int
    due: int
    origin: int | None = None
    state: str = "planned"
    outcomes: list[str | None] = field(default_factory=list)
    throttled: bool = False

    @property
    def place(self) -> tuple[Category, int, int, int | None]:
        return self.category, self.generation, self.first, self.origin

    @property
    def stands(self) -> bool:
        """Whether it is the one that its events are counted in."""
        return self.state != "split" and self.origin is None

    def waits(self, now: int) -> bool:
        return self.state in WAITING and self.due_at(now) <= now

    def due_at(self, now: int) -> int:
        return now if self.due > now + FURTHEST_MS else self.due

    def age(self, now: int) -> int:
        """Of one that was planned in the future: what its attempts took at least, 0, 24, 48, 48 ... seconds each."""
        tries = len(self.outcomes)
        return now - self.planned if self.planned <= now else 1_000 * sum(([0, 24] + [48] * tries)[: tries - 1])


class LedgerModel:
    def __init__(self) -> None:
        self.batches: dict[int, ModelBatch] = {}
        """By their ids in the ledger."""
        self.planned: dict[Category, list[str]] = {}
        self.gone: set[str] = set()
        """Rows of people who are forgotten."""
        self.forgotten: Counter[Category] = Counter()
        """As the latest export saw them, and what was taken out since."""
        self.left_out: dict[Category, Counter[str]] = {}
        """Kind -> rows, as the latest export saw them."""
        self.generations: Counter[Category] = Counter()
        self.received: Counter[str] = Counter()
        self.destination: tuple[str | None, str | None, int, int | None] = (None, None, 0, None)
        """Halted for what, the set-up or the statuses that are believed, openings of the breaker, held until."""
        self.bound: Counter[str] = Counter()
        """How often each event may arrive: once for its plan and each replay, and for each attempt of unknown fate."""

    def export(self, category: Category, source: Sequence[Row], allowed: set[str], now: int) -> list[ModelBatch]:
        before = self.planned.setdefault(category, [])
        unknown = [(key, kind) for key, kind in source if key not in before]
        rows = [(key, kind) for key, kind in unknown if key not in self.gone]
        self.forgotten[category] = len(unknown) - len(rows)
        new = [key for key, kind in rows if kind in allowed]
        self.left_out[category] = Counter(kind for _, kind in rows if kind not in allowed)
        self.planned[category] = before + new
        self.generations[category] += bool(new)
        self.bound.update(new)
        number = self.generations[category]
        return [
            ModelBatch(category, number, at, new[at : at + MAX_EVENTS], now, now)
            for at in range(0, len(new), MAX_EVENTS)
        ]

    def claim(self, key: int) -> int:
        """The number of the attempt."""
        batch = self.batches[key]
        batch.state = "sending"
        batch.outcomes.append(None)
        return len(batch.outcomes)

    def answer(self, key: int, outcome: str, now: int, due: int, *, believed: bool = True) -> list[ModelBatch]:
        """The halves that take the batch's place, where it was split."""
        batch = self.batches[key]
        batch.outcomes[-1] = outcome
        batch.throttled |= outcome == "throttled"
        hopeless = batch.age(now) > GIVE_UP_AFTER_MS and len(batch.outcomes) >= GIVE_UP_ATTEMPTS
        if outcome == "accepted":
            batch.state = "delivered"
        elif outcome in {"too_large", "rejected"} and len(batch.ids) > 1:
            batch.state = "split"
            return self._halves(batch, now)
        elif (outcome in {"too_large", "rejected"} and believed) or (outcome in AMBIGUOUS and hopeless):
            batch.state = "failed"
        else:
            batch.state, batch.due = "deferred", due
        return []

    def cut(self, key: int, now: int) -> list[ModelBatch]:
        """The halves of a batch that is over limits that were lowered."""
        self.batches[key].state = "split"
        return self._halves(self.batches[key], now)

    def arrive(self, key: int, outcome: str, *, processed: bool) -> None:
        """What the other side had of an attempt; `processed` is for it alone to know where the outcome does not say."""
        ids = self.batches[key].ids
        if outcome == "accepted" or (outcome in AMBIGUOUS and processed):
            self.received.update(ids)
        if outcome in AMBIGUOUS:
            self.bound.update(ids)

    def recover(self, category: Category, now: int) -> int:
        lost = [batch for batch in self.of(category) if batch.state == "sending"]
        for batch in lost:
            batch.outcomes[-1] = "unknown"
            batch.state, batch.due = "deferred", now
        return len(lost)

    def take_up_failed(self, category: Category, now: int) -> int:
        failed = [batch for batch in self.of(category) if batch.state == "failed" and batch.origin is None]
        for batch in failed:
            batch.state, batch.planned, batch.due = "planned", now, now
        return sum(len(batch.ids) for batch in failed)

    def replay(self, category: Category, now: int) -> list[ModelBatch]:
        under_way = {batch.origin for batch in self.of(category) if batch.state in PENDING}
        chosen = [
            ModelBatch(category, batch.generation, batch.first, batch.ids, now, now, origin=key)
            for key, batch in self.batches.items()
            if batch.category == category and batch.state == "delivered" and batch.origin is None
            if key not in under_way
        ]
        for batch in chosen:
            self.bound.update(batch.ids)
        return chosen

    def forget(self, category: Category, keys: set[str]) -> None:
        """Every row moves up by those that went before it."""
        self.gone |= keys
        mine = self.of(category)
        rows = {(b.generation, b.first + at) for b in mine for at, key in enumerate(b.ids) if key in keys}
        for batch in mine:
            batch.first -= sum(generation == batch.generation and row < batch.first for generation, row in rows)
            batch.ids = [key for key in batch.ids if key not in keys]
            if not batch.ids and batch.state != "split":
                batch.state = "forgotten"
        planned = self.planned[category]
        self.planned[category] = [key for key in planned if key not in keys]
        self.forgotten[category] += len(planned) - len(self.planned[category])

    def of(self, *categories: Category) -> list[ModelBatch]:
        return [batch for batch in self.batches.values() if batch.category in categories]

    def waiting(self, now: int) -> list[ModelBatch]:
        return [batch for batch in self.batches.values() if batch.waits(now)]

    def due(self, now: int) -> dict[Category, tuple[int, int]]:
        """Batches and events that a ship run would find."""
        found: dict[Category, tuple[int, int]] = {}
        for batch in self.batches.values():
            if batch.state == "sending" or batch.waits(now):
                count, events = found.get(batch.category, (0, 0))
                found[batch.category] = (count + 1, events + len(batch.ids))
        return found

    def account(self, category: Category) -> dict[str, int]:
        mine = [batch for batch in self.of(category) if batch.stands]
        left_out = self.left_out[category]
        return {
            "events": len(self.planned[category]) + left_out.total() + self.forgotten[category],
            "forgotten": self.forgotten[category],
            "forwarded": _events(batch for batch in mine if batch.state == "delivered"),
            "filtered": left_out.total() - left_out[BAD],
            "failed": _events(batch for batch in mine if batch.state == "failed") + left_out[BAD],
            "pending": _events(batch for batch in mine if batch.state in PENDING),
            "rate_limited": _events(batch for batch in mine if batch.throttled),
        }

    def _halves(self, batch: ModelBatch, now: int) -> list[ModelBatch]:
        middle = len(batch.ids) // 2
        return [
            ModelBatch(batch.category, batch.generation, batch.first + at, ids, now, now, batch.origin)
            for at, ids in ((0, batch.ids[:middle]), (middle, batch.ids[middle:]))
        ]


def _events(batches: Iterable[ModelBatch]) -> int:
    return sum(len(batch.ids) for batch in batches)
