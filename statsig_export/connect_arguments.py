"""`[source.connect]`: arguments of a database driver's own connect(), with secrets as env:NAME."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from statsig_export.errors import ConfigError

_Scalar: TypeAlias = str | bool | int | float
ConnectArgument: TypeAlias = _Scalar | dict[str, _Scalar]
"""A value, or a table of them such as Snowflake's session_parameters."""

_SECRET: Final = re.compile(r"pass|pwd|secret|token|private_key|credential|api_?key", re.IGNORECASE)
_FILE: Final = re.compile(
    r"(file|path|^ssl_?(root)?(cert|key|crl|ca|capath)(dir)?)$|^(credentials_path|passfile)$", re.IGNORECASE
)
_VARIABLE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


def checked_arguments(arguments: dict[str, ConnectArgument]) -> dict[str, ConnectArgument]:
    """The same. Raises ValueError, without the value, for a secret that is written out."""
    for name, value in _flat(arguments):
        if not isinstance(value, str):
            continue
        secret = bool(_SECRET.search(name)) and not _FILE.search(name)
        if (secret or value.startswith("env:")) and not _VARIABLE.fullmatch(value):
            raise ValueError(f"{name} holds a secret: name the environment variable that has it, as in env:NAME")
    return arguments


def looked_up(
    arguments: Mapping[str, ConnectArgument], resolve: Callable[[str], str], folder: Path
) -> dict[str, object]:
    """The arguments as the driver takes them: variables looked up by `resolve`, files by their absolute paths.

    A file's name that is relative begins in `folder` if there is such a file, and is the driver's own word else, as in
    sslrootcert = "system". Raises ConfigError for a variable that is not set.
    """

    def value_of(name: str, value: _Scalar) -> _Scalar:
        if not isinstance(value, str):
            return value
        text = resolve(value)
        if not _FILE.search(name):
            return text
        place = folder / _at_home(text, f"source.connect.{name}")
        return str(place) if text.startswith("~") or _may_be_there(place) else text

    return {
        name: {inner: value_of(f"{name}_{inner}", part) for inner, part in value.items()}
        if isinstance(value, dict)
        else value_of(name, value)
        for name, value in arguments.items()
    }


def _may_be_there(place: Path) -> bool:
    """Whether there is such a file, or a folder that this user may not enter: the driver says what is wrong."""
    try:
        place.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _at_home(path: str, key: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{key}: there is no home folder that ~ stands for", hint="write the whole path") from None


def _flat(arguments: Mapping[str, ConnectArgument]) -> list[tuple[str, _Scalar]]:
    """All values; one of a table such as `ssl = { ca = "..." }` goes by both names, as in ssl_ca."""
    flat: list[tuple[str, _Scalar]] = []
    for name, value in arguments.items():
        if isinstance(value, dict):
            flat += [(f"{name}_{inner}", part) for inner, part in value.items()]
        else:
            flat.append((name, value))
    return flat
