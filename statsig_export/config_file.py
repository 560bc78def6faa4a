"""Finding export.toml and reading it: its text, and what is wrong with a file that is none.

An error names the file and no value.
"""

import codecs
import errno
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from statsig_export.errors import ConfigError

_WIDE: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_SAVE_AS_UTF8: Final = "save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8)"
_IS_TOML: Final = "export.toml is TOML: `statsig-export init` writes one"
_OF_DEVICES: Final = frozenset({Path("/dev"), Path("/dev/fd")})
"""Where `<(...)` and `-` of a shell are: no folder for a ledger. A file in memory, /dev/shm, is one."""

CONFIG_VARIABLE: Final = "STATSIG_EXPORT_CONFIG"
DEFAULT_FILE: Final = "export.toml"


def config_path(path: str | Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """`path`, else the file $STATSIG_EXPORT_CONFIG names, else ./export.toml: absolute, a symbolic link as it is."""
    environ = os.environ if environ is None else environ
    try:
        file = working_folder() / Path(path or environ.get(CONFIG_VARIABLE) or DEFAULT_FILE).expanduser()
    except RuntimeError:
        raise ConfigError(
            "the home folder of the configuration's ~ is not known", hint="write the whole path"
        ) from None
    return spelled(file)


def spelled(path: Path) -> Path:
    """The same. Raises ConfigError where one of its names (any bytes, on Linux) is not UTF-8: no URI of SQLite and no
    path of pyarrow can name what is below it.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"the path {str(path)!a} has bytes that are not UTF-8", hint="rename its folders, or use others"
        ) from None
    return path


def working_folder() -> Path:
    """Where this process runs. Raises ConfigError where that was removed: no whole path of a file helps then."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            "the folder in which this runs is not there any more", hint="change to one that is, and run it again"
        ) from None


def read_document(file: Path) -> dict[str, object]:
    """The tables of a TOML file, in UTF-8 with or without a byte order mark. Raises ConfigError."""
    text = _text(file)
    if not text.strip():
        raise ConfigError(f"{file} is empty", hint=_IS_TOML)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        other = _other_format(file, text)
        if other:
            raise ConfigError(f"{file} is {other}", hint=_IS_TOML) from None
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply to be read", hint=_IS_TOML) from None
    except ValueError:  # Python reads no number of thousands of digits
        raise ConfigError(f"{file} has a number of more digits than can be read", hint=_IS_TOML) from None


def _text(file: Path) -> str:
    _require_a_place(file)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"no configuration at {file}", hint=_hint_of_missing(file)) from None
    except IsADirectoryError:
        raise ConfigError(f"{file} is a folder", hint="name the file in it, such as export.toml") from None
    except ValueError:  # a NUL in the path
        raise ConfigError("the path of the configuration has a character that no path can have") from None
    except OSError as error:
        cause = f"{errno.errorcode.get(error.errno or 0, type(error).__name__)}: {os.strerror(error.errno or 0)}"
        raise ConfigError(f"{file} cannot be read ({cause})", hint="let this user read it") from None
    wide = next((name for mark, name in _WIDE.items() if content.startswith(mark)), "")
    first = content[:4]
    if not wide and b"\0" in first and first.strip(b"\0"):  # a letter of TOML and its empty half, without a mark
        wide = "UTF-16 or UTF-32"
    if wide:
        raise ConfigError(f"{file} is in {wide}, as Windows writes it", hint=_SAVE_AS_UTF8)
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise ConfigError(f"{file} is damaged: line {line} has a NUL byte", hint="write it again, or restore a copy")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file} is not in UTF-8 (line {line})", hint=_SAVE_AS_UTF8) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _require_a_place(file: Path) -> None:
    """What comes through a pipe can be read once, and has no folder in which relative paths start."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):  # to read it says what is wrong
        return
    readable_again = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    if not readable_again or file.parent in _OF_DEVICES or file.parts[1:2] == ("proc",):
        raise ConfigError(
            f"{file} is a pipe or a device: a configuration lies in a folder, where its relative paths start",
            hint="write it to a file; secrets need not stand in it (env:NAME)",
        )


def _hint_of_missing(file: Path) -> str:
    if file.is_symlink():
        return "it is a symbolic link to nothing"
    return f"name the file with --config or {CONFIG_VARIABLE}, or let `statsig-export init` write one"


def _other_format(file: Path, text: str) -> str:
    """JSON or YAML, by the file's name or its first letters; "" for what is meant as TOML."""
    first = next(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    if file.suffix == ".json" or first.lstrip().startswith("{"):
        return "JSON"
    if file.suffix in {".yaml", ".yml"} or first.startswith("---") or first.rstrip().endswith(":"):
        return "YAML"
    return ""
