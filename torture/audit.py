"""What arrived and what the ledger says, held against what the oracle expects.

The bound: an event, and a request id, may have been accepted once, and once more for each attempt whose fate nobody
could know (`unknown`, `unavailable`) of the batches that held it, the split ones included.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from sqlalchemy import Row, select

from statsig_export.delivery.outcomes import Outcome
from statsig_export.delivery.rules import PENDING, State
from statsig_export.errors import LedgerError
from statsig_export.ledger.database import LedgerDatabase, open_to_write
from statsig_export.ledger.tables import attempts, batches, generations
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.transcript import Received
from torture.children import POLICY
from torture.home import Home
from torture.oracle import Expected

AMBIGUOUS = (Outcome.UNKNOWN.value, Outcome.UNAVAILABLE.value)


@dataclass(slots=True)
class Findings:
    """Nothing but zeros and empty lists when all is well, beside the three counts at the end."""

    lost: int = 0
    """Events that had to arrive and did not."""
    alien: int = 0
    """Events that arrived and should not have, or that say something else than they should."""
    stuck: int = 0
    """Batches that are still pending, and attempts that are still open."""
    bound_violations: int = 0
    """Events and request ids that were accepted more often than the bound allows."""
    problems: list[str] = field(default_factory=list)
    """Everything else that does not hold, in words."""
    extra_deliveries: int = 0
    """Requests accepted beyond the first of their id."""
    extra_events: int = 0
    """Events accepted beyond the first time."""
    ambiguous: int = 0
    """Attempts whose fate nobody could know."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.alien or self.stuck or self.bound_violations or self.problems)


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch of the ledger with its attempts."""

    row: Row[tuple[object, ...]]
    attempts: Sequence[Row[tuple[object, ...]]]

    @property
    def ambiguous(self) -> int:
        return sum(attempt.outcome in AMBIGUOUS for attempt in self.attempts)


def audit(home: Home, requests: Sequence[Received], expected: Expected) -> Findings:
    """Hold everything against everything; the webhook is closed and all children have ended."""
    findings = Findings()
    accepted = [request for request in requests if request.accepted]
    deliveries = Counter(str(event["timeUUID"]) for request in accepted for event in request.events)
    _check_arrivals(findings, accepted, deliveries, expected)
    database = open_to_write(home.config.ledger_url())
    try:
        ledger = _batches(database)
        files = _files(database, Path(home.config.storage_url()), findings)
    finally:
        database.close()
    _check_requests(findings, requests, ledger)
    _check_states(findings, ledger, files, expected)
    _check_bounds(findings, accepted, deliveries, ledger, files)
    _check_accounts(findings, home, expected)
    findings.problems += _differences(home)
    findings.ambiguous = sum(batch.ambiguous for batch in ledger)
    return findings


def _differences(home: Home) -> list[str]:
    try:
        differences = verify(home.config, policy=POLICY).differences
    except LedgerError as error:  # a storage that has lost everything
        return [error.message]
    return [f"{found.partition}: {found.check}: {found.detail}" for found in differences]


def _check_arrivals(
    findings: Findings, accepted: Iterable[Received], deliveries: Mapping[str, int], expected: Expected
) -> None:
    findings.lost = sum(key not in deliveries for key in expected.events)
    for request in accepted:
        for event in request.events:
            if expected.events.get(str(event["timeUUID"])) != event:
                findings.alien += 1
                findings.problems.append(f"request {request.number} brought an event that is not as it should be")


def _check_requests(findings: Findings, requests: Sequence[Received], ledger: Sequence[_Batch]) -> None:
    """Equal id, equal bytes; behind every request an attempt of its own that was written down, and behind every attempt
    that counts as accepted a request that was: of no other request is its answer.
    """
    written = Counter((batch.row.batch_id, attempt.number) for batch in ledger for attempt in batch.attempts)
    bodies: dict[str, set[str]] = {}
    made: Counter[tuple[str, int | None]] = Counter()
    for request in requests:
        if request.webhook_id:
            made[request.webhook_id, request.attempt] += 1
        if request.sha256:
            bodies.setdefault(request.webhook_id, set()).add(request.sha256)
    for webhook_id, digests in bodies.items():
        if len(digests) > 1:
            findings.problems.append(f"{webhook_id[:12]} came with {len(digests)} different bodies")
    taken = {(request.webhook_id, request.attempt) for request in requests if request.accepted}
    for batch in ledger:
        for attempt in batch.attempts:
            if attempt.outcome == Outcome.ACCEPTED and (batch.row.batch_id, attempt.number) not in taken:
                findings.problems.append(f"batch {batch.row.id} attempt {attempt.number} was not accepted")
    for (webhook_id, number), times in (made - written).items():
        findings.problems.append(f"{times} requests {webhook_id[:12]}, attempt {number}, are not on record")


def _check_states(
    findings: Findings, ledger: Iterable[_Batch], files: Mapping[str, Sequence[str]], expected: Expected
) -> None:
    for batch in ledger:
        row = batch.row
        findings.stuck += State(row.state) in PENDING
        findings.stuck += sum(attempt.outcome is None for attempt in batch.attempts)
        delivered = sum(attempt.outcome == Outcome.ACCEPTED for attempt in batch.attempts)
        if delivered != (row.state == State.DELIVERED):
            findings.problems.append(f"batch {row.id} is {row.state} after {delivered} accepted attempts")
        if [attempt.number for attempt in batch.attempts] != list(range(1, row.attempts + 1)):
            findings.problems.append(f"batch {row.id} counts {row.attempts} attempts, {len(batch.attempts)} are there")
        if row.state == State.FAILED and not set(_ids(row, files)) <= expected.hopeless:
            findings.problems.append(f"batch {row.id} failed for no fault of its events")


def _check_bounds(
    findings: Findings,
    accepted: Iterable[Received],
    deliveries: Mapping[str, int],
    ledger: Iterable[_Batch],
    files: Mapping[str, Sequence[str]],
) -> None:
    by_id = Counter(request.webhook_id for request in accepted)
    allowed_by_id: Counter[str] = Counter()
    allowed: Counter[str] = Counter()
    for batch in ledger:
        allowed_by_id[batch.row.batch_id] += batch.ambiguous
        if batch.ambiguous:
            for key in _ids(batch.row, files):
                allowed[key] += batch.ambiguous
    findings.extra_deliveries = sum(by_id.values()) - len(by_id)
    findings.extra_events = sum(deliveries.values()) - len(deliveries)
    findings.bound_violations = sum(times > 1 + allowed_by_id[key] for key, times in by_id.items())
    findings.bound_violations += sum(times > 1 + allowed[key] for key, times in deliveries.items())


def _check_accounts(findings: Findings, home: Home, expected: Expected) -> None:
    forwarded = 0
    unseen = set(expected.accounts)
    for line in status(home.config):
        account, due = line.account, expected.accounts[line.category.value, line.window]
        forwarded += account.forwarded
        unseen.discard((line.category.value, line.window))
        said = (account.events, dict(account.filtered_by), dict(account.failed_by))
        if not account.balances or said != (due.events, dict(due.filtered_by), dict(due.failed_by)):
            findings.problems.append(f"{line.partition}: the account says {said}, the rows come to {due}")
    findings.problems += [f"{category}|{day} has no account" for category, day in sorted(unseen)]
    if forwarded != len(expected.events):
        findings.problems.append(f"the account says {forwarded} forwarded, {len(expected.events)} had to be")


def _batches(database: LedgerDatabase) -> list[_Batch]:
    wanted = select(batches, generations.c.file).join(
        generations,
        (generations.c.partition == batches.c.partition) & (generations.c.generation == batches.c.generation),
    )
    made: dict[int, list[Row[tuple[object, ...]]]] = {}
    with database.read() as connection:
        for attempt in connection.execute(select(attempts).order_by(attempts.c.batch, attempts.c.number)):
            made.setdefault(attempt.batch, []).append(attempt)
        return [_Batch(row, made.get(row.id, [])) for row in connection.execute(wanted)]


def _files(database: LedgerDatabase, storage: Path, findings: Findings) -> dict[str, list[str]]:
    """Every file that the ledger names -> the timeUUIDs of its rows; none where the file is not there."""
    with database.read() as connection:
        names = connection.execute(select(generations.c.file)).scalars().all()
    found: dict[str, list[str]] = {}
    for name in names:
        if (storage / name).exists():
            ids = pq.read_table(storage / name, columns=["time_uuid"]).column(0)
            found[name] = [str(key) for key in ids.to_pylist()]
        else:
            found[name] = []
            findings.problems.append(f"the ledger names {name}, which is not there")
    return found


def _ids(row: Row[tuple[object, ...]], files: Mapping[str, Sequence[str]]) -> Sequence[str]:
    return files[row.file][row.first_row : row.first_row + row.rows]
