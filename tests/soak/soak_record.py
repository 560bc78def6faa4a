"""What a soak saw."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median

from soak_watching import Sample, slope


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the ledger, the logs and Dagster's home, at a moment."""

    second: float
    batches: int
    """That are on record: not those that were pruned."""
    ledger_bytes: int
    oldest_pending_s: Mapping[str, float]
    """Destination -> how long ago its oldest pending batch was planned."""
    log_bytes: Mapping[str, int]
    dagster_bytes: int
    dagster_runs: int
    connections: int
    """Of clients to PostgreSQL."""
    metrics_ms: float | None
    """How long the metrics took to be scraped; None where nobody answered."""


@dataclass(frozen=True, slots=True)
class Restart:
    second: float
    part: str
    signal: str


@dataclass(frozen=True, slots=True)
class Pruned:
    second: float
    destination: str
    code: int
    batches: int


@dataclass(frozen=True, slots=True)
class End:
    """What there was once all was sent."""

    accounts: Mapping[str, Mapping[str, int]]
    """Destination -> its account by word."""
    balances: Mapping[str, bool]
    arrived: Mapping[str, int]
    """Destination -> different events in the table that its webhook wrote."""
    arrived_rows: Mapping[str, int]
    differences: Mapping[str, int]
    """Destination -> what verify found."""
    written: Mapping[str, int]
    ledger_rows: Mapping[str, int]
    left: int
    """Processes of the soak that were still there when it was over."""


@dataclass
class Record:
    seconds: float
    restarts: list[Restart] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)
    pruned: list[Pruned] = field(default_factory=list)
    end: End | None = None

    @property
    def ended(self) -> End:
        assert self.end is not None
        return self.end

    def second_half(self, part: str) -> list[Sample]:
        """Of the part's last process: nothing is restarted in the second half."""
        late = [sample for sample in self.samples if sample.part == part and sample.second > self.seconds / 2]
        return [sample for sample in late if sample.pid == late[-1].pid]

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(sample.part for sample in self.samples))

    def growth_mb(self, part: str) -> float:
        """How much the memory of a part grew over the last third, by the slope: it has warmed up by then."""
        found = [sample for sample in self.second_half(part) if sample.second > self.seconds * 2 / 3]
        hours = (found[-1].second - found[0].second) / 3_600
        return slope([sample.second for sample in found], [sample.memory_mb for sample in found]) * hours

    def more(self, part: str, of: Callable[[Sample], float]) -> float:
        """How much more of something a part has, as a rule, in the last quarter than in the one before."""
        found, edge = self.second_half(part), self.seconds * 3 / 4
        sooner, later = ([of(sample) for sample in found if (sample.second > edge) is late] for late in (False, True))
        return median(later) - median(sooner)

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1, default=str)
