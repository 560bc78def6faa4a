"""Lays down what the webhook accepted as Fivetran does: queued at first, written by a sync, appended and never merged.

A row an event, keyed by `_id`, one an accepted request, and `_index`, its place in the array. A batch that is sent
again makes new rows under a new `_id`: readers take each `timeUUID` once (`statsig-export dedupe-view`).
"""

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from statsig_export.testing.landing.destination import Destination
from statsig_export.testing.webhook.event_reader import ReadEvent

_AT_ONCE: Final = 200
"""Rows a statement: SQLite takes 32,766 values in one."""

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class FivetranTable:
    """The table, made where it is missing, and the queue before it. Safe between threads."""

    def __init__(
        self, destination: Destination, *, at_once: bool = True, now: Callable[[], datetime] = utc_now
    ) -> None:
        """With `at_once` each request is a sync of its own; else `sync` writes what is queued.

        Raises the destination's `errors`, ImportError without its driver.
        """
        self.destination = destination
        self._at_once = at_once
        self._now = now
        self._queue: list[tuple[str, datetime, Sequence[ReadEvent]]] = []
        self._changed = threading.Lock()
        self._syncing = threading.Lock()
        columns = ", ".join(f'"{name}" {kind}' for name, kind in destination.columns.items())
        with destination.transaction() as connection:
            connection.execute(f'CREATE TABLE IF NOT EXISTS "{destination.table}" ({columns})')

    @property
    def queued(self) -> int:
        """Events that were accepted and are in no sync yet."""
        with self._changed:
            return sum(len(events) for _, _, events in self._queue)

    def append(self, events: Sequence[ReadEvent]) -> None:
        """Take the events of one accepted request."""
        with self._changed:
            self._queue.append((uuid.uuid4().hex, self._now(), events))
        if self._at_once:
            self._try_to_sync()

    def sync(self) -> int:
        """Write what was queued when it began, in one transaction: what comes meanwhile waits for the next. Returns the
        rows. Raises its `errors`; what was queued stays queued then.
        """
        with self._syncing:
            with self._changed:
                taken = list(self._queue)
            moment = self._now()
            rows = [
                self._row(event, index, request, created, moment)
                for request, created, events in taken
                for index, event in enumerate(events)
            ]
            if rows:
                self._write(rows)
            with self._changed:
                del self._queue[: len(taken)]
        return len(rows)

    @contextmanager
    def syncing_every(self, seconds: float) -> Iterator[None]:
        """Sync in a thread of its own, and once more at the end: Fivetran loses nothing that it queued."""
        ended = threading.Event()

        def syncs() -> None:
            while not ended.wait(seconds):
                self._try_to_sync()

        thread = threading.Thread(target=syncs, name="syncs", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.sync()

    def _try_to_sync(self) -> None:
        """A sync that fails leaves what is queued to the next, as Fivetran's does: it was accepted all the same."""
        try:
            self.sync()
        except self.destination.errors as error:  # whose words may quote the URL
            log.warning("the table could not be written (%s): %d events wait", type(error).__name__, self.queued)

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        to = self.destination
        names = ", ".join(f'"{name}"' for name in to.columns)
        one = f"({', '.join([to.mark] * len(to.columns))})"
        with to.transaction() as connection:
            for begin in range(0, len(rows), _AT_ONCE):
                part = rows[begin : begin + _AT_ONCE]
                statement = f'INSERT INTO "{to.table}" ({names}) VALUES {", ".join([one] * len(part))}'  # noqa: S608
                connection.execute(statement, [value for row in part for value in row])

    def _row(
        self, read: ReadEvent, index: int, request: str, created: datetime, synced: datetime
    ) -> tuple[object, ...]:
        to, event = self.destination, read.event
        text = read.text
        if (storable := to.storable(event)) != event:
            event, text = storable, json.dumps(storable, ensure_ascii=False)
        moments = [one.isoformat(timespec="microseconds") for one in (created, synced)]
        own = {"_id": request, "_index": index, "_created": moments[0], "_fivetran_synced": moments[1]}
        if to.mode == "packed":
            found = {**own, "event": event.get("eventName"), "data": text}
        else:
            key = hashlib.sha256(f"{request}/{index}".encode()).hexdigest()
            found = {**own, "_fivetran_id": key, **{to.column(name): _value(event.get(name)) for name in to.keys}}
        return tuple(found[name] for name in to.columns)


def _value(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
