"""Receipts: after a partition was shipped, pruned or somebody was taken out of it, all that the ledger knows of it is
put into the storage, under the ledger's own id. They are read before anything is exported or sent: a receipt that says
more than the ledger does was written after it, so the ledger is an older one, restored from somewhere.

    <storage>/receipts/<ledger id>/<destination>/category=<c>/window=<w>.json.gz
    <storage>/receipts/<ledger id>/<destination>/forgotten.json, forgotten/<n>.json.gz

A receipt has what the ledger has: no event and no secret.
"""

import gzip
import json
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from statsig_export.errors import LedgerError, StorageError
from statsig_export.file_modes import OF_THE_GROUP
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.lanes import lanes_of
from statsig_export.ledger.partition_rows import OF_VERSION, Known, Rows, delivered_ids, portions, rows_of
from statsig_export.ledger.queries import ledger_id
from statsig_export.receipts.folders import FOLDER
from statsig_export.storage.foreign import warn_of_foreign
from statsig_export.storage.place import Place
from statsig_export.windows import partition_keys, split_partition_key

log = logging.getLogger(__name__)

FORMAT: Final = 1
_AT_ONCE: Final = 64
"""Receipts that are in memory at a time."""
_BATCHES_AT_ONCE: Final = 4_096
"""Batches whose rows, and those of their attempts, are in memory at a time: about 2 kB each."""
_TRIES: Final = 5
"""Writes of the receipts of partitions that others ship too."""
WHAT_TO_DO: Final = (
    "`statsig-export restore` takes from the storage what the ledger does not know; `statsig-export restore"
    " --accept-loss` lets it be sent again"
)


_NAME: Final = re.compile(r"category=[a-z_]+/window=[0-9][0-9A-Z:-]*\.json\.gz")
"""A receipt's, below its destination: also of a category or a window that a newer version may have."""
_OF_THE_FORGOTTEN: Final = re.compile(r"forgotten\.json|forgotten/[0-9]+\.json\.gz")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the storage remembers of a partition."""

    destination: str
    category: str
    window: str
    schema_version: int
    pruned: bool
    rewritten_ms: int | None
    delivered: Sequence[str]
    """The ids of its delivered batches."""
    rows: Rows

    @property
    def key(self) -> tuple[str, str]:
        return self.category, self.window

    @property
    def name(self) -> str:
        return f"{self.category}|{self.window}"


def folder_of(ledger: str, destination: str) -> str:
    return f"{FOLDER}/{ledger}/{destination}"


def path_of(folder: str, category: str, window: str) -> str:
    return f"{folder}/category={category}/window={window}.json.gz"


def write_receipts(database: LedgerDatabase, place: Place, partitions: Sequence[int]) -> None:
    """Put into the storage what the ledger knows of these partitions now; the caller holds their locks, or of one in
    shards the lock of a lane, or nobody else is at work. Raises StorageError, LedgerError.
    """
    folder = f"{FOLDER}/{ledger_id(database)}"
    for begin in range(0, len(partitions), _AT_ONCE):
        chunk = partitions[begin : begin + _AT_ONCE]
        contents = _contents(database, folder, chunk)
        place.write_all(contents, OF_THE_GROUP)
        # Of these another may have written a receipt that says more, just before ours took its place.
        shared = [partition for partition, lanes in lanes_of(database, chunk).items() if len(lanes) > 1]
        for _ in range(_TRIES if shared else 0):
            now = _contents(database, folder, shared)
            changed = {path: content for path, content in now.items() if content != contents[path]}
            if not changed:
                break
            place.write_all(changed, OF_THE_GROUP)
            contents |= changed


def _contents(database: LedgerDatabase, folder: str, partitions: Sequence[int]) -> dict[str, bytes]:
    """Path -> receipt of each partition, by what the ledger knows now."""
    contents = {}
    for portion in portions(database, partitions, _BATCHES_AT_ONCE):
        for rows in rows_of(database, portion).values():
            (row,) = rows["partitions"]
            path = path_of(f"{folder}/{row['destination']}", row["category"], row["window"])
            contents[path] = _encoded(row, rows)
    return contents


def keep_receipts(database: LedgerDatabase, place: Place, partitions: Sequence[int]) -> None:
    """The same for a run that goes on without: what was done is in the ledger. Says so in the log."""
    try:
        write_receipts(database, place, partitions)
    except StorageError as error:
        log.warning("the receipts of %d partitions could not be written: %s", len(partitions), error.message)


def refuse_older_ledger(database: LedgerDatabase, place: Place, destination: str, keys: Sequence[str]) -> None:
    """Raises LedgerError where the storage knows of something in these partitions that the ledger does not."""
    found = [receipt.name for receipt in receipts_ahead(database, place, destination, keys)]
    if found:
        named = ", ".join(found[:3]) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")  # noqa: PLR2004
        raise LedgerError(
            f"the ledger is older than the storage: it does not know what was sent or changed in {named}. Nothing was"
            " sent",
            hint=WHAT_TO_DO,
        )


def receipts_ahead(database: LedgerDatabase, place: Place, destination: str, keys: Sequence[str]) -> Iterator[Receipt]:
    """The receipts of these partitions (`category|window`) that say more than the ledger does."""
    folder = folder_of(ledger_id(database), destination)
    wanted = [split_partition_key(key) for key in partition_keys(keys)]
    paths = [path_of(folder, category.value, window) for category, window in wanted]
    for begin in range(0, len(paths), _AT_ONCE):
        yield from ahead(database, place, destination, paths[begin : begin + _AT_ONCE])


def all_ahead(database: LedgerDatabase, place: Place) -> Iterator[Receipt]:
    """The receipts of the ledger, of every destination, that say more than it does. A file whose name is none of ours
    is passed over, with a warning: no receipt has ever had it. One whose name is a receipt's has to be a whole one.
    """
    root = f"{FOLDER}/{ledger_id(database)}/"
    by_destination: dict[str, list[str]] = {}
    foreign: list[str] = []
    for path in sorted(place.sizes(root.rstrip("/"))):
        destination, _, rest = path.removeprefix(root).partition("/")
        if _NAME.fullmatch(rest):
            by_destination.setdefault(destination, []).append(path)
        elif not _OF_THE_FORGOTTEN.fullmatch(rest):
            foreign.append(path)
    warn_of_foreign(foreign, place, "receipts")
    for destination, paths in by_destination.items():
        for begin in range(0, len(paths), _AT_ONCE):
            yield from ahead(database, place, destination, paths[begin : begin + _AT_ONCE])


def ahead(database: LedgerDatabase, place: Place, destination: str, paths: Sequence[str]) -> list[Receipt]:
    """Of the receipts at these paths those that say more than the ledger does. They are read before the ledger is,
    which is written before they are: a run beside this one makes no difference.
    """
    receipts = []
    for path, content in place.read_all(paths).items():
        receipt = _decoded(content, f"{place.place}/{path}")
        own = path_of(folder_of(ledger_id(database), receipt.destination), receipt.category, receipt.window)
        if path != own:
            raise LedgerError(
                f"the receipt {place.place}/{path} is that of another partition: what it took the place of, nobody can"
                " tell",
                hint=f"move it to {own} if that is gone, and put back from a backup of the storage what was here;"
                " without one, remove it",
            )
        receipts.append(receipt)
    if not receipts:
        return []
    database.bring_up_to_date()
    known = Known(database, destination, [receipt.key for receipt in receipts])
    return [
        receipt
        for receipt in receipts
        if known.is_behind(receipt.key, receipt.delivered, pruned=receipt.pruned, rewritten_ms=receipt.rewritten_ms)
    ]


def _encoded(partition: Any, rows: Rows) -> bytes:  # noqa: ANN401  a row
    forgotten = rows["forgotten_rows"]
    document = {
        "format": FORMAT,
        "schema_version": OF_VERSION,
        **{name: partition[name] for name in ("destination", "category", "window")},
        "pruned": bool(rows["pruned_partitions"]),
        "rewritten_ms": forgotten[0]["rewritten_ms"] if forgotten else None,
        "delivered": delivered_ids(rows),
        "rows": {table: _columns(of_table) for table, of_table in rows.items()},
    }
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), 1, mtime=0)


def _decoded(content: bytes, place: str) -> Receipt:
    with readable(place):
        document = json.loads(gzip.decompress(content))
        if document["format"] > FORMAT or document["schema_version"] > OF_VERSION:
            raise LedgerError(f"the receipt {place} is of a newer version of statsig-export", hint="run that version")
        facts = {name: document[name] for name in Receipt.__slots__ if name != "rows"}
        rows = {
            table: [dict(zip(columns, values, strict=True)) for values in lines]
            for table, (columns, *lines) in document["rows"].items()
            if columns
        }
        return Receipt(**facts, rows={table: rows.get(table, []) for table in document["rows"]})


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Raises LedgerError for what does not hold what was written: cut, changed, or of something else."""
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged(place) from error


def damaged(place: str) -> LedgerError:
    """The error about a receipt, which this names."""
    return LedgerError(
        f"the receipt {place} is damaged: whether the ledger knows all that was sent or forgotten cannot be told",
        hint="put it back from a backup of the storage; without one, remove it",
    )


def _columns(rows: Sequence[Any]) -> list[Any]:
    """A table as its columns, then a list a row."""
    columns = list(rows[0]) if rows else []
    return [columns, *([row[name] for name in columns] for row in rows)]
