"""export.toml, key by key, from the models that read it."""

import types
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from generators.markdown import code, docstrings_of_fields, prose, table
from statsig_export import settings
from statsig_export.config import Config
from statsig_export.privacy_settings import HashedPath
from statsig_export.settings import Settings

INTRODUCTION = """\
# export.toml

The configuration is the file that `--config` names, else the one that `$STATSIG_EXPORT_CONFIG` names, else
`export.toml` in the current folder. Every key is optional, but for those of `[arrivals]` and `[alerts]` that say so.
A key that is not listed here is an error that names the closest one.
Relative paths start at the folder of the file. Secrets appear only as `env:NAME`, the name of an environment variable.
"""


def page() -> str:
    sections = [_section(name, model) for name, model in _tables("", Config)]
    return "\n\n".join([INTRODUCTION.rstrip(), *sections]) + "\n"


def _tables(prefix: str, model: type[Settings]) -> Iterator[tuple[str, list[tuple[str, FieldInfo, type[Settings]]]]]:
    """(dotted name, its keys) of every table, those of equal tables once."""
    seen: set[type[Settings]] = set()
    for name, field in model.model_fields.items():
        inner = _model_of(field)
        if inner is None or inner in seen:
            continue
        seen.add(inner)
        dotted = f"{prefix}{field.alias or name}"
        yield dotted, [(key, info, inner) for key, info in inner.model_fields.items() if _model_of(info) is None]
        yield from _tables(f"{dotted}.", inner)


def _section(name: str, keys: list[tuple[str, FieldInfo, type[Settings]]]) -> str:
    model = keys[0][2]
    docstrings = docstrings_of_fields(model)
    rows = [(code(info.alias or key), _type(info), _default(info), docstrings.get(key, "")) for key, info, _ in keys]
    title = "source.TABLE" if model is settings.TableSettings else name
    return f"## [{title}]\n\n{_lead(model)}\n\n" + table(["key", "type", "default", "meaning"], rows)


def _lead(model: type[Settings]) -> str:
    text = prose(model.__doc__)
    if model is settings.TableSettings:
        roles = [key for key, info in settings.SourceSettings.model_fields.items() if _model_of(info) is model]
        return f"`[source.{'`], `[source.'.join(roles)}]`: {text[0].lower()}{text[1:]}".replace("`]", "]`")
    return text


def _model_of(field: FieldInfo) -> type[Settings] | None:
    """The model of a key that is a table of its own."""
    for made in (field.annotation, *get_args(field.annotation)):  # the latter of a table that may be absent
        if isinstance(made, type) and issubclass(made, Settings):
            return made
    return None


def _type(field: FieldInfo) -> str:
    return _named(field.annotation) + "".join(_limits(field))


def _named(annotation: Any) -> str:  # noqa: ANN401  a type
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(code(repr(value).replace("'", '"')) for value in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(_named(one) for one in arguments if one is not type(None))
    if origin is dict:
        return f"table of {_named(arguments[1])}"
    if origin is tuple:
        return f"list of {_named(arguments[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}
    names[HashedPath] = "text or `{ path, normalize }`"
    return {**names, timedelta: "duration", datetime: "time"}.get(annotation, str(annotation))


def _limits(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        match limit:
            case annotated_types.Ge(ge=least):
                yield f", from {least:,}"
            case annotated_types.Le(le=most):
                yield f", to {most:,}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if value is PydanticUndefined or value is None:
        return ""
    return code(_literal(value))


def _literal(value: object) -> str:
    """As TOML has it."""
    match value:
        case timedelta():
            return f'"{_duration(value)}"'
        case datetime():
            return f'"{value:%Y-%m-%dT%H:%M:%SZ}"'
        case str():
            return f'"{value}"'
        case dict() | tuple():
            return str(value).replace("()", "[]")
        case bool() | float():
            return str(value).lower()
    return f"{value:_}"


def _duration(value: timedelta) -> str:
    seconds = value.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"
