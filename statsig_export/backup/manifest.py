"""The manifest of a backup: written last, so a backup without one was never finished. Pure.

    <target>/backups/<name>.json                                  the manifests, one a backup
    <target>/ledger/<digest>.parquet                              the ledger's tables, each as the backup saw it
    <target>/events/..., <target>/quarantine/...                  the partition files, by the paths that they have in
                                                                  the storage, for all backups together

All but the manifests are named by their content and never change, so backups share them.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from statsig_export.errors import LedgerError

FOLDER: Final = "backups"
TABLES: Final = "ledger"
KIND: Final = "statsig-export backup"
FORMAT: Final = 1
LONGEST: Final = 1 << 20
"""Bytes that a manifest may have."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class TableCopy(_Strict):
    """A table of the ledger, as a file of the backup."""

    name: str
    path: str
    digest: str
    """sha256."""
    bytes: int
    rows: int


class Manifest(_Strict):
    """What a backup holds."""

    name: str
    made: str
    """When the ledger was read, ISO 8601, UTC."""
    library_version: str
    schema_version: int
    ledger_id: str
    files: int
    """Partition files that its ledger names."""
    file_bytes: int
    tables: tuple[TableCopy, ...]

    @property
    def path(self) -> str:
        return path_of(self.name)

    def to_bytes(self) -> bytes:
        """As it is written: with its own digest, so that a damaged one is none."""
        facts = self.model_dump(mode="json")
        document = {"kind": KIND, "format": FORMAT, **facts, "digest": _digest(facts)}
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes, place: str) -> Self:
        """Raises LedgerError for what is no backup of ours, is damaged, or is of a newer version."""
        try:
            document: Any = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise LedgerError(f"{place} is no manifest of a backup of statsig-export, or is damaged", hint=_ANOTHER)
        if not isinstance(document.get("format"), int) or document["format"] > FORMAT:
            raise LedgerError(f"{place} is of a newer version of statsig-export", hint="restore it with that version")
        facts = {key: value for key, value in document.items() if key in cls.model_fields}
        if document.get("digest") != _digest(facts):
            raise LedgerError(f"{place} is damaged: it was changed after it was written", hint=_ANOTHER)
        try:
            return cls.model_validate_json(json.dumps(facts))
        except ValidationError:
            raise LedgerError(f"{place} is damaged: it says what no backup says", hint=_ANOTHER) from None


_NAME: Final = re.compile("[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}0*")
_ANOTHER: Final = "name what `statsig-export backup` was given, or restore an earlier one by --name"


def name_at(moment: datetime, latest: str | None) -> str:
    """The name of a backup. Names are in the order in which backups were made: it comes after that of the `latest` one,
    which was made in the same second, or before the clock was put back.
    """
    name = f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{moment.microsecond:06x}"
    return name if latest is None or name > latest else f"{latest}0"


def path_of(name: str) -> str:
    return f"{FOLDER}/{name}.json"


def names_in(paths: Sequence[str]) -> list[str]:
    """The names of the backups of a target that has these files, oldest first."""
    inner = [path.removeprefix(f"{FOLDER}/") for path in paths if path.startswith(f"{FOLDER}/")]
    return sorted(path.removesuffix(".json") for path in inner if path.endswith(".json") and "/" not in path)


def is_named_as_ours(name: str) -> bool:
    """Whether a backup is, or was, called so. One that somebody has renamed is one all the same."""
    return _NAME.fullmatch(name) is not None


def is_foreign(content: bytes) -> bool:
    """Whether this is no manifest, not even a damaged one."""
    return KIND.encode() not in content


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup did."""

    name: str
    place: str
    """The target, without what its URL may hold of secrets."""
    made: str
    ledger_rows: int
    files: int
    """That the ledger names."""
    copied_files: int
    """Of those, what the target did not have."""
    copied_bytes: int
    kept: int
    """Backups in the target now."""
    removed: tuple[str, ...] = ()
    """Older backups that were removed, by `keep`."""
    removed_files: int = 0
    """Files that no backup needs any more."""
    damaged: tuple[str, ...] = ()
    """Backups whose manifest cannot be read: nothing is removed while there is one."""

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "removed": list(self.removed), "damaged": list(self.damaged)}
