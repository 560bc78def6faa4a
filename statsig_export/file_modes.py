"""The rights of the files that are written beside the partition files: docs/storage.md has the table.

A partition file's follow the umask alone (storage/new_file.py).
"""

import os
from pathlib import Path
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
