"""The figures of a torture, and the one table that it prints."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from statsig_export.crashpoints import SHIPPING
from torture.audit import Findings

AT_RANDOM: Final = "at random"
_SHOWN: Final = 20


@dataclass(slots=True)
class Report:
    """What was done to the code, and what came of it."""

    seed: int
    findings: Findings = field(default_factory=Findings)
    kills_at: Counter[str] = field(default_factory=Counter)
    """By crash point; `at random` for the others."""
    exit_codes: Counter[int] = field(default_factory=Counter)
    events: int = 0
    """That had to arrive."""
    rows: int = 0
    requests: int = 0
    faulty: int = 0
    """Requests that the script did something to."""
    rivals: int = 0
    """Times that two shippers were at work at once."""
    losses: int = 0
    """Times that a partition file was gone for a while."""
    full_disks: int = 0
    """Times that the disk was full."""
    seconds: float = 0

    @property
    def kills(self) -> int:
        return self.kills_at.total()

    @property
    def clean(self) -> bool:
        return self.findings.clean

    def __str__(self) -> str:
        """Everything, a line each, and what does not hold in words."""
        return "\n".join([*map(": ".join, self.lines()), *self.findings.problems[:_SHOWN]])

    def lines(self) -> Iterator[tuple[str, str]]:
        """The table, line by line."""
        found = self.findings
        yield "seed", str(self.seed)
        yield "kills", f"{self.kills:,}"
        for point in (*SHIPPING, AT_RANDOM):
            yield f"  {point}", f"{self.kills_at[point]:,}"
        yield "rows / events to deliver", f"{self.rows:,} / {self.events:,}"
        yield "requests / with a fault", f"{self.requests:,} / {self.faulty:,}"
        yield "two shippers at once", f"{self.rivals:,}"
        yield "a file gone for a while", f"{self.losses:,}"
        yield "the disk full", f"{self.full_disks:,}"
        yield "lost", f"{found.lost:,}"
        yield "alien", f"{found.alien:,}"
        yield "stuck", f"{found.stuck:,}"
        yield "bound violations", f"{found.bound_violations:,}"
        yield "other problems", f"{len(found.problems):,}"
        yield "ambiguous attempts", f"{found.ambiguous:,}"
        yield "extra deliveries: requests / events", f"{found.extra_deliveries:,} / {found.extra_events:,}"
        yield "exit codes", ", ".join(f"{code}: {times:,}" for code, times in sorted(self.exit_codes.items()))
        yield "seconds", f"{self.seconds:.0f}"
