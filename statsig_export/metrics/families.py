"""The metrics by name, unit and labels, as Prometheus wants them. Pure.

A label is one of a few words: a destination, a category, a state, an outcome, the class of a status. No window and no
user, so there are as many series after years as on the first day. All series are there from the start, with zeros:
what appears only once it happens, `increase` does not see. Every series names the destination: the files of two
destinations go into one folder of node_exporter.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from statsig_export.delivery.rules import Outcome, State
from statsig_export.ledger.figures import PRUNED, CategoryFigures
from statsig_export.ledger.request_figures import LATENCY_BOUNDS_MS
from statsig_export.metrics.halts import HaltReason
from statsig_export.metrics.observed import Observed
from statsig_export.vocabulary import Category

PREFIX: Final = "statsig_export_"
STATUS_CLASSES: Final = {0: "none", 1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}
_UP_TO_NOW: Final = "Pruning and forgetting keep them: this never falls"
Labels = TypeVar("Labels", bound=tuple[str, ...])


def families(destination: str, seen: Observed) -> Iterator[Metric]:
    """All metrics of a ledger that could be read."""
    named = _Named(destination)
    yield from _events(named, {str(one): seen.figures.categories[one] for one in Category})
    yield from _batches(named, seen)
    yield from _requests(named, seen)
    yield from _standing(named, seen)
    yield from _windows(named, seen)
    if seen.compares:
        yield from _arrivals(named, seen)


class _Named:
    """Makes metrics, each with the label of the destination before its own."""

    def __init__(self, destination: str) -> None:
        self._destination = destination

    def gauge(self, name: str, says: str, values: float | Mapping[Labels, float], *labels: str) -> Metric:
        return self._filled(GaugeMetricFamily(PREFIX + name, says, labels=["destination", *labels]), values)

    def counter(self, name: str, says: str, values: float | Mapping[Labels, float], *labels: str) -> Metric:
        return self._filled(CounterMetricFamily(PREFIX + name, says, labels=["destination", *labels]), values)

    def histogram(self, name: str, says: str, buckets: list[tuple[str, float]], total: float) -> Metric:
        family = HistogramMetricFamily(PREFIX + name, says, labels=["destination"])
        family.add_metric([self._destination], buckets, sum_value=total)
        return family

    def _filled(
        self, family: GaugeMetricFamily | CounterMetricFamily, values: float | Mapping[Labels, float]
    ) -> Metric:
        if not isinstance(values, Mapping):
            family.add_metric([self._destination], values)
            return family
        for labels, value in values.items():
            family.add_metric([self._destination, *labels], value)
        return family


def _events(named: _Named, by: Mapping[str, CategoryFigures]) -> Iterator[Metric]:
    states = ("forwarded", "filtered", "failed", "pending", "forgotten")
    account = {(name, state): getattr(one, state) for name, one in by.items() for state in states}
    says = "Events by what became of them; filtered and failed as the latest exports saw them."
    yield named.gauge("events", says, account, "category", "state")
    for name, says, values in (
        (
            "planned_events",
            f"Events laid down to be sent. {_UP_TO_NOW}.",
            {n: one.planned + one.taken_out.planned for n, one in by.items()},
        ),
        (
            "forwarded_events",
            f"Events that a 2xx answered. {_UP_TO_NOW}.",
            {n: one.forwarded + one.taken_out.forwarded for n, one in by.items()},
        ),
        (
            "late_events",
            f"Events added to a window that was exported before: late rows, or a wider filter. {_UP_TO_NOW}.",
            {n: one.late + one.taken_out.late for n, one in by.items()},
        ),
    ):
        yield named.counter(name, says, {(category,): value for category, value in values.items()}, "category")
    limited = {(name,): one.rate_limited for name, one in by.items()}
    says = "Events whose request met a rate limit at least once. Falls where a batch is split."
    yield named.gauge("rate_limited_events", says, limited, "category")
    replays = {(name,): one.replay_pending for name, one in by.items()}
    yield named.gauge("replay_pending_events", "Forwarded events that a replay is still to send.", replays, "category")


def _batches(named: _Named, seen: Observed) -> Iterator[Metric]:
    found = seen.figures
    states = {(state,): found.batches[state] for state in (*State, PRUNED)}
    yield named.gauge("batches", "Batches by state; pruned: no more is on record of them.", states, "state")
    tried = {(outcome,): found.pending_batches[outcome] for outcome in Outcome}
    says = "Batches to be sent again, by the outcome of their last attempt."
    yield named.gauge("pending_batches", says, tried, "outcome")
    says = "Size of the bodies still to be sent, before compression."
    yield named.gauge("pending_bytes", says, found.pending_bytes)
    says = "How long the batch that has waited longest could have been sent. 0: nothing is due."
    yield named.gauge("oldest_due_age_seconds", says, _age(seen, found.due_since_ms))
    says = "How long ago the oldest batch was planned that is not sent. 0: nothing is pending."
    yield named.gauge("oldest_pending_age_seconds", says, _age(seen, found.pending_since_ms))
    says = "From what age of the oldest due batch on it is too long: [checks] overdue_after."
    yield named.gauge("overdue_after_seconds", says, seen.overdue_after)


def _requests(named: _Named, seen: Observed) -> Iterator[Metric]:
    found = seen.figures.requests
    outcomes = {(outcome,): found.by_outcome[outcome] for outcome in Outcome}
    yield named.counter("requests", f"Requests that ended, by outcome. {_UP_TO_NOW}.", outcomes, "outcome")
    says = "Requests that have begun and whose end is not on record: under way, or their process died."
    yield named.gauge("requests_in_flight", says, found.in_flight)
    last_hour = "that began in the last hour. Pruning forgets older ones, so this is no counter: use no rate()"
    classes = {(word,): found.recent[first] for first, word in STATUS_CLASSES.items()}
    says = f"Requests {last_hour}. none: there was no answer."
    yield named.gauge("last_hour_requests", says, classes, "status_class")
    bounds = [str(bound / 1000) for bound in LATENCY_BOUNDS_MS]
    buckets = [*zip(bounds, map(float, found.within), strict=True), ("+Inf", float(found.timed))]
    says = f"How long requests took {last_hour}."
    yield named.histogram("last_hour_request_duration_seconds", says, buckets, found.latency_ms / 1000)


def _standing(named: _Named, seen: Observed) -> Iterator[Metric]:
    yield named.gauge("halted", "1 while the destination refuses the set-up and nothing is sent.", bool(seen.halt))
    reasons = {(reason,): float(seen.halt is reason) for reason in HaltReason}
    yield named.gauge("halt_reason", "1 for why it is halted.", reasons, "reason")
    paused, limited = seen.standing.paused_until is not None, seen.standing.rate_limited
    causes = {("breaker",): float(paused and not limited), ("rate_limit",): float(paused and limited)}
    says = "1 while sending pauses, after failures in a row (breaker) or since the webhook asks for it (rate_limit)."
    yield named.gauge("paused", says, causes, "reason")
    says = "How often the breaker opened since something was last accepted."
    yield named.gauge("breaker_openings", says, seen.breaker_openings)
    yield named.gauge("failed_ratio", "Failed events by all, of the newest windows, 0 to 1.", seen.failed_share)
    yield named.gauge("failed_ratio_allowed", "From where on it is too much: [checks].", seen.max_failed_share)
    times = {
        ("export",): seen.figures.exported_ms,
        ("shipment",): seen.figures.requests.accepted_ms,
        ("comparison",): None if seen.check is None else seen.check.checked_ms,
    }
    known = {step: ms / 1000 for step, ms in times.items() if ms is not None}
    says = "When a window was last exported, a request last accepted, a comparison last made. Absent: never."
    yield named.gauge("last_success_timestamp_seconds", says, known, "step")


def _windows(named: _Named, seen: Observed) -> Iterator[Metric]:
    says = "Closed windows that are newer than the newest exported one."
    yield named.gauge("windows_behind", says, seen.behind)
    says = "Closed windows without an export, since the exports began, also among exported ones."
    yield named.gauge("skipped_windows", says, seen.skipped)
    others: dict[tuple[()], float] = {} if seen.other_ledgers is None else {(): seen.other_ledgers}
    says = "Other ledgers that have sent to this destination from this storage: lost, or at work. Absent: not known."
    yield named.gauge("other_ledgers", says, others)
    yield named.gauge("ledger_schema_version", "Version of the ledger's schema.", seen.schema_version)


def _arrivals(named: _Named, seen: Observed) -> Iterator[Metric]:
    states: dict[tuple[str, ...], float] = {}
    repeats: dict[tuple[str, ...], float] = {}
    for category in Category:
        one, found = seen.figures.categories[category], seen.figures.arrivals.get(category)
        for state in ("arrived", "missing", "not_yet"):
            states[category, state] = getattr(found, state, 0)
        states[category, "unchecked"] = max(0, one.forwarded - one.pruned - getattr(found, "checked", 0))
        states[category, "pruned"] = one.pruned
        for reason in ("replay", "unknown", "other"):
            repeats[category, reason] = getattr(found, f"repeated_{reason}", 0)
    says = "Forwarded events by what the latest comparison with the table that Fivetran wrote says of them."
    yield named.gauge("arrivals", says, states, "category", "state")
    says = "Events that the table has more than once, and why: after a replay, after an unknown result, unexplained."
    yield named.gauge("repeated_arrivals", says, repeats, "category", "reason")
    says = "Rows of the table with an id that is none of ours, in the latest comparison."
    yield named.gauge("alien_rows", says, 0 if seen.check is None else seen.check.alien)


def _age(seen: Observed, since_ms: int | None) -> float:
    return 0 if since_ms is None else max(0, seen.now_ms - since_ms) / 1000
