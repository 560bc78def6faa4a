"""A SQLite file of which the URL says that nobody writes to it (`immutable=1`), and what still lies beside it.

SQLite then looks at nothing but the file: neither at commits that are in its log (`-wal`) and not in it yet, nor at the
journal by which a transaction that was killed is taken back. Both are left by a writer that died, or lives.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import URL

from statsig_export.database_urls import file_of
from statsig_export.errors import SourceError

_TRUE: Final = frozenset({"1", "on", "yes", "true"})
_HOT: Final = bytes.fromhex("d9d505f920a163d7")
"""So a journal begins that counts; one that is kept for the next transaction begins with zeros, or is empty."""


def require_whole(url: URL) -> None:
    """Raises SourceError where an immutable file is not all there is."""
    path = file_of(url)
    if path is None or str(url.query.get("immutable", "")).lower() not in _TRUE:
        return
    log, journal = Path(f"{path}-wal"), Path(f"{path}-journal")
    if _first_bytes(log):
        beside, else_ = log, "its last commits would be missing"
    elif _first_bytes(journal) == _HOT:
        beside, else_ = journal, "rows that were never committed would be read"
    else:
        return
    raise SourceError(
        f"the SQLite database at {path} is not whole without {beside}, which immutable=1 passes over: {else_}",
        hint="leave immutable=1 out where somebody may write to it; else open it once as a user who may write there"
        f' (sqlite3 {path.name} "PRAGMA wal_checkpoint(TRUNCATE)"), which brings the file up to date',
    )


def _first_bytes(file: Path) -> bytes:
    """Nothing of a file that is not there; of one that may not be read, that there is something."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(_HOT))
    except FileNotFoundError:
        return b""
    except OSError:
        return _HOT
