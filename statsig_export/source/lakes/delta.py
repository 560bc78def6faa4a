"""Delta tables: what their log says, by delta-rs. The files are read by DuckDB, with the same credentials as the log.

delta-rs has clients of its own for buckets, which look for credentials elsewhere. So of a table in a bucket the log is
copied beside this process, and it reads the copy.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from statsig_export.arrow.columns import TEXT, Column, pc
from statsig_export.source.lakes.lake import Place, UnreadableTableError
from statsig_export.source.lakes.snapshot import EPOCH, Deletes, Field, LakeFile, Snapshot, quoted

KNOWN_FEATURES: Final = frozenset(
    {"columnMapping", "deletionVectors", "timestampNtz", "typeWidening", "typeWidening-preview", "v2Checkpoint"}
    | {"vacuumProtocolCheck"}
)
"""What a reader has to know of a table, and is known here."""
_KINDS: Final[Mapping[str, str]] = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "REAL",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
_LAST_CHECKPOINT: Final = re.compile(r"(\d{20})\.checkpoint(\.\d+\.\d+|\.[0-9a-f-]+)?\.(parquet|json)")
_COMMIT: Final = re.compile(r"(\d{20})\.json")
_VECTOR: Final = re.compile(r"deletion_vector_[^/]*\.bin")
_UNKNOWN: Final = re.compile(r"Feature '(\w+)' is not supported")
"""What delta-rs says of a table that asks more than it knows."""
_ASKED: Final = "its log asks readers to know {}"


class DeltaLake:
    """A Delta table. Each statement sees its newest version."""

    name: Final = "Delta"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._copied: TemporaryDirectory[str] | None = None
        self._copies: dict[str, object] = {}
        self._snapshot: Snapshot | None = None
        self._positions: dict[str, Column] = {}

    def snapshot(self) -> Snapshot:
        folder = self._folder()
        table = _opened(folder)
        version = f"{table.metadata().id} {table.version()}"
        if self._snapshot is None or self._snapshot.version != version:
            _require_written(folder)
            self._snapshot = self._read(table, version)
        return self._snapshot

    def deleted(self, file: LakeFile) -> Iterator[Column]:
        """The positions of the rows of a file that are deleted."""
        if file.deletes:
            yield self._positions[file.name]

    def close(self) -> None:
        if self._copied is not None:
            self._copied.cleanup()
            self._copied = None
            self._copies.clear()

    def _read(self, table: DeltaTable, version: str) -> Snapshot:
        features = set(table.protocol().reader_features or ())
        if unknown := features - KNOWN_FEATURES:
            raise UnreadableTableError(_ASKED.format(", ".join(sorted(unknown))))
        mode = table.metadata().configuration.get("delta.columnMapping.mode", "none")
        fields = tuple(_field(each, mode) for each in json.loads(table.schema().to_json())["fields"])
        self._positions = self._vectors(table) if "deletionVectors" in features else {}
        return Snapshot(version, fields, tuple(self._files(table, fields)))

    def _files(self, table: DeltaTable, fields: Sequence[Field]) -> Iterator[LakeFile]:
        physical = {name: each.name for each in fields for name in each.names}
        logical = {each.name: each.name for each in fields}
        adds: pa.Table = pa.table(table.get_add_actions(flatten=False))
        numbers = count()
        for batch in adds.to_batches(max_chunksize=1_000):
            said = {name: batch.column(name) for name in _USED if name in batch.schema.names}
            values = _parts(said.get("partition"), logical)  # these delta-rs calls what the table calls them
            least, greatest, nulls = (_parts(said.get(name), physical) for name in ("min", "max", "null_count"))
            both = least.keys() & greatest.keys()
            times = {name: (_moments(least[name]), _moments(greatest[name])) for name in both}
            times |= {name: (_moments(each),) * 2 for name, each in values.items()}
            texts = {name: each.cast(TEXT).to_pylist() for name, each in values.items()}
            none = {name: each.to_pylist() for name, each in nulls.items()}
            for n, path in enumerate(said["path"].to_pylist()):
                name = self._place.named(unquote(str(path)))
                spans = {each: (low[n], high[n]) for each, (low, high) in times.items()}
                yield LakeFile(
                    name,
                    next(numbers),
                    {each: values[n] for each, values in texts.items()},
                    {each: (low, high) for each, (low, high) in spans.items() if low is not None and high is not None},
                    frozenset(each for each in spans if each in texts or (each in none and none[each][n] == 0)),
                    (Deletes(),) if name in self._positions else (),
                )

    def _vectors(self, table: DeltaTable) -> dict[str, Column]:
        """A mask may be shorter than its file: the rows beyond it are not deleted."""
        if self._copied is not None:
            below = self._place.listed(self._place.folder)
            vectors = {path: below[path] for path in below if _VECTOR.fullmatch(path.rpartition("/")[2])}
            self._fetch(vectors, Path(self._copied.name))
        found: dict[str, Column] = {}
        root = table.table_uri.rstrip("/") + "/"
        for batch in pa.RecordBatchReader.from_stream(table.deletion_vectors()):
            for path, kept in zip(batch.column(0), batch.column(1), strict=True):
                mask = kept.values.to_numpy(zero_copy_only=False)
                uri = path.as_py()
                inside = uri.removeprefix(root).removeprefix("file://" + root)
                found[self._place.named(unquote(inside))] = pa.array(np.flatnonzero(~mask), pa.int64())
        return found

    def _folder(self) -> str:
        """Where the log is on this machine."""
        if self._place.is_local:
            return self._place.folder
        if self._copied is None:
            self._copied = TemporaryDirectory(prefix="statsig-export-")
        root = Path(self._copied.name)
        logs = self._place.folder + "/_delta_log"
        listed = self._place.listed(logs)
        needed = {path: listed[path] for path in _needed(list(listed), logs)}
        for path in self._copies.keys() - needed.keys():
            if path.startswith(f"{logs}/"):
                (root / path.removeprefix(f"{self._place.folder}/")).unlink()
                del self._copies[path]
        self._fetch(needed, root)
        return str(root)

    def _fetch(self, wanted: Mapping[str, object], root: Path) -> None:
        """Only what is not here already: most is written once under its name."""
        for path, facts in wanted.items():
            if self._copies.get(path) != facts:
                target = root / path.removeprefix(f"{self._place.folder}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                self._place.fetch(path, target)
                self._copies[path] = facts


def _require_written(folder: str) -> None:
    """Raise UnreadableTableError for an empty commit: delta-rs takes it for one that changed nothing."""
    for path in sorted(Path(folder, "_delta_log").glob("*.json")):
        if _COMMIT.fullmatch(path.name) and not path.stat().st_size:
            raise UnreadableTableError(
                f"{path.name} of its log is empty: whoever wrote that commit did not come to its end",
                hint="nothing of the window was planned: let the engine that writes the table look at its log, and run"
                " it again when that commit is whole",
            )


def _opened(folder: str) -> DeltaTable:
    try:
        return DeltaTable(folder)
    except DeltaError as error:
        if unknown := _UNKNOWN.search(str(error)):
            raise UnreadableTableError(_ASKED.format(unknown[1])) from None
        raise


_A_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_USED: Final = ("path", "null_count", "min", "max", "partition")


def _needed(paths: Sequence[str], logs: str) -> list[str]:
    """Of the log, what its last checkpoint and the commits since are; and all sidecars, of which that checkpoint says
    only within which it has.

    The last two checkpoints: one that is just being written is not whole.
    """
    names = [path.removeprefix(logs + "/") for path in paths]
    checkpoints = sorted({found[1] for name in names if (found := _LAST_CHECKPOINT.fullmatch(name))})
    since = checkpoints[-2] if len(checkpoints) > 1 else ""
    wanted = [
        name
        for name in names
        if ((found := _COMMIT.fullmatch(name) or _LAST_CHECKPOINT.fullmatch(name)) and found[1] >= since)
        or name == "_last_checkpoint"
        or name.startswith("_sidecars/")
    ]
    return [f"{logs}/{name}" for name in wanted]


def _field(described: Mapping[str, Any], mode: str) -> Field:
    facts, kind = described["metadata"], described["type"]
    name = described["name"]
    physical = facts.get("delta.columnMapping.physicalName", name) if mode != "none" else name
    number = facts.get("delta.columnMapping.id") if mode == "id" else None
    nested = kind if isinstance(kind, dict) else {}
    members = tuple(_field(each, mode) for each in nested.get("fields", ()))
    within = tuple(
        _field({"name": part, "metadata": {}, "type": nested[part]}, mode)
        for part in ("elementType", "keyType", "valueType")
        if part in nested
    )
    return Field(name, _kind(kind), number, (physical,), None, members, within)


def _kind(kind: Any) -> str:  # noqa: ANN401 - JSON
    """In the words of DuckDB; "" for what has none, as a variant."""
    if isinstance(kind, str):
        name = str(kind)
        return name.upper() if name.startswith("decimal") else _KINDS.get(name, "")
    form = str(kind["type"])
    parts = {
        "struct": [_kind(each["type"]) for each in kind.get("fields", ())],
        "array": [_kind(kind.get("elementType", ""))],
        "map": [_kind(kind.get("keyType", "")), _kind(kind.get("valueType", ""))],
    }[form]
    if not all(parts):
        return ""
    if form == "array":
        return f"{parts[0]}[]"
    if form == "map":
        return f"MAP({parts[0]}, {parts[1]})"
    return (
        "STRUCT("
        + ", ".join(f"{quoted(str(each['name']))} {part}" for each, part in zip(kind["fields"], parts, strict=True))
        + ")"
    )


def _parts(said: "Column | None", known: Mapping[str, str]) -> dict[str, Column]:
    """The members of a struct that are columns of the table, by their names there."""
    if said is None or not pa.types.is_struct(said.type):
        return {}
    kind: Any = said.type
    names = [kind.field(n).name for n in range(kind.num_fields)]
    return {known[name]: pc.struct_field(said, [name]) for name in names if name in known}


def _moments(values: Column) -> list[datetime | None]:
    """Times and days; None for what is none, or lies beyond Python's."""
    kind: Any = values.type
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("s"))
    elif not pa.types.is_timestamp(kind):
        return [None] * len(values)
    unit: Any = values.type
    return [_moment(number, _A_SECOND[unit.unit]) for number in values.cast(pa.int64()).to_pylist()]


def _moment(number: int | None, per_second: int) -> datetime | None:
    try:
        return None if number is None else EPOCH + timedelta(microseconds=number * 1_000_000 // per_second)
    except OverflowError:
        return None
