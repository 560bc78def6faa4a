"""Writes the partition files of one window and cuts their batches, ready for the ledger.

Memory is bounded by one row group and one batch per category.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from statsig_export.arrow.contiguous import contiguous
from statsig_export.delivery.batch import Batch
from statsig_export.delivery.batches import Batcher
from statsig_export.events.shards import Shard
from statsig_export.export.judge import Judged, Tally
from statsig_export.ledger.plans import GenerationPlan, PartitionPlan
from statsig_export.ledger.records import Planned
from statsig_export.settings import WebhookSettings
from statsig_export.storage.new_file import NewFile
from statsig_export.storage.schemas import EVENTS, QUARANTINE
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import Window


class PartitionWriter:
    """The files and batches of one category while its window is read. A file is begun with its first row."""

    def __init__(self, storage: Storage, webhook: WebhookSettings) -> None:
        self._storage = storage
        self._batcher = Batcher(webhook.name, webhook.max_events, webhook.max_bytes)
        self._batches: list[Batch] = []
        self._events: NewFile | None = None
        self._failed: NewFile | None = None

    def add_events(self, events: pa.Table) -> None:
        """Append new events (columns of storage.EVENTS)."""
        if events.num_rows:
            self._events = self._events or self._storage.new_file(EVENTS)
            self._events.add(events)
            self._batches.extend(self._batcher.add(contiguous(events["event"])))

    def add_failed(self, failed: pa.Table) -> None:
        """Append failed rows (columns of storage.QUARANTINE)."""
        if failed.num_rows:
            self._failed = self._failed or self._storage.new_file(QUARANTINE)
            self._failed.add(failed)

    def publish(
        self, category: Category, window: Window, after: Planned, tally: Tally, shard: Shard | None = None
    ) -> PartitionPlan:
        """Make the files durable, and say what the ledger is to write down. `shard`: the rows were those of one."""
        self._batches.extend(self._batcher.close())
        number = after.generation + 1 + (0 if shard is None else shard.number)
        generations, quarantine = [], None
        if self._events is not None:
            file = self._events.publish("events", category, window.key, number)
            generations = [GenerationPlan(number, file, self._batches, shard)]
        if self._failed is not None:
            quarantine = self._failed.publish("quarantine", category, window.key).path
        return PartitionPlan(
            category=category,
            after_generation=after.generation,
            generations=generations,
            filtered_by=tally.filtered_by,
            failed_by=tally.failed_by,
            quarantine=quarantine,
            forgotten=tally.forgotten,
            after_rewritten_ms=after.rewritten_ms,
        )

    def discard(self) -> None:
        """Remove what is not published."""
        for file in (self._events, self._failed):
            if file is not None:
                file.discard()


class WindowWriter:
    """The writers of one window, one per category."""

    def __init__(self, storage: Storage, webhook: WebhookSettings, categories: Iterable[Category]) -> None:
        self._writers = {category: PartitionWriter(storage, webhook) for category in categories}

    def add(self, judged: Judged) -> None:
        for category, events in judged.events.items():
            self._writers[category].add_events(events)
        for category, failed in judged.failed.items():
            self._writers[category].add_failed(failed)

    def publish(
        self,
        window: Window,
        planned: Mapping[Category, Planned],
        tallies: Mapping[Category, Tally],
        shard: Shard | None = None,
    ) -> list[PartitionPlan]:
        """Publish every category; `planned` is what the run read of earlier exports."""
        return [
            writer.publish(category, window, planned[category], tallies[category], shard)
            for category, writer in self._writers.items()
        ]

    def discard(self) -> None:
        for writer in self._writers.values():
            writer.discard()


@contextmanager
def window_writer(storage: Storage, webhook: WebhookSettings, categories: Iterable[Category]) -> Iterator[WindowWriter]:
    """A writer that leaves nothing behind when the window is not published."""
    writer = WindowWriter(storage, webhook, categories)
    try:
        yield writer
    finally:
        writer.discard()
