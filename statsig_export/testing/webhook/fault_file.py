"""Reads a script of faults from a JSON file (the format is in faults.py) and says what is wrong with one."""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from statsig_export.testing.webhook.faults import Action, Faults, Rule, Shape, Stage

_Word = TypeVar("_Word", bound=StrEnum)


def load_faults(path: Path) -> Faults:
    """The script in a file. Raises ValueError that names the file, the place in it, and what was expected there."""
    try:
        return parse_faults(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def parse_faults(document: object) -> Faults:
    """The script that a decoded JSON document describes. Raises ValueError naming the place."""
    table = _table(document, "the script", ("seed", "max_bytes", "max_events", "rules"))
    rules = _list(table.get("rules", []), "rules")
    return Faults(
        rules=tuple(_rule(item, f"rules[{index}]") for index, item in enumerate(rules)),
        max_bytes=_optional(_whole, table, "max_bytes", ""),
        max_events=_optional(_whole, table, "max_events", ""),
        seed=_whole(table.get("seed", 0), "seed"),
    )


_CONDITIONS = ("requests", "every", "webhook_id", "attempts", "time_uuid", "event_name", "probability")
_ACTION_KEYS = ("status", "headers", "body", "interim", "delay", "drip", "reset", "reply", "processed")


def _rule(document: object, place: str) -> Rule:
    table = _table(document, place, ("actions", *_CONDITIONS, "per_batch", "cycle"))
    actions = _list(table.get("actions", []), f"{place}.actions")
    try:
        return Rule(
            actions=tuple(_action(item, f"{place}.actions[{index}]") for index, item in enumerate(actions)),
            requests=_optional(_numbers, table, "requests", place),
            every=_optional(_whole, table, "every", place),
            webhook_id=_optional(_text, table, "webhook_id", place),
            attempts=_optional(_numbers, table, "attempts", place),
            time_uuid=_optional(_text, table, "time_uuid", place),
            event_name=_optional(_text, table, "event_name", place),
            probability=_optional(_number, table, "probability", place),
            per_batch=_switch(table.get("per_batch", False), f"{place}.per_batch"),
            cycle=_switch(table.get("cycle", False), f"{place}.cycle"),
        )
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(place) else f"{place}: {error}") from None


def _action(document: object, place: str) -> Action:
    table = _table(document, place, _ACTION_KEYS)
    headers = _table(table.get("headers", {}), f"{place}.headers", None)
    reset = table.get("reset")
    return Action(
        status=_optional(_status, table, "status", place),
        headers={name: _text(value, f"{place}.headers.{name}") for name, value in headers.items()},
        body=_optional(_text, table, "body", place),
        interim=tuple(
            _interim(item, f"{place}.interim") for item in _list(table.get("interim", []), f"{place}.interim")
        ),
        delay=_number(table.get("delay", 0), f"{place}.delay"),
        drip=_number(table.get("drip", 0), f"{place}.drip"),
        reset=None if reset is None else _word(Stage, reset, f"{place}.reset"),
        reply=_word(Shape, table.get("reply", "whole"), f"{place}.reply"),
        processed=_optional(_switch, table, "processed", place),
    )


_Value = TypeVar("_Value")


def _optional(
    read: Callable[[object, str], _Value], table: Mapping[str, object], key: str, place: str
) -> _Value | None:
    value = table.get(key)
    return None if value is None else read(value, f"{place}.{key}".removeprefix("."))


def _expected(what: str, place: str) -> ValueError:
    return ValueError(f"{place}: expected {what}")


def _table(value: object, place: str, keys: Iterable[str] | None) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _expected("an object", place)
    known = None if keys is None else list(keys)
    for key in value:
        if known is not None and key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise ValueError(f"{place}: unknown key {key!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    return value


def _list(value: object, place: str) -> list[object]:
    if not isinstance(value, list):
        raise _expected("a list", place)
    return value


def _numbers(value: object, place: str) -> frozenset[int]:
    return frozenset(_whole(item, place) for item in _list(value, place))


def _whole(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _expected("a whole number", place)
    return value


def _status(value: object, place: str) -> int:
    status = _whole(value, place)
    if not 200 <= status <= 999:  # noqa: PLR2004
        raise _expected("a status from 200 to 999", place)
    return status


def _interim(value: object, place: str) -> int:
    status = _whole(value, place)
    if not 100 <= status <= 199:  # noqa: PLR2004
        raise _expected("statuses from 100 to 199", place)
    return status


def _number(value: object, place: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        raise _expected("a number of at least 0", place)
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise _expected("a string", place)
    return value


def _switch(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise _expected("true or false", place)
    return value


def _word(words: type[_Word], value: object, place: str) -> _Word:
    if isinstance(value, str) and value in list(words):
        return words(value)
    near = difflib.get_close_matches(str(value), [str(word) for word in words], 1)
    hint = f"did you mean {near[0]!r}?" if near else "expected one of " + ", ".join(words)
    raise ValueError(f"{place}: {hint}")
