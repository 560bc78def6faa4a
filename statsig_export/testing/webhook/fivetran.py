"""The destination table as Fivetran lays it down, in SQLite: one row an event, keyed by (_id, _index).

Fivetran only appends. A batch that is sent again makes new rows under a new `_id`, so readers take the view
`statsig_events_deduplicated`, which keeps the first row of each timeUUID; the same window function serves in every
warehouse. `_id` is Fivetran's own, one an accepted request; `_index` is the event's place in its array.
"""

import sqlite3
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from statsig_export.file_modes import OWN, create
from statsig_export.testing.webhook.event_reader import ReadEvent

TABLE = """
CREATE TABLE IF NOT EXISTS statsig_events (
    _id TEXT NOT NULL,
    _index INTEGER NOT NULL,
    _created TEXT NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    _fivetran_synced TEXT NOT NULL,
    PRIMARY KEY (_id, _index)
)
"""
VIEW = """
CREATE VIEW IF NOT EXISTS statsig_events_deduplicated AS
SELECT _id, _index, _created, event, data, _fivetran_synced, time_uuid
FROM (
    SELECT *, row_number() OVER (PARTITION BY time_uuid ORDER BY _fivetran_synced, _created, _id, _index) AS occurrence
    FROM (SELECT *, json_extract(data, '$.timeUUID') AS time_uuid FROM statsig_events)
)
WHERE occurrence = 1
"""


def utc_now() -> datetime:
    return datetime.now(UTC)


class FivetranTable:
    """The table and the view in a SQLite file, made where they are missing.

    `event` is the event's name and `data` its JSON text; times are ISO 8601 in UTC. Safe between threads.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._lock = threading.Lock()
        create(path, OWN)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(TABLE)
        self._database.execute(VIEW)

    def append(self, events: Sequence[ReadEvent]) -> None:
        """Lay down the events of one accepted request, in one transaction."""
        row_id = uuid.uuid4().hex
        with self._lock:
            moment = self._now().isoformat(timespec="microseconds")
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO statsig_events VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (row_id, index, moment, read.event["eventName"], read.text, moment)
                    for index, read in enumerate(events)
                ),
            )
            self._database.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._database.close()
