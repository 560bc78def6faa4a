"""Who is forgotten, as the storage remembers it: digests, without the key that the ledger has, by which nobody can be
told. So a restored older ledger is known that does not know all of them, and can be told who they are.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from statsig_export.errors import LedgerError
from statsig_export.file_modes import OF_THE_GROUP
from statsig_export.ledger import forgotten
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.queries import ledger_id
from statsig_export.receipts.folders import FOLDER
from statsig_export.receipts.receipts import WHAT_TO_DO, damaged, readable
from statsig_export.storage.place import Place

_AT_ONCE: Final = 20_000
"""Digests of a file."""


def write_forgotten(database: LedgerDatabase, place: Place, destination: str, *, give_up_others: bool = False) -> None:
    """Put into the storage who is forgotten. The list comes first, then the note that says how long it is.

    What another ledger has left stays while not as many ids are on record here as were there, unless it is given up.
    """
    if not give_up_others and _unnamed(database, _note(database, place, destination), destination):
        return
    folder = f"{FOLDER}/{ledger_id(database)}/{destination}"
    count, latest = forgotten.size(database, destination)
    number = 0
    for number, chunk in enumerate(forgotten.digests(database, destination, _AT_ONCE), 1):
        content = gzip.compress(json.dumps(chunk).encode(), 1, mtime=0)
        place.write(f"{folder}/forgotten/{number:06d}.json.gz", content, OF_THE_GROUP)
    note = {"count": count, "latest": latest, "files": number, "key": _check(database)}
    place.write(f"{folder}/forgotten.json", json.dumps(note).encode(), OF_THE_GROUP)


def unwrite_forgotten(database: LedgerDatabase, place: Place, destination: str) -> None:
    """Before somebody is taken off the record: what the storage says would bring them back to it. What another ledger
    has left stays: by that nobody comes back.
    """
    note = _note(database, place, destination)
    if note is None or note["key"] == _check(database):
        place.delete(f"{FOLDER}/{ledger_id(database)}/{destination}/forgotten.json")


def refuse_without_forgotten(
    database: LedgerDatabase, place: Place, destination: str, *, adoptable_only: bool = False
) -> None:
    """Raises LedgerError where people were forgotten of whom this ledger does not know; or only where it could be told
    who they are. LedgerError also where what the storage says is damaged.
    """
    note = _note(database, place, destination)
    if note is None:
        return
    unknown = "the ledger is older than the storage: it does not know everybody who is forgotten"
    if note["key"] != _check(database):
        unnamed = _unnamed(database, note, destination)
        if unnamed and not adoptable_only:
            raise LedgerError(
                f"{unknown}, and {unnamed:,} ids have to be named again. Nothing was exported",
                hint="name all who were forgotten to `statsig-export forget --file`; `statsig-export restore"
                " --accept-loss` lets their events be exported again",
            )
    elif note["latest"] > forgotten.size(database, destination)[1]:
        raise LedgerError(f"{unknown}. Nothing was exported", hint=WHAT_TO_DO.replace("sent again", "exported again"))


def adopt_forgotten(database: LedgerDatabase, place: Place, destination: str, now_ms: int) -> tuple[int, int]:
    """Write into the ledger who is forgotten by the storage and not by it. Returns how many were, and how many could
    not be: their digests are under a key that this ledger never had.
    """
    note = _note(database, place, destination)
    if note is None:
        return 0, 0
    if note["key"] != _check(database):
        return 0, _unnamed(database, note, destination)
    if note["latest"] <= forgotten.size(database, destination)[1]:
        return 0, 0
    folder = f"{FOLDER}/{ledger_id(database)}/{destination}/forgotten"
    adopted = 0
    for number in range(1, note["files"] + 1):
        path = f"{folder}/{number:06d}.json.gz"
        content = place.read(path)
        if content is None:  # the note goes on saying how many they were
            raise damaged(f"{place.place}/{path}")
        with readable(f"{place.place}/{path}"):
            rows = [(int(row), str(unit_type), str(found)) for row, unit_type, found in _unpacked(content)]
        adopted += forgotten.adopt(database, destination, rows, now_ms)
    return adopted, 0


def _note(database: LedgerDatabase, place: Place, destination: str) -> dict[str, Any] | None:
    path = f"{FOLDER}/{ledger_id(database)}/{destination}/forgotten.json"
    content = place.read(path)
    if content is None:
        return None
    with readable(f"{place.place}/{path}"):
        note = json.loads(content)
        return {"key": str(note["key"]), **{name: int(note[name]) for name in ("count", "latest", "files")}}


def _unnamed(database: LedgerDatabase, note: dict[str, Any] | None, destination: str) -> int:
    """How many ids are still to be named of a list under a key that this ledger never had: it has their number."""
    if note is None or note["key"] == _check(database):
        return 0
    return max(0, int(note["count"]) - forgotten.size(database, destination)[0])


def _unpacked(content: bytes) -> Any:  # noqa: ANN401  JSON
    return json.loads(gzip.decompress(content))


def _check(database: LedgerDatabase) -> str:
    """Tells two keys apart, and neither of them."""
    return hashlib.sha256(b"forgotten\0" + forgotten.key_of(database)).hexdigest()[:16]


def destinations(database: LedgerDatabase, place: Place) -> Iterator[str]:
    """Those of whose forgotten people the storage knows."""
    root = f"{FOLDER}/{ledger_id(database)}/"
    for path in place.sizes(root.rstrip("/")):
        destination, _, rest = path.removeprefix(root).partition("/")
        if rest == "forgotten.json":
            yield destination
