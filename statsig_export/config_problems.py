"""What is wrong with export.toml, in a line: the key, and the nearest known one. Pure."""

import difflib
from types import NoneType
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def explained(error: ValidationError, model: type[BaseModel], *table: str) -> str:
    """Every problem of a file that `model` is the whole of, or of this table of it."""
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(_explain(problem, model, table) for problem in problems)


def _explain(problem: ErrorDetails, model: type[BaseModel], table: tuple[str, ...]) -> str:
    path = [*table, *(str(part) for part in problem["loc"])]
    key = ".".join(path)
    if problem["type"] != "extra_forbidden":
        return f"{key or 'the file'}: {problem['msg'].removeprefix('Value error, ')}"
    known = _known_keys(model, path[:-1])
    near = difflib.get_close_matches(path[-1], known, n=1)
    if near:
        return f"unknown key {key} (did you mean {near[0]}?)"
    return f"unknown key {key}" + (f" (known are {', '.join(sorted(known))})" if known else "")


def _known_keys(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys of the table at `path`, as the file spells them."""
    for part in path:
        if part.isdecimal():  # the place in a list, of which the tables are known already
            continue
        inner: object = model.model_fields[part].annotation
        while get_args(inner):  # it may be absent, be a list, or have validators
            inner = next(kind for kind in get_args(inner) if kind is not NoneType)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return [field.alias or key for key, field in model.model_fields.items()]
