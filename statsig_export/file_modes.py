"""The rights of the files that are written beside the partition files: docs/storage.md has the table.

A partition file's follow the umask alone (storage/new_file.py).
"""

import os
from pathlib import Path
from stat import S_IMODE
from typing import Final

OWN: Final = 0o600
"""Of what holds a secret or whole requests: for its user alone, whatever the umask."""
OF_THE_GROUP: Final = 0o660
"""Of the ledger: the umask says what the group may do; others never see it."""


def create(path: Path, mode: int) -> None:
    """Make an empty file with at most these rights; a file that is there keeps its own. Raises OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, mode))


def of_writers(file: Path) -> int:
    """Read and write for those who may write to a file, and nothing for those who may not."""
    writers = file.stat().st_mode & 0o222
    return writers | writers << 1 | OWN


def of_folder(mode: int) -> int:
    """The rights of a folder whose files have these: who may read a file may enter, who may write one may remove it."""
    return mode | (mode & 0o444) >> 2


def close_to_others(folder: Path, mode: int) -> None:
    """Take from a folder the rights that are not in `mode`; it gets none. Raises OSError."""
    found = S_IMODE(folder.stat().st_mode)
    kept = found & (mode | 0o7000)
    if kept != found:
        folder.chmod(kept)
