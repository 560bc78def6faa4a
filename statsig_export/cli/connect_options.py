"""`init --connect`: arguments of the driver's own connect(), as they are given to a verb and written to export.toml.

And what else of a file `init --force` keeps.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeAlias

from statsig_export.config_file import read_document
from statsig_export.errors import ConfigError

Given: TypeAlias = dict[str, Any]
"""Name -> a text, number or boolean, or a table of them, as under [source.connect]."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def parsed(options: Sequence[str]) -> Given:
    """`NAME=VALUE` and `TABLE.NAME=VALUE`. Raises ConfigError, without the value, which may be a secret."""
    given: Given = {}
    for option in options:
        name, separator, value = option.partition("=")
        table, dot, inner = name.partition(".")
        into = given.setdefault(table, {}) if dot else given
        if not separator or not all(_BARE.fullmatch(part) for part in name.split(".", 1)) or not isinstance(into, dict):
            raise ConfigError("--connect is not NAME=VALUE", hint="such as --connect sslmode=verify-full")
        into[inner or table] = _value(value)
    return given


def named_files(options: Sequence[str]) -> dict[str, str]:
    """`init --files`: NAME=PATTERN. Raises ConfigError."""
    given = {}
    for option in options:
        name, separator, pattern = option.partition("=")
        if not (separator and pattern and _BARE.fullmatch(name)):
            raise ConfigError(
                "--files is not NAME=PATTERN", hint="such as --files exposures=s3://bucket/exposures/*.parquet"
            )
        given[name] = pattern
    return given


def of_file(path: Path) -> Given:
    """[source.connect] of a configuration that is about to be overwritten; nothing of one that cannot be read."""
    with suppress(ConfigError, AttributeError):
        source: Any = read_document(path).get("source", {})
        return dict(source.get("connect", {}))
    return {}


def privacy_of_file(path: Path) -> str:
    """The lines of [privacy] in a configuration that is about to be overwritten, "" for none: without them the next
    export would go out in full.
    """
    with suppress(ConfigError):
        privacy: Any = read_document(path).get("privacy", {})
        return f"\n{section(privacy, 'privacy')}".rstrip() + "\n" if privacy else ""
    return ""


def section(given: Mapping[str, Any], name: str = "source.connect") -> str:
    """The lines of export.toml; "" for nothing."""
    if not given:
        return ""
    return "\n".join((f"[{name}]", *(f"{_key(name)} = {_toml(value)}" for name, value in given.items()), "", ""))


def _value(text: str) -> str | int | float | bool:
    """A number or a boolean as TOML has it, else the text."""
    with suppress(tomllib.TOMLDecodeError):
        value = tomllib.loads(f"value = {text}")["value"]
        if isinstance(value, bool | int | str) or (isinstance(value, float) and isfinite(value)):
            return value
    return text


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)
