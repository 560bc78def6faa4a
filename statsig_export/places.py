"""What may stand in export.toml for a place (a file, a folder, a URL) and for the variable that holds one.

A place that can be meant in no way is an error here. Taken literally, it would be a folder of that name, in which
nobody looks for the events. Messages never repeat the text: it may hold a secret.
"""

import re
from pathlib import Path
from typing import Final

_VARIABLE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_MEANS_A_VARIABLE: Final = re.compile(r"\s*(env\s*[:.=]|\$\{?\w|%\w+%)", re.IGNORECASE)
_SHELL_VARIABLE: Final = re.compile(r"\$\{\w+\}|(?:^|/)\$\w")
_WINDOWS_PATH: Final = re.compile(r"[A-Za-z]:[\\/]|.*\\")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOCAL: Final = ("file", "local")
_READ_ONLY: Final = ("http", "https", "github", "data")


def means_a_variable(text: str) -> bool:
    """Whether this is `env:NAME`, or another spelling that cannot mean anything else."""
    return _MEANS_A_VARIABLE.match(text) is not None


def checked_variable(text: str) -> str:
    """`env:NAME`. Raises ValueError, which says what is wrong with the name."""
    if _VARIABLE.fullmatch(text):
        return text
    name = text.removeprefix("env:")
    if not text.startswith("env:"):
        raise ValueError("a variable is written env:NAME, in small letters and without blanks, $ or %")
    if not name.strip():
        raise ValueError("env: needs the name of an environment variable: env:NAME")
    if re.search(r"\s", name):
        raise ValueError("the name after env: has a blank: write env:NAME")
    if "-" in name:
        raise ValueError("the name after env: has a dash: variables have letters, digits and underscores (env:MY_NAME)")
    raise ValueError("the name after env: is no variable's: letters, digits and underscores, no digit first (env:NAME)")


def checked_file(text: str) -> str:
    """The path of a file or folder, `~` expanded. Raises ValueError, which says what to write instead."""
    if not text or text != text.strip():
        raise ValueError("this names no file: it is empty, or has blanks around it")
    if not text.isprintable():
        raise ValueError("this names no file: it has a control character, such as a line end or NUL")
    if _WINDOWS_PATH.match(text):
        raise ValueError("this is a path of Windows, where statsig-export does not run: write /, under WSL /mnt/c/...")
    if _SCHEME.match(text):
        raise ValueError(
            "this is neither a path nor a URL: a URL has :// (file:///srv/events), a path whose first name has a colon"
            " begins with ./"
        )
    if _SHELL_VARIABLE.search(text):
        raise ValueError("a variable stands alone, as env:NAME: in a path it is not expanded")
    return _at_home(text) if text.startswith("~") else text


def checked_place(text: str) -> str:
    """A path, as `checked_file` has it, or a URL that files can be written to. Raises ValueError likewise."""
    if "://" not in text:
        return checked_file(text)
    if text != text.strip() or not text.isprintable():
        raise ValueError("this URL has blanks around it, or a control character such as a line end")
    scheme, _, rest = text.rpartition("::")[2].partition("://")
    if scheme.lower() in _LOCAL and not rest.startswith("/"):
        raise ValueError("file:// takes a whole path (file:///srv/events); a relative one is written without it")
    if scheme.lower() in _READ_ONLY:
        raise ValueError(f"files cannot be written to {scheme}://")
    return text


def left_beside(named: Path, linked: Path) -> bool:
    """Whether a file or folder is not where export.toml names it, but beside the file to which export.toml links."""
    return not _is_there(named) and _is_there(linked)


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True


def _at_home(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError:  # no such user, or no home of this one
        raise ValueError("the home folder that ~ stands for is not known here: write the whole path") from None
