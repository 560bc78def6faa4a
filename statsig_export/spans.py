"""Spans of a run, for whoever traces it. Nothing at all where export.toml does not say `[traces] opentelemetry = true`:
no import, no clock, one look at a variable.

A span is of a run, a stage of a chunk, or a request; never of a row. Its attributes are names, counts and digests.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Final, Generic, Protocol, Self, TypeVar

from statsig_export.config import Config

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)
Value = str | int | float | bool


class Span(Protocol):
    """Something that takes time."""

    def tell(self, **attributes: Value) -> None:
        """What becomes known in the course of it."""

    def fails(self, why: str) -> None:
        """It ends badly, without an exception. `why` holds no secret and nothing of an event."""


class Place(Protocol):
    """Where in a trace a span begins: handed to other threads, which do not know by themselves."""

    def span(self, name: str, attributes: dict[str, Value]) -> AbstractContextManager[tuple[Span, "Place"]]:
        """A span within this one. An exception that ends it is told by its class; ours by their words, too."""

    def variables(self) -> dict[str, str]:
        """What the environment of another process says of it, for spans there that are within this one."""


class _Nothing:
    """A span of nobody."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""

    def tell(self, **attributes: Value) -> None:
        """Nobody listens."""

    def fails(self, why: str) -> None:
        """Likewise."""


_NOTHING: Final = _Nothing()
_PLACE: ContextVar[Place | None] = ContextVar("place", default=None)


def here() -> Place | None:
    """The place of this thread; None where nothing is traced."""
    return _PLACE.get()


def span(name: str, place: Place | None = None, **attributes: Value) -> AbstractContextManager[Span]:
    """A span at this thread's place, or at the one of another thread."""
    at = place if place is not None else _PLACE.get()
    return _NOTHING if at is None else _at(at, name, attributes)


def traced(config: Config, name: str, **attributes: Value) -> AbstractContextManager[Span]:
    """A span that is the first of a trace, or of this process: with its end, all that has ended is sent. Within another
    one it is a span like any other.
    """
    if _PLACE.get() is not None:
        return span(name, None, **attributes)
    if not config.traces.opentelemetry:
        return _NOTHING
    return _first(name, {"statsig_export.destination": config.webhook.name, **attributes})


class Closeable(Protocol[Item_co]):
    """What `each` takes: a generator, or an iterator that can be left early."""

    def __iter__(self) -> Iterator[Item_co]: ...

    def close(self) -> None: ...


def each(name: str, items: Closeable[Item], place: Place | None) -> Closeable[Item]:
    """The items, with a span around the making of each; the items themselves where nothing is traced."""
    return items if place is None else _Each(name, items, place)


class _Each(Generic[Item]):
    def __init__(self, name: str, items: Closeable[Item], place: Place) -> None:
        self._name, self._items, self._place = name, items, place

    def __iter__(self) -> Iterator[Item]:
        iterator = iter(self._items)
        while True:
            with _at(self._place, self._name, {}):
                found = _next(iterator)
            if found is None:
                return
            yield found[0]

    def close(self) -> None:
        self._items.close()


def _next(iterator: Iterator[Item]) -> tuple[Item] | None:
    for item in iterator:
        return (item,)
    return None


@contextmanager
def _at(place: Place, name: str, attributes: dict[str, Value]) -> Iterator[Span]:
    with place.span(name, attributes) as (made, inner):
        before = _PLACE.set(inner)
        try:
            yield made
        finally:
            _PLACE.reset(before)


@contextmanager
def _first(name: str, attributes: dict[str, Value]) -> Iterator[Span]:
    """Loads the tracer: what traces nothing imports none. Found by name, since it lies above this module."""
    first: AbstractContextManager[Place | None] = import_module("statsig_export.tracing.first").first_place()
    with first as place:
        if place is None:
            yield _NOTHING
            return
        with _at(place, name, attributes) as made:
            yield made
