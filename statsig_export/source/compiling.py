"""Statements and expressions as text. Pure."""

from collections.abc import Callable
from functools import cache

from sqlalchemy import ClauseElement
from sqlalchemy.engine import Dialect


def compiled(statement: ClauseElement, dialect: Dialect) -> str:
    """The statement's text, its values in it."""
    kind: Callable[..., Dialect] = type(dialect)
    return str(statement.compile(dialect=_named(kind), compile_kwargs={"literal_binds": True}))


@cache
def _named(kind: Callable[..., Dialect]) -> Dialect:
    """A named parameter style keeps "%" single, as no parameters follow. Kept, as it learns how types are written."""
    return kind(paramstyle="named")
