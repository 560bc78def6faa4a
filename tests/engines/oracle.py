"""What has to hold after all that happened: nothing lost, no more twice than may be, no partition shipped by two."""

from collections import Counter
from contextlib import closing
from itertools import groupby

from cluster import Location
from sqlalchemy import select

from statsig_export.delivery.outcomes import Outcome
from statsig_export.ledger.database import open_to_read
from statsig_export.ledger.tables import attempts, batches, partitions
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status

IN_DOUBT = {Outcome.UNAVAILABLE, Outcome.UNKNOWN}


def check(location: Location, events: int) -> Counter[str]:
    """Raises AssertionError; returns how often each outcome was met."""
    received = Counter(str(each["timeUUID"]) for each in location.receiver.events())
    accounts = [line.account for line in status(location.config)]
    assert len(received) == events == sum(account.forwarded for account in accounts)
    assert sum(account.pending + account.failed for account in accounts) == 0
    outcomes, doubts = Counter[str](), 0
    for _, ships, found in made_attempts(location):
        assert len(ships) == len(set(ships)), f"two ship runs took turns in one partition: {ships}"
        outcomes += found
        doubts += sum(found[outcome.value] for outcome in IN_DOUBT)
    requests = Counter(request.webhook_id for request in location.receiver.requests if request.accepted)
    assert sum(requests.values()) - len(requests) <= doubts
    assert verify(location.config).differences == ()
    return outcomes


def made_attempts(location: Location) -> list[tuple[str, list[str], Counter[str]]]:
    """Partition -> the ship runs of its attempts one after the other, and the outcomes."""
    database = open_to_read(location.config.ledger_url())
    assert database is not None
    query = (
        select(partitions.c.id, attempts.c.ship_run, attempts.c.outcome)
        .join(batches, batches.c.partition == partitions.c.id)
        .join(attempts, attempts.c.batch == batches.c.id)
        .where(partitions.c.destination == location.config.webhook.name)
        .order_by(partitions.c.id, attempts.c.started_ms, attempts.c.number)
    )
    with closing(database), database.read() as connection:
        rows = connection.execute(query).all()
    return [
        (
            str(partition),
            [run for run, _ in groupby(row.ship_run for row in lines)],
            Counter(row.outcome for row in lines),
        )
        for partition, group in groupby(rows, lambda row: row.id)
        for lines in [list(group)]
    ]
