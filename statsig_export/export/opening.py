"""What an export of a window begins with: the connections that it works with, and what the ledger says so far."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from statsig_export.config import Config
from statsig_export.events.people import Forgotten
from statsig_export.events.seen_ids import SeenIds
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import TableIdentity
from statsig_export.export.repair import read_ids
from statsig_export.export.window import identities_for
from statsig_export.layouts.model import Role
from statsig_export.ledger import queries
from statsig_export.ledger.forgotten import forgotten_people
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.records import Planned
from statsig_export.ledger.transactions import Ledger, ledger_of
from statsig_export.receipts.forgotten import refuse_without_forgotten
from statsig_export.receipts.lost_ledgers import say_what_is_lost
from statsig_export.receipts.receipts import refuse_older_ledger
from statsig_export.runs import RunContext
from statsig_export.source.source import Source, open_source
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


@dataclass(frozen=True, slots=True)
class Run:
    """One try to export a window."""

    config: Config
    context: RunContext
    window: Window
    categories: tuple[Category, ...]
    started_ms: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What an export works with."""

    ledger: Ledger
    storage: Storage
    source: Source


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger said when the run began."""

    identities: Mapping[Role, TableIdentity]
    forgotten: Forgotten
    planned: Mapping[Category, Planned]


@contextmanager
def opened(config: Config) -> Iterator[Opened]:
    """The ledger, brought up to date, the storage and the source of a configuration."""
    with ExitStack() as until:
        ledger = until.enter_context(ledger_of(config))
        ledger.database.bring_up_to_date()
        storage = until.enter_context(Storage(config.storage_url()))
        if queries.names_files(ledger.database, config.webhook.name):
            storage.require_root()  # else a disk that is not mounted would be written beside
        else:
            say_what_is_lost(ledger.database, storage, config.webhook.name)
        refuse_without_forgotten(ledger.database, storage, config.webhook.name)
        yield Opened(ledger, storage, until.enter_context(open_source(config)))


def known_of(run: Run, opened: Opened) -> Known:
    """What the ledger says before the window is read. Raises ConfigError where it may not be exported so."""
    ledger, config = opened.ledger, run.config
    refuse_overlapping_windows(ledger.database, config, [run.window])
    keys = [partition_key(category, run.window.key) for category in run.categories]
    refuse_older_ledger(ledger.database, opened.storage, config.webhook.name, keys)
    return Known(
        identities_for(ledger.database, config, opened.source, run.categories),
        forgotten_people(ledger.database, config.webhook.name),
        planned_before(ledger, config, run.window, run.categories),
    )


def planned_elsewhere(
    ledger: Ledger,
    storage: Storage,
    config: Config,
    window: Window,
    categories: Sequence[Category],
    shard: Shard | None = None,
) -> SeenIds:
    """What earlier exports put into the window's partitions of other categories, as far as its files can be read: those
    that the ledger names then, since one that is gone may have been written again without somebody. Of the `shard`.
    """
    name, before = config.webhook.name, None
    while True:
        files = queries.planned_elsewhere(ledger.database, name, window.key, categories)
        ids, lost = read_ids(storage, files, shard)
        if not lost or files == before:
            return ids
        before = files


def planned_before(
    ledger: Ledger, config: Config, window: Window, categories: Sequence[Category]
) -> dict[Category, Planned]:
    """What earlier exports put into each category's partition of the window. Raises ConfigError if one was pruned."""
    return queries.planned_partitions(ledger.database, config.webhook.name, window.key, categories)
