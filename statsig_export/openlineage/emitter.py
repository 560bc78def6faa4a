"""Telling OpenLineage of a run, where export.toml asks for it, without a say in what becomes of the run.

The events are built and sent by a thread of its own, in which the client is imported, too. Whatever fails there is one
warning, and is not tried again for a while. Light to import.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from statsig_export.config import Config

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

    from statsig_export.openlineage.events import RunEvents

Report = TypeVar("Report")
Step: TypeAlias = "Callable[[RunEvents[Report]], RunEvent]"

PATIENCE: Final = 3.0
"""Seconds that the end of a run waits for its events to be sent."""
SILENCE: Final = 300.0
"""Seconds without any further try after one that failed: 720 windows are not to wait 720 times."""
_RETRIES: Final = "urllib3.connectionpool"

log = logging.getLogger(__name__)


class _Silence:
    """Until when nothing is told, in this process."""

    until = 0.0


def told(config: Config, events_of: "Callable[[], RunEvents[Report]]", run: Callable[[], Report]) -> Report:
    """Carry out `run`, and tell of its start and of its end. Returns and raises what `run` does."""
    if not config.lineage.openlineage or time.monotonic() < _Silence.until:
        return run()
    teller = _Teller(events_of)
    started = datetime.now(UTC)
    teller.tell(lambda events: events.started(started))
    try:
        report = run()
    except BaseException as error:  # a run that was interrupted has failed too: it is told, and goes on its way
        failed, failure = datetime.now(UTC), error
        teller.tell(lambda events: events.failed(failed, failure))
        teller.finish()
        raise
    completed = datetime.now(UTC)
    teller.tell(lambda events: events.completed(completed, report))
    teller.finish()
    return report


class _Teller(Generic[Report]):
    """Sends the events of one run, in the order in which it is told to."""

    def __init__(self, events_of: "Callable[[], RunEvents[Report]]") -> None:
        self._events_of = events_of
        self._steps: SimpleQueue[Step[Report] | None] = SimpleQueue()
        self._thread = Thread(target=self._send_all, name="openlineage", daemon=True)
        self._thread.start()

    def tell(self, step: "Step[Report]") -> None:
        self._steps.put(step)

    def finish(self) -> None:
        """Wait for what is still to be sent, but not for long."""
        self._steps.put(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            _fall_silent("did not take them in time")

    def _send_all(self) -> None:
        quiet = _Quiet(get_ident())
        logging.getLogger(_RETRIES).addFilter(quiet)
        try:
            self._send()
        except ModuleNotFoundError as error:
            _fall_silent(f"needs the module {error.name}: pip install 'statsig-export[openlineage]'")
        except Exception as error:  # noqa: BLE001  whatever a transport raises, the run goes on; its text may hold a key
            _fall_silent(f"failed ({type(error).__name__})")
        finally:
            logging.getLogger(_RETRIES).removeFilter(quiet)

    def _send(self) -> None:
        from openlineage.client import OpenLineageClient

        client, events = OpenLineageClient(), self._events_of()
        while (step := self._steps.get()) is not None:
            client.emit(step(events))
        client.close(PATIENCE)


class _Quiet(logging.Filter):
    """Leaves out what the HTTP library says of each try: the warning at the end says it once."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread


def _fall_silent(why: str) -> None:
    """One warning, however many events and runs are concerned."""
    if time.monotonic() >= _Silence.until:
        log.warning("events for OpenLineage were lost: the client %s; the run itself is not affected", why)
    _Silence.until = time.monotonic() + SILENCE
