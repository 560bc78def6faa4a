"""The requests of a destination in sums: by outcome all that there ever were, by status and latency the recent ones.

Pruning keeps how many attempts had which outcome, but neither their status nor their latency.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Select, case, func, or_, select

from statsig_export.delivery.rules import Outcome
from statsig_export.ledger.tables import attempts, ship_runs

LATENCY_BOUNDS_MS: Final = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
"""The upper bounds of the histogram's buckets; another has the rest."""


@dataclass(slots=True)
class RequestFigures:
    """Times are milliseconds since the epoch."""

    by_outcome: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    accepted_ms: int | None = None
    """When the last request ended that was accepted."""
    recent: Counter[int] = field(default_factory=Counter)
    """First digit of the status, 0 where there was no answer -> recent requests."""
    within: list[int] = field(default_factory=lambda: [0] * len(LATENCY_BOUNDS_MS))
    """Recent requests that took no longer than each of the bounds."""
    timed: int = 0
    """Recent requests whose latency is on record."""
    latency_ms: float = 0
    """Theirs, summed up."""


def request_figures(connection: Connection, destination: str, recent_ms: int) -> RequestFigures:
    """Of what was not pruned; `recent_ms`: requests that began since then are recent."""
    found = RequestFigures()
    columns = attempts.c
    accepted = columns.outcome == Outcome.ACCEPTED.value
    # Most are: a database would sort them all to count them by outcome.
    sent = select(func.count(), func.max(columns.finished_ms)).where(accepted)
    others = select(columns.outcome, func.count()).where(or_(~accepted, columns.outcome.is_(None)))
    requests, found.accepted_ms = connection.execute(_of(sent, destination)).one()
    found.by_outcome[Outcome.ACCEPTED.value] = requests
    for outcome, requests in connection.execute(_of(others, destination).group_by(columns.outcome)):
        if outcome is None:
            found.in_flight = requests
        else:
            found.by_outcome[outcome] = requests
    within = [func.sum(case((columns.latency_ms <= bound, 1), else_=0)) for bound in LATENCY_BOUNDS_MS]
    recent = (
        select(columns.status, func.count(), func.count(columns.latency_ms), func.sum(columns.latency_ms), *within)
        .where(columns.started_ms >= recent_ms, columns.outcome.is_not(None))
        .group_by(columns.status)
    )
    for status, requests, timed, latency_ms, *at_most in connection.execute(_of(recent, destination)):
        found.recent[(status or 0) // 100] += requests
        found.timed += timed
        found.latency_ms += latency_ms or 0
        found.within = [one + int(more) for one, more in zip(found.within, at_most, strict=True)]
    return found


def _of(what: "Select[*tuple[Any, ...]]", destination: str) -> "Select[*tuple[Any, ...]]":
    """By its run, not by its batch: there are far fewer runs."""
    return what.join(ship_runs, ship_runs.c.id == attempts.c.ship_run).where(ship_runs.c.destination == destination)
