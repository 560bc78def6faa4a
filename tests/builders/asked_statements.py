"""What is asked of databases while something runs."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import CacheStats


def asked(of: Callable[[], object]) -> list[CacheStats]:
    """Of each statement that is sent to a database meanwhile, whether it was compiled before."""
    seen: list[CacheStats] = []

    def note(*arguments: Any) -> None:  # noqa: ANN401  SQLAlchemy's own
        seen.append(arguments[4].cache_hit)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        of()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return seen
