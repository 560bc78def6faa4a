"""A place in a trace of OpenTelemetry, and the spans that are made there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from statsig_export.errors import StatsigExportError
from statsig_export.spans import Span, Value

PREFIX: Final = "statsig_export."
_STANDARD: Final = {"status_code": "http.response.status_code", "method": "http.request.method"}
"""Attributes that have a name for everybody. Of the URL there is none: its path is the webhook's secret."""
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class OtelPlace:
    """Spans made here have this span as their parent."""

    tracer: Tracer
    context: Context

    @contextmanager
    def span(self, name: str, attributes: dict[str, Value]) -> "Iterator[tuple[Span, OtelPlace]]":
        kind = SpanKind.CLIENT if name == "request" else SpanKind.INTERNAL
        made = self.tracer.start_span(name, self.context, kind, _named(attributes))
        try:
            yield OtelSpan(made), OtelPlace(self.tracer, trace.set_span_in_context(made, self.context))
        except BaseException as error:  # it is told of, then re-raised
            why = _said_of(error)
            if why is not None:
                made.set_status(Status(StatusCode.ERROR, why))
                made.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            made.end()

    def variables(self) -> dict[str, str]:
        said: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(said, self.context)
        return {name.upper(): value for name, value in said.items()}


@dataclass(frozen=True, slots=True)
class OtelSpan:
    """One span of the SDK."""

    made: trace.Span

    def tell(self, **attributes: Value) -> None:
        self.made.set_attributes(_named(attributes))

    def fails(self, why: str) -> None:
        self.made.set_status(Status(StatusCode.ERROR, why[:_LONGEST]))
        self.made.set_attribute("error.type", why.split(" ", 1)[0][:_LONGEST])


def _named(attributes: dict[str, Value]) -> dict[str, Any]:
    return {
        _STANDARD.get(name) or (name if "." in name else PREFIX + name): value for name, value in attributes.items()
    }


def _said_of(error: BaseException) -> str | None:
    """Its words where they are ours: those of any other error may quote a row or a secret. None of an end that is none:
    a generator that is left early, a verb that exits with 0.
    """
    if isinstance(error, StatsigExportError):
        return error.message[:_LONGEST]
    code = getattr(error, "exit_code", None)
    if isinstance(error, GeneratorExit) or code == 0:
        return None
    return type(error).__name__ if code is None else f"exit code {code}"
