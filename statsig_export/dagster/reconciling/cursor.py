"""Where the sensor stands in the ledger, as the text that Dagster keeps for it. Pure."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from statsig_export.ledger.changes import Mark

OVERLAP_MS = 10 * 60 * 1000
"""What finished less than so long before the newest run is looked at once more: transactions end in another order than
they begin, and the clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Place:
    """Of all that finished by then, Dagster shows everything, but for what the cursor waits for."""

    mark: Mark | None = None
    """The ledger's, then."""
    until_ms: int = 0
    runs: int = 0
    """That had finished by `until_ms`. Another number now: some were recorded late, or the ledger is another copy."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A walk over the partitions that have changed, which may take several ticks."""

    since_ms: int
    """0: over all."""
    runs: tuple[str, ...]
    """Runs of Dagster that ended lately: what they did is looked at, however long ago they did it."""
    then: Place
    """Where the cursor stands once it is through."""
    after: int = 0
    """The id of the last partition that was compared."""


@dataclass(frozen=True, slots=True)
class Cursor:
    of: str
    """Whose it is: another ledger, destination or start of the windows begins anew."""
    place: Place = Place()
    waits_for: tuple[str, ...] = ()
    """Runs of Dagster that were under way and will report for themselves."""
    walk: Pass | None = None
    """None: idle."""

    @classmethod
    def read(cls, text: str | None, of: str) -> Self:
        """A new one for what cannot be read, or is of another ledger."""
        try:
            found = json.loads(text or "null")
            cursor = cls(
                of=found["of"],
                place=_place(found["place"]),
                waits_for=tuple(map(str, found["waits_for"])),
                walk=None if found["walk"] is None else _pass(found["walk"]),
            )
        except (KeyError, TypeError, ValueError):
            return cls(of)
        return cursor if cursor.of == of else cls(of)

    def written(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def begun(self, since_ms: int, ended: Collection[str], then: Place) -> Self:
        """A new pass, which looks at what the runs did that have `ended`, and waits for them no longer."""
        left = tuple(run for run in self.waits_for if run not in ended)
        return replace(self, waits_for=left, walk=Pass(since_ms, tuple(ended), then))

    def gone_on(self, after: int, waits_for: Collection[str] = ()) -> Self:
        """The pass has come to this partition."""
        assert self.walk is not None  # noqa: S101 - only a pass goes on
        waits = tuple(dict.fromkeys((*self.waits_for, *sorted(waits_for))))
        return replace(self, waits_for=waits, walk=replace(self.walk, after=after))

    def done(self) -> Self:
        """The pass is through."""
        return self if self.walk is None else replace(self, place=self.walk.then, walk=None)


def _place(found: Any) -> Place:  # noqa: ANN401 - JSON
    mark = None if found["mark"] is None else Mark(*map(int, found["mark"]))
    return Place(mark, int(found["until_ms"]), int(found["runs"]))


def _pass(found: Any) -> Pass:  # noqa: ANN401 - JSON
    runs = tuple(map(str, found["runs"]))
    return Pass(int(found["since_ms"]), runs, _place(found["then"]), int(found["after"]))
