"""Iceberg tables: what their metadata say, by pyiceberg, through the file system that reads the files too.

No catalog is asked: the table is its metadata file, or its folder, in which the newest is looked for.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.io.fsspec import FsspecFileIO, FsspecInputFile
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import StaticTable
from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import MappedField
from pyiceberg.table.puffin import PuffinFile
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    DateType,
    IcebergType,
    ListType,
    MapType,
    NestedField,
    PrimitiveType,
    StructType,
    TimestampNanoType,
    TimestampType,
    TimestamptzNanoType,
    TimestamptzType,
)

from statsig_export.arrow.columns import Column
from statsig_export.arrow.parquet import open_parquet
from statsig_export.source.lakes.lake import Place, UnreadableTableError
from statsig_export.source.lakes.snapshot import EPOCH, Deletes, Field, LakeFile, Snapshot, Span, quoted

_KINDS: Final[Mapping[str, str]] = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "REAL",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz_ns": "TIMESTAMPTZ",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}
_METADATA: Final = re.compile(r"(?:v(\d+)|(\d+)-[^/]+?)(?:\.gz)?\.metadata\.json(?:\.gz)?")
_MICROSECONDS: Final = (TimestampType, TimestamptzType)
_NANOSECONDS: Final = (TimestampNanoType, TimestamptzNanoType)


class IcebergLake:
    """An Iceberg table. Each statement sees its newest snapshot."""

    name: Final = "Iceberg"

    def __init__(self, place: Place) -> None:
        self._place = place
        self._io = _Files(place)
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        location = self._place.address(self._place.file or self._newest())
        if self._snapshot is None or self._snapshot.version != location:
            self._snapshot = self._read(location)
        return self._snapshot

    def deleted(self, file: LakeFile) -> Iterator[Column]:
        """The positions of the rows of a file that are deleted."""
        for each in file.deletes:
            with self._place.filesystem.open(self._place.named(each.file), "rb") as opened:
                if each.form == FileFormat.PUFFIN.value:
                    for vector in deletion_vectors_from_puffin_file(PuffinFile(opened.read())):
                        if vector.referenced_data_file == each.of:
                            yield from vector.to_vector().chunks
                elif each.form == FileFormat.PARQUET.value:
                    deletes = open_parquet(opened)
                    for batch in deletes.iter_batches(columns=["file_path", "pos"], use_threads=False):
                        yield batch.filter(pc.equal(batch["file_path"], pa.scalar(each.of)))["pos"]
                else:
                    raise UnreadableTableError(f"it deletes rows by a file in the format {each.form}")

    def close(self) -> None:
        pass

    def _newest(self) -> str:
        """What version-hint.text names, as tables without a catalog have it; else the metadata of the highest number.

        A writer that did not come to its end may leave a second file of a number: then nobody but the catalog knows.
        """
        folder = f"{self._place.folder}/metadata"
        listed = [path.removeprefix(f"{folder}/") for path in self._place.listed(folder)]
        if "version-hint.text" in listed:
            hint = self._place.filesystem.cat_file(f"{folder}/version-hint.text").decode().strip()
            if name := _hinted(hint, frozenset(listed)):
                return f"{folder}/{name}"
        numbered = [(int(found[1] or found[2]), name) for name in listed if (found := _METADATA.fullmatch(name))]
        newest = [name for number, name in numbered if number == max(numbered)[0]]
        if len(newest) != 1:
            raise UnreadableTableError(
                f"its folder metadata has {len(newest)} files of the highest number, so only its catalog knows which of"
                " them counts: let files name that one, .../metadata/NAME.metadata.json"
            )
        return f"{folder}/{newest[0]}"

    def _read(self, location: str) -> Snapshot:
        metadata = FromInputFile.table_metadata(self._io.new_input(location))
        self._refuse_copy(metadata, location.rpartition("/")[0])
        table = StaticTable(
            identifier=("table",),
            metadata=metadata,
            metadata_location=location,
            io=self._io,
            catalog=NoopCatalog("none"),
        )
        schema = table.schema()
        mapping = metadata.name_mapping()
        names = _names(mapping.root if mapping else ())
        fields = tuple(_field(each, names) for each in schema.fields)
        if table.current_snapshot() is None:
            return Snapshot(location, fields, ())
        return Snapshot(location, fields, tuple(self._files(table)))

    def _refuse_copy(self, metadata: TableMetadata, found: str) -> None:
        """Raise UnreadableTableError for metadata that lie elsewhere than they say: they name the files of the table
        that they were copied from.
        """
        said = self._place.named(metadata.properties.get("write.metadata.path") or f"{metadata.location}/metadata")
        if not self._place.is_same(said, found):
            raise UnreadableTableError(
                "its metadata say that the table is in another place: it was copied or moved, and they name the files"
                " of the other",
                hint="let files name the table that it was copied from, or let an engine register the copy"
                " (rewrite_table_path)",
            )

    def _files(self, table: StaticTable) -> Iterator[LakeFile]:
        """Without a filter of pyiceberg's: bounds that are made of Delta's statistics may be a millisecond short."""
        schema, specs = table.schema(), table.specs()
        times = [
            each for each in schema.fields if isinstance(each.field_type, (DateType, *_MICROSECONDS, *_NANOSECONDS))
        ]
        by_id = {each.field_id: each for each in schema.fields}
        try:
            tasks = list(table.scan().plan_files())
        except ValueError as error:
            if "equality deletes" in str(error):
                raise UnreadableTableError(
                    "rows of it are deleted by equality, as Flink writes it, which is not read: let a compaction"
                    " (rewrite_data_files, or the engine's OPTIMIZE) apply them"
                ) from None
            raise
        for number, task in enumerate(tasks):
            file = task.file
            if file.key_metadata is not None:
                raise UnreadableTableError("its files are encrypted")
            if file.file_format != FileFormat.PARQUET:
                raise UnreadableTableError(
                    f"it has files in the format {file.file_format.value}, and only Parquet is read"
                )
            partition = {
                by_id[part.source_id].name: _text(by_id[part.source_id].field_type, file.partition[n])
                for n, part in enumerate(specs[file.spec_id].fields)
                if isinstance(part.transform, IdentityTransform) and part.source_id in by_id
            }
            spans = {each.name: span for each in times if (span := _span(each, file)) is not None}
            nulls = file.null_value_counts or {}
            whole = frozenset(each.name for each in times if nulls.get(each.field_id) == 0)
            deletes = tuple(
                Deletes(each.file_path, each.file_format.value, file.file_path)
                for each in sorted(task.delete_files, key=lambda each: each.file_path)
            )
            yield LakeFile(self._place.named(file.file_path), number, partition, spans, whole, deletes)


class _Files(FsspecFileIO):
    """Files in the table's own file system: with its credentials, and nowhere else."""

    def __init__(self, place: Place) -> None:
        super().__init__({})
        self._place = place

    def get_fs(self, scheme: str, hostname: str | None = None) -> Any:  # noqa: ANN401, ARG002 - pyiceberg's signature
        self._place.require(scheme or "file")
        return self._place.filesystem

    def new_input(self, location: str) -> FsspecInputFile:
        self._place.named(location)
        return super().new_input(location)


def _hinted(hint: str, listed: Collection[str]) -> str | None:
    """The metadata that a hint leads to. A commit is done when its file has its name, and writes the hint after that,
    or does not come to it: so the versions that follow the hint's count too.
    """
    found = next((name for name in (hint, *_of_version(hint), f"{hint}.metadata.json") if name in listed), None)
    version = int(hint) if hint.isdecimal() else None
    while found is not None and version is not None:
        version += 1
        following = next((name for name in _of_version(str(version)) if name in listed), None)
        if following is None:
            break
        found = following
    return found


def _of_version(version: str) -> tuple[str, ...]:
    return tuple(f"v{version}{ending}" for ending in (".metadata.json", ".gz.metadata.json", ".metadata.json.gz"))


def _names(mapped: Iterable[MappedField]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for each in mapped:
        if each.field_id is not None:
            found[each.field_id] = tuple(each.names)
        found |= _names(each.fields)
    return found


def _field(described: NestedField, names: Mapping[int, tuple[str, ...]]) -> Field:
    kind = described.field_type
    members = tuple(_field(each, names) for each in kind.fields) if isinstance(kind, StructType) else ()
    return Field(
        described.name,
        _kind(kind),
        described.field_id,
        names.get(described.field_id, ()),
        None if described.initial_default is None else _text(kind, described.initial_default),
        members,
        _within(kind, names),
    )


def _within(kind: IcebergType, names: Mapping[int, tuple[str, ...]]) -> tuple[Field, ...]:
    if isinstance(kind, ListType):
        return (_field(kind.element_field, names),)
    return (_field(kind.key_field, names), _field(kind.value_field, names)) if isinstance(kind, MapType) else ()


def _kind(kind: IcebergType) -> str:
    """In the words of DuckDB; "" for what has none, as a variant."""
    if isinstance(kind, StructType):
        parts = [_kind(each.field_type) for each in kind.fields]
        named = ", ".join(f"{quoted(each.name)} {part}" for each, part in zip(kind.fields, parts, strict=True))
        return f"STRUCT({named})" if all(parts) else ""
    if isinstance(kind, ListType):
        element = _kind(kind.element_type)
        return f"{element}[]" if element else ""
    if isinstance(kind, MapType):
        key, value = _kind(kind.key_type), _kind(kind.value_type)
        return f"MAP({key}, {value})" if key and value else ""
    text = str(kind)
    if text.startswith("decimal"):
        return text.upper()
    return "BLOB" if text.startswith("fixed") else _KINDS.get(text, "")


def _span(field: NestedField, file: DataFile) -> Span | None:
    low, high = ((bounds or {}).get(field.field_id) for bounds in (file.lower_bounds, file.upper_bounds))
    kind = field.field_type
    if low is None or high is None or not isinstance(kind, PrimitiveType):
        return None
    try:
        return _moment(kind, from_bytes(kind, low)), _moment(kind, from_bytes(kind, high))
    except (ValueError, OverflowError, ArithmeticError, LookupError):
        return None  # bounds of another type, from before the column's was changed, or of a time that is none


def _moment(kind: IcebergType, value: Any) -> datetime:  # noqa: ANN401 - as pyiceberg has it
    """A number of days, of microseconds or of nanoseconds."""
    if isinstance(kind, DateType):
        return EPOCH + timedelta(days=value)
    return EPOCH + timedelta(microseconds=value // 1_000 if isinstance(kind, _NANOSECONDS) else value)


def _text(kind: IcebergType, value: Any) -> str | None:  # noqa: ANN401 - as pyiceberg has it
    if value is None:
        return None
    if isinstance(value, int) and isinstance(kind, (DateType, *_MICROSECONDS, *_NANOSECONDS)):
        return _moment(kind, value).isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)
