"""Prefetch: the next chunks are read and reshaped, and the last one is written, while one is judged.

One thread each, one step ahead or behind: the database, Arrow's kernels and the disk do not hold the interpreter, and
what is held in memory stays a few chunks. An error on either side comes out where the work is waited for.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Closeable(Protocol[Item_co]):
    """A generator, or another iterator that can be left early."""

    def __iter__(self) -> Iterator[Item_co]: ...

    def close(self) -> None: ...


def read_ahead(items: Closeable[Item]) -> Generator[Item]:
    """The items, the next one always under way. All of `items`, its end too, runs in one thread of its own.

    Close it, whatever happens: one that is left to the garbage collector, as an error's traceback may do, waits for
    ever, since its thread may be collected first.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        try:
            iterator = iter(items)
            following = thread.submit(_next, iterator)
            while found := following.result():
                following = thread.submit(_next, iterator)
                yield found[0]
        finally:
            thread.submit(items.close).result()


@contextmanager
def write_behind(write: Callable[[Item], None]) -> Iterator[Callable[[Item], None]]:
    """`write` in a thread of its own, in order. A call waits for the one before; the end waits for the last."""
    with ThreadPoolExecutor(1, thread_name_prefix="write-behind") as thread:
        before: Future[None] | None = None

        def hand_over(item: Item) -> None:
            nonlocal before
            if before is not None:
                before.result()
            before = thread.submit(write, item)

        yield hand_over
        if before is not None:
            before.result()


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
