"""Runs verbs of the command line on one home, as a user does."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from click.testing import Result
from home import ExportHome

from statsig_export.ledger import queries as ledger_queries
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.transactions import ledger_of
from statsig_export.shipping.status import status
from statsig_export.windows import split_partition_key

DAY = ("--from", "2026-11-20", "--to", "2026-11-21")


class Shell:
    """Runs verbs on the home's configuration."""

    def __init__(self, home: ExportHome) -> None:
        home.set("webhook", max_events=10)
        self.home = home
        self.config = home.write()

    def __call__(self, *words: str) -> Result:
        return self.home.verb(*words)

    def json(self, *words: str) -> Mapping:
        """The one object on standard output."""
        result = self(*words, "--json")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return json.loads(result.stdout)


@contextmanager
def held(home: ExportHome, *categories: str) -> Iterator[None]:
    """Hold the locks of these categories' partitions (default: all), as another ship run does."""
    config = home.config
    keys = [split_partition_key(line.partition) for line in status(config)]
    chosen = [key for key in keys if not categories or key[0] in categories]
    with ledger_of(config) as ledger, closing(open_locks(ledger.database.engine)) as locks:
        ids = ledger_queries.partition_ids(ledger.database, config.webhook.name, chosen).values()
        assert all(locks.acquire(lock_name(partition)) for partition in ids)
        yield
