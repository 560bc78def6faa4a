"""Where a ship run sends, and how: the functions that post, read and check the locks, and the limits of a body."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from statsig_export.delivery.batches import Texts
from statsig_export.delivery.rules import Failure, Reply
from statsig_export.runs import no_progress
from statsig_export.storage.files import KnownFile


class Post(Protocol):
    """Sends one body and says what came of it; never raises for what the network does."""

    def __call__(self, body: bytes, batch_id: str, attempt: int, /) -> Reply | Failure: ...


class ReadEvents(Protocol):
    """The texts of consecutive rows of a partition file."""

    def __call__(self, file: KnownFile, first_row: int, rows: int, /) -> Texts: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where a run sends, and how."""

    destination: str
    ship_run: str
    post: Post
    read_events: ReadEvents
    still_locked: Callable[[], None]
    """Raises LedgerError when a partition's lock is lost."""
    concurrency: int
    max_events: int | None = None
    max_bytes: int | None = None
    """The limits of a body as configured now. A batch that was planned over them is split before it is sent."""
    note: Callable[[int], None] = no_progress
    """Hears of each request that was answered: the id of its partition. Called by the thread of the run."""
