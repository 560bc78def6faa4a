"""Emits OpenLineage events for a run if export.toml enables it. A failure here never fails the run.

The events are built and sent by a thread of its own, in which the client is imported, too: it takes a second. Whatever
fails there is one warning, and is not tried again for a while.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pkgutil import iter_modules
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Final, TypeAlias

from statsig_export.runs import RunStart

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient
    from openlineage.client.event_v2 import RunEvent

    from statsig_export.openlineage.events import RunEvents

Step: TypeAlias = "Callable[[RunEvents], RunEvent]"

PATIENCE: Final = 3.0
"""Seconds that the runs of this process wait, all together, for their events to be sent, until SILENCE has passed."""
QUICK: Final = 0.25
"""Seconds that a run may wait without any of it counting: a server that is well takes no longer."""
SILENCE: Final = 300.0
"""Seconds without any further try after one that failed: 720 windows are not to wait 720 times."""
_CONSOLE: Final = "console"
_OF_CLIENT: Final = ("openlineage.client.client", "openlineage.client.utils", "urllib3.connectionpool")
_TRANSPORTS: Final = "openlineage.client.transport"

log = logging.getLogger(__name__)


class _Silence:
    """Until when nothing is emitted, in this process."""

    until = 0.0


class _Waited:
    """What the runs of this process have waited: one budget, so that a slow server does not cost each window a wait."""

    seconds = 0.0
    since = 0.0


class _SetupError(Exception):
    """The client's configuration is no use. Its text is ours, and holds nothing of it."""


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
        """Wait for what is still to be sent, but not for long, and with all runs of the process not for longer."""
        self._steps.put(last)
        self._steps.put(None)
        began = time.monotonic()
        if began - _Waited.since > SILENCE:
            _Waited.seconds, _Waited.since = 0.0, began
        self._thread.join(max(PATIENCE - _Waited.seconds, QUICK))
        waited = time.monotonic() - began
        _Waited.seconds += waited if waited > QUICK else 0.0
        if self._thread.is_alive() or _Waited.seconds >= PATIENCE:
            _fall_silent("did not take them in time")

    def _send_all(self) -> None:
        try:
            with _quiet() as quiet:
                self._send(quiet)
        except ModuleNotFoundError as error:
            ours = str(error.name).startswith("openlineage")
            what_to_do = ": pip install 'statsig-export[openlineage]'" if ours else ", which its transport is made of"
            _fall_silent(f"needs the module {error.name}{what_to_do}")
        except _SetupError as error:
            _fall_silent(str(error))
        except Exception as error:  # noqa: BLE001  whatever a transport raises, the run goes on; its text may hold a key
            _fall_silent(f"failed ({type(error).__name__})")

    def _send(self, quiet: "_Quiet") -> None:
        client = _client(quiet)
        events: RunEvents = import_module("statsig_export.openlineage.events").RunEvents(self._run)
        while (step := self._steps.get()) is not None:
            client.emit(step(events))
        client.close(PATIENCE)


def _client(quiet: "_Quiet") -> "OpenLineageClient":
    """The official client. Raises _SetupError where it would print the events, since it found no other use for them."""
    module = import_module("openlineage.client")
    try:
        client: OpenLineageClient = module.OpenLineageClient()
    except ModuleNotFoundError:
        raise
    except Exception as error:  # whatever its file or a variable makes the client raise
        raise _SetupError(
            f"cannot be set up ({type(error).__name__}): check OPENLINEAGE_URL and openlineage.yml"
        ) from error
    asked_for = (client.config.transport or {}).get("type")
    if client.transport.kind == _CONSOLE and not asked_for:
        found = "cannot read its openlineage.yml, or it is empty" if quiet.errors else "was not told where to send them"
        raise _SetupError(f"{found}: set OPENLINEAGE_URL, or write a transport into openlineage.yml")
    return client


class _Quiet(logging.Filter):
    """Leaves out what the client and its HTTP library say, with tracebacks, of each try: one warning says it once."""

    def __init__(self, thread: int) -> None:
        super().__init__()
        self._thread = thread
        self.errors = 0
        """Errors that were left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.thread != self._thread:
            return True
        self.errors += record.levelno >= logging.ERROR
        return False


@contextmanager
def _quiet() -> "Iterator[_Quiet]":
    """For this thread alone: the process may use the client for others, too."""
    quiet = _Quiet(get_ident())
    names = [*_OF_CLIENT]
    with suppress(ModuleNotFoundError):
        transports = iter_modules(import_module(_TRANSPORTS).__path__)
        names += [f"{_TRANSPORTS}.{module.name}" for module in transports if module.name != _CONSOLE]
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(quiet)
    try:
        yield quiet
    finally:
        for logger in loggers:
            logger.removeFilter(quiet)


def _fall_silent(why: str) -> None:
    """One warning, however many events and runs are concerned."""
    if time.monotonic() >= _Silence.until:
        log.warning("events for OpenLineage were lost: the client %s; the run itself is not affected", why)
    _Silence.until = time.monotonic() + SILENCE
