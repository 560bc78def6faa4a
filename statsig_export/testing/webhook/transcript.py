"""What the stand-in webhook was sent: in memory, and as one JSON line a request in a file.

A request is written down before it is answered, so whoever has got the answer finds the line. A line holds the events
themselves, exactly as they came, but no header: a token is never in it. The file is for its user alone.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TextIO

from statsig_export.file_modes import OWN, create
from statsig_export.testing.landing.fivetran import FivetranTable
from statsig_export.testing.webhook.event_reader import Event, ReadEvent


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    number: int
    """From 1, in the order of arrival."""
    time: str
    """When it had been read; ISO 8601, UTC."""
    webhook_id: str
    """Empty where the header is missing."""
    attempt: int | None
    status: int | None
    """The status in the reply; None when no status line went out whole."""
    accepted: bool
    """Its events were taken in, whatever the client was told."""
    reason: str
    """Why it was refused; empty where it was not."""
    fault: str
    """What the script did to it; empty for the normal answer."""
    count: int
    """Events in the body, where it could be read."""
    wire_bytes: int
    """Bytes of the body on the wire, as far as they were read."""
    sha256: str
    """Of the body, decompressed; empty where it could not be read."""
    headers: Mapping[str, str]
    """Names in lower case. In memory only."""
    events: tuple[Event, ...] = ()
    """Decoded; empty where the body could not be read, or in memory with keep_events=False."""


_WRITTEN = tuple(field.name for field in fields(Received) if field.name not in {"events", "headers"})


def read_transcript(path: Path) -> Iterator[Received]:
    """The requests of a transcript file, in order of writing; `headers` are empty."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            yield Received(**{**found, "events": tuple(found["events"])}, headers={})


class Transcript:
    """Keeps the requests. Safe between threads."""

    def __init__(
        self,
        path: Path | None,
        table: FivetranTable | None,
        *,
        keep_events: bool,
        on_request: Callable[[Received], None] | None = None,
    ) -> None:
        """`on_request` gets each request once it is written down, one at a time."""
        if path is not None:
            create(path, OWN)
        self._file: TextIO | None = None if path is None else path.open("a", encoding="utf-8")
        self._table = table
        self._keep_events = keep_events
        self._on_request = on_request
        self._changed = threading.Condition()
        self._requests: list[Received] = []
        self._digests: dict[str, str] = {}

    @property
    def requests(self) -> list[Received]:
        with self._changed:
            return list(self._requests)

    def wait_for(self, count: int, timeout: float) -> bool:
        """Whether `count` requests have been written down, waiting up to `timeout` seconds for them."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._requests) >= count, timeout)

    def same_bytes(self, webhook_id: str, digest: str) -> bool:
        """Whether every body that came under this id had this digest; remembers it when it is the first."""
        with self._changed:
            return self._digests.setdefault(webhook_id, digest) == digest

    def append(self, received: Received, events: tuple[ReadEvent, ...]) -> None:
        """Write a request down, with the events of its body."""
        if self._keep_events:
            received = replace(received, events=tuple(read.event for read in events))
        line = _line(received, events) if self._file is not None else ""
        with self._changed:
            if self._file is not None:
                self._file.write(line)
                self._file.flush()
            if self._table is not None and received.accepted:
                self._table.append(events)
            self._requests.append(received)
            if self._on_request is not None:
                self._on_request(received)
            self._changed.notify_all()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _line(received: Received, events: tuple[ReadEvent, ...]) -> str:
    """One line. A line end in JSON can only be space between tokens: inside a string it would be escaped."""
    written = {name: getattr(received, name) for name in _WRITTEN}
    texts = ",".join(read.text for read in events).replace("\n", " ").replace("\r", " ")
    return f'{json.dumps(written)[:-1]}, "events": [{texts}]}}\n'
