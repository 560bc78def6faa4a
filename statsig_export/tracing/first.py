"""The first place of a process: by the SDK's own variables, under the parent that TRACEPARENT names.

Where the spans go, how many are sampled and what the resource is called, the variables of OpenTelemetry say (OTEL_*).
A collector that is down or slow costs a run PATIENCE at its end, once in SILENCE, and one warning.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Final

from statsig_export.spans import Place

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

PATIENCE: Final = 3.0
"""Seconds that the end of a run waits for its spans to be sent."""
SILENCE: Final = 300.0
"""Seconds without any further wait after one that was in vain: 720 windows are not to wait 720 times."""

log = logging.getLogger(__name__)


class _Late:
    """Until when no run of this process waits."""

    until = 0.0


@contextmanager
def first_place() -> Iterator[Place | None]:
    """None where spans cannot be made: one warning says why, and the run is the same without them."""
    provider = _provider()
    if provider is None:
        yield None
        return
    with _flushed_on_sigterm():
        try:
            yield _place(provider, os.environ)
        finally:
            flush()


def flush() -> None:
    """Have sent what has ended, but not for longer than PATIENCE. The SDK's own limit is not kept by its processor."""
    provider = _provider()
    if provider is None or time.monotonic() < _Late.until:
        return
    sending = threading.Thread(target=provider.force_flush, name="spans", daemon=True)
    sending.start()
    sending.join(PATIENCE)
    if sending.is_alive():
        _Late.until = time.monotonic() + SILENCE
        log.warning("spans were not taken in %.0f s and may be lost; the run itself is not affected", PATIENCE)


@cache
def _provider() -> "TracerProvider | None":
    """Once a process: it has a thread and a connection."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from statsig_export.tracing.provider import provider_of  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("opentelemetry"):
            raise
        log.warning("spans are lost: they need the module %s: pip install 'statsig-export[otel]'", error.name)
        return None
    try:
        return provider_of(os.environ)
    except Exception as error:  # noqa: BLE001  whatever a variable makes the SDK raise, the run goes on; its text may hold a key
        log.warning("spans are lost: OpenTelemetry cannot be set up (%s): check OTEL_*", type(error).__name__)
        return None


def _place(provider: "TracerProvider", environ: Mapping[str, str]) -> Place:
    from statsig_export.tracing.provider import place_under  # noqa: PLC0415  an extra

    parent = {name: environ[name.upper()] for name in ("traceparent", "tracestate") if name.upper() in environ}
    return place_under(provider, parent)


@contextmanager
def _flushed_on_sigterm() -> Iterator[None]:
    """Where SIGTERM would end the process at once, it does so after what has ended was sent."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        flush()
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
