"""Emits OpenLineage events for a run if export.toml enables it. A failure here never fails the run.

The events are built and sent by a thread of its own, in which the client is imported, too: it takes a second. Whatever
fails there is one warning, and is not tried again for a while.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Final, TypeAlias

from statsig_export.runs import RunStart

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

    from statsig_export.openlineage.events import RunEvents

Step: TypeAlias = "Callable[[RunEvents], RunEvent]"

PATIENCE: Final = 3.0
"""Seconds that the end of a run waits for its events to be sent."""
SILENCE: Final = 300.0
"""Seconds without any further try after one that failed: 720 windows are not to wait 720 times."""
_RETRIES: Final = "urllib3.connectionpool"

log = logging.getLogger(__name__)


class _Silence:
    """Until when nothing is emitted, in this process."""

    until = 0.0


class OpenLineage:
    """The observer of runs."""

    def started(self, run: RunStart) -> "Emitter | None":
        if time.monotonic() < _Silence.until:
            return None
        return Emitter(run)


class Emitter:
    """Sends the events of one run, in their order: START with its construction, then how it ended."""

    def __init__(self, run: RunStart) -> None:
        self._run = run
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._thread = Thread(target=self._send_all, name="openlineage", daemon=True)
        self._thread.start()
        at = datetime.now(UTC)
        self._steps.put(lambda events: events.started(at))

    def completed(self, report: object) -> None:
        at = datetime.now(UTC)
        self._finish(lambda events: events.completed(at, report))

    def failed(self, error: BaseException) -> None:
        at = datetime.now(UTC)
        self._finish(lambda events: events.failed(at, error))

    def _finish(self, last: Step) -> None:
        """Wait for what is still to be sent, but not for long."""
        self._steps.put(last)
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
        client = import_module("openlineage.client").OpenLineageClient()
        events: RunEvents = import_module("statsig_export.openlineage.events").RunEvents(self._run)
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
