"""What a ship run did, from the ledger: which partitions, in which requests, with which answers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from statsig_export.delivery.outcomes import Outcome
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among_given
from statsig_export.ledger.records import PartitionStatus, Shipment
from statsig_export.ledger.tables import attempts, batches, export_runs, generations


@dataclass(slots=True)
class _Requests:
    """The attempts that one ship run made for one partition."""

    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    delivered_events: int = 0
    delivered_bytes: int = 0
    generations: set[int] = field(default_factory=set)


def shipments(
    database: LedgerDatabase, ship_run: str, partitions: Mapping[str, int], statuses: Sequence[PartitionStatus]
) -> dict[str, Shipment]:
    """Partition key -> what the ship run did for it; `statuses` say how those partitions stand now."""
    by_key = {status.partition: status for status in statuses}
    with database.read() as connection:
        requests = _requests(connection, ship_run, list(partitions.values()))
        origins = _origins(connection, list(partitions.values()))
    return {
        key: _shipment(by_key[key], requests[partition], origins.get(partition, {}))
        for key, partition in partitions.items()
    }


_REQUESTS: Final = (
    select(
        batches.c.partition,
        batches.c.generation,
        batches.c.rows,
        batches.c.body_bytes,
        attempts.c.outcome,
        attempts.c.status,
        attempts.c.latency_ms,
    )
    .join(batches, batches.c.id == attempts.c.batch)
    .where(attempts.c.ship_run == bindparam("ship_run_is"), attempts.c.outcome.is_not(None))
    .where(among_given(batches.c.partition, "of"))
)
_ORIGINS: Final = (
    select(generations.c.partition, generations.c.generation, generations.c.file, generations.c.digest)
    .add_columns(func.coalesce(export_runs.c.orchestrator_run, export_runs.c.id))
    .join(export_runs, export_runs.c.id == generations.c.export_run)
    .where(among_given(generations.c.partition, "of"))
)
"""Built once, since they run for every shipment."""


def _requests(connection: Connection, ship_run: str, ids: Sequence[int]) -> dict[int, _Requests]:
    answered = connection.execute(_REQUESTS, {"ship_run_is": ship_run, "of": ids})
    found: dict[int, _Requests] = defaultdict(_Requests)
    for partition, generation, rows, body_bytes, outcome, status, latency_ms in answered:
        requests = found[partition]
        requests.outcomes[outcome] += 1
        requests.generations.add(generation)
        if status is not None:
            requests.statuses[status] += 1
        if latency_ms is not None:
            requests.latencies.append(latency_ms)
        if outcome == Outcome.ACCEPTED.value:
            requests.delivered_events += rows
            requests.delivered_bytes += body_bytes
    return found


def _origins(connection: Connection, ids: Sequence[int]) -> dict[int, dict[int, tuple[str, str, str]]]:
    """Partition -> generation -> its file, the digest, and the run that made it (the orchestrator's id, else ours)."""
    found: dict[int, dict[int, tuple[str, str, str]]] = defaultdict(dict)
    for partition, generation, *origin in connection.execute(_ORIGINS, {"of": ids}):
        found[partition][generation] = tuple(origin)
    return found


def _shipment(status: PartitionStatus, requests: _Requests, origins: Mapping[int, tuple[str, str, str]]) -> Shipment:
    sent = [origins[generation] for generation in sorted(requests.generations)]
    return Shipment(
        partition=status.partition,
        account=status.account,
        delivered_events=requests.delivered_events,
        delivered_batches=requests.outcomes[Outcome.ACCEPTED.value],
        delivered_bytes=requests.delivered_bytes,
        requests=requests.outcomes.total(),
        outcomes=requests.outcomes,
        statuses=requests.statuses,
        latency_ms_median=median(requests.latencies) if requests.latencies else None,
        latency_ms_max=max(requests.latencies, default=None),
        export_runs=tuple(dict.fromkeys(run for *_, run in sent)),
        files={file: digest for file, digest, _ in sent},
        due_in=status.due_in,
    )
