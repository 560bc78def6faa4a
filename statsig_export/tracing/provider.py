"""The SDK: its provider, its batches, its exporter over HTTP; and quiet about a collector that is away."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from statsig_export.spans import Place
from statsig_export.tracing.otel_spans import OtelPlace
from statsig_export.version import VERSION

SERVICE: Final = "statsig-export"
_THAT_TALK: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace.export",
    "urllib3.connectionpool",
)
_QUEUE_FULL: Final = "Queue full"

log = logging.getLogger(__name__)


def provider_of(environ: Mapping[str, str]) -> TracerProvider | None:
    """The program's own where it has set one up; else one of ours, by the variables. None where they say "none"."""
    known = trace.get_tracer_provider()
    if isinstance(known, TracerProvider):
        return known
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip() == "none":
        return None
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in {None, "http/protobuf"}:
        log.warning("spans are lost: OTEL_EXPORTER_OTLP_PROTOCOL has to be http/protobuf, the collector's port 4318")
        return None
    named = "OTEL_SERVICE_NAME" in environ or f"{SERVICE_NAME}=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({} if named else {SERVICE_NAME: SERVICE})
    # Its own end at the end of the process would wait for a collector that is away: a run flushes, for so long.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Quiet(OTLPSpanExporter())))
    return provider


def place_under(provider: TracerProvider, parent: Mapping[str, str]) -> Place:
    """The place under a W3C traceparent; a trace of its own without one, or where it is none."""
    context = TraceContextTextMapPropagator().extract(parent, Context())
    return OtelPlace(provider.get_tracer("statsig_export", VERSION), context)


class _Quiet(SpanExporter):
    """Exports as the SDK does. What that says of each try, with tracebacks, is one warning until it works again."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._lost = False
        self._silence = _Silence()
        for name in _THAT_TALK:
            logging.getLogger(name).addFilter(self._silence)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._silence.threads.add(threading.get_ident())
        try:
            result = self._inner.export(spans)
        finally:
            self._silence.threads.discard(threading.get_ident())
        if result is not SpanExportResult.SUCCESS and not self._lost:
            log.warning("spans were lost: the collector did not take them; the run itself is not affected")
        self._lost = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class _Silence(logging.Filter):
    """Of the threads that export, and of a queue that is full since they cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread not in self.threads and not str(record.msg).startswith(_QUEUE_FULL)
