"""Delta and Iceberg tables for the tests: what the libraries do not write themselves is laid down by the formats'
specifications.
"""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io import OutputFile
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyroaring import BitMap

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_KINDS = {"int64": "long", "int32": "integer", "string": "string", "timestamp[us]": "timestamp_ntz", "bool": "boolean"}
_KINDS |= {"timestamp[us, tz=UTC]": "timestamp", "double": "double", "date32[day]": "date"}


def column(name: str, kind: Any, physical: str = "", number: int = 0) -> dict[str, Any]:  # noqa: ANN401
    """A column of a Delta table, with its name in the files where that is another."""
    mapping = {"delta.columnMapping.physicalName": physical, "delta.columnMapping.id": number} if physical else {}
    return {"name": name, "type": kind, "nullable": True, "metadata": mapping}


def columns_of(table: pa.Table) -> list[dict[str, Any]]:
    return [column(field.name, _KINDS[str(field.type)]) for field in table.schema]


def add(folder: Path, name: str, table: pa.Table, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """A file of a Delta table and its action."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / name)
    size = (folder / name).stat().st_size
    statistics = json.dumps({"numRecords": table.num_rows, **facts.pop("stats", {})})
    values = {"path": name, "partitionValues": {}, "size": size, "modificationTime": 0, "dataChange": True}
    return {"add": {**values, "stats": statistics, **facts}}


def lay_down_delta(
    folder: Path,
    columns: Sequence[Mapping[str, Any]],
    actions: Sequence[Mapping[str, Any]],
    features: Sequence[str] = (),
    partitions: Sequence[str] = (),
    **configuration: str,
) -> None:
    """Version 0 of a table."""
    features = sorted({*features, "timestampNtz"})
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    metadata = {
        "id": "5b9ba902-fd30-4d39-9d0b-bc48a1b3dc0b",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": list(columns)}),
        "partitionColumns": list(partitions),
        "configuration": {f"delta.{name}": value for name, value in configuration.items()},
        "createdTime": 0,
    }
    commit(folder, 0, [{"protocol": protocol}, {"metaData": metadata}, *actions])


def commit(folder: Path, version: int, actions: Sequence[Mapping[str, Any]]) -> None:
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{version:020}.json").write_text("\n".join(map(json.dumps, actions)))


def _bitmaps(positions: Sequence[int]) -> bytes:
    return struct.pack("<qi", 1, 0) + BitMap(positions).serialize()


def inline_vector(positions: Sequence[int]) -> dict[str, Any]:
    """A deletion vector in the log itself."""
    body = struct.pack("<i", 1681511377) + _bitmaps(positions)
    padded = body + b"\0" * (-len(body) % 4)
    return {
        "storageType": "i",
        "pathOrInlineDv": _z85(padded),
        "sizeInBytes": len(body),
        "cardinality": len(positions),
    }


def stored_vector(folder: Path, positions: Sequence[int]) -> dict[str, Any]:
    """A deletion vector in a file of its own, beside the others."""
    body = struct.pack("<i", 1681511377) + _bitmaps(positions)
    number = bytes(range(16))
    name = "deletion_vector_00010203-0405-0607-0809-0a0b0c0d0e0f.bin"
    (folder / name).write_bytes(b"\x01" + struct.pack(">i", len(body)) + body + struct.pack(">I", zlib.crc32(body)))
    facts = {"offset": 1, "sizeInBytes": len(body), "cardinality": len(positions)}
    return {"storageType": "u", "pathOrInlineDv": _z85(number), **facts}


def _z85(data: bytes) -> str:
    text = ""
    for (number,) in struct.iter_unpack(">I", data):
        text += "".join(_Z85[number // 85**power % 85] for power in range(4, -1, -1))
    return text


def iceberg_table(folder: Path, table: pa.Table, **properties: str) -> Table:
    """A table in a folder of its own, by a catalog in memory that nobody asks later."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("test", uri="sqlite:///:memory:", warehouse=f"file://{folder.parent}")
    catalog.create_namespace("lake")
    made = catalog.create_table(f"lake.{folder.name}", table.schema, location=f"file://{folder}", properties=properties)
    made.append(table)
    return made


class _DeleteManifest(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def commit_deletes(table: Table, folder: Path, delete: DataFile) -> Path:
    """A snapshot that deletes rows by a file, as Spark's and Flink's merge-on-read does; the metadata file of it."""
    metadata = json.loads(Path(table.metadata_location.removeprefix("file://")).read_text())
    current = table.current_snapshot()
    assert current is not None
    snapshot, sequence = current.snapshot_id + 1, metadata["last-sequence-number"] + 1

    def output(name: str) -> OutputFile:
        return table.io.new_output(f"file://{folder}/metadata/{name}")

    with _DeleteManifest(
        UNPARTITIONED_PARTITION_SPEC, table.schema(), output("deletes.avro"), snapshot, "deflate"
    ) as manifest:
        entry = ManifestEntry.from_args(
            status=ManifestEntryStatus.ADDED, snapshot_id=snapshot, sequence_number=None, data_file=delete
        )
        manifest.add_entry(entry)
    deletes: ManifestFile = manifest.to_manifest_file()
    name = f"file://{folder}/metadata/snap-{snapshot}.avro"
    with write_manifest_list(
        2, table.io.new_output(name), snapshot, current.snapshot_id, sequence, "deflate"
    ) as listed:
        listed.add_manifests([*current.manifests(table.io), deletes])
    metadata["last-sequence-number"] = sequence
    metadata["current-snapshot-id"] = snapshot
    metadata["refs"]["main"]["snapshot-id"] = snapshot
    metadata["snapshots"].append(
        {
            "snapshot-id": snapshot,
            "parent-snapshot-id": current.snapshot_id,
            "sequence-number": sequence,
            "timestamp-ms": metadata["last-updated-ms"] + 1,
            "manifest-list": name,
            "summary": {"operation": "delete"},
            "schema-id": metadata["current-schema-id"],
        }
    )
    path = folder / f"metadata/{sequence:05}-deletes.metadata.json"
    path.write_text(json.dumps(metadata))
    return path


def position_deletes(table: Table, folder: Path, of: str, positions: Sequence[int]) -> DataFile:
    """Rows of one file by their positions, in Parquet."""
    path = folder / "data/deletes.parquet"
    pq.write_table(pa.table({"file_path": [of] * len(positions), "pos": pa.array(positions, pa.int64())}), path)
    return _delete_file(table, path, DataFileContent.POSITION_DELETES, FileFormat.PARQUET, len(positions))


def equality_deletes(table: Table, folder: Path, keys: Sequence[int]) -> DataFile:
    """Rows that have one of these keys, as Flink deletes them."""
    path = folder / "data/equality.parquet"
    pq.write_table(pa.table({"id": pa.array(keys, pa.int64())}), path)
    return _delete_file(table, path, DataFileContent.EQUALITY_DELETES, FileFormat.PARQUET, len(keys), [1])


def puffin_deletes(table: Table, folder: Path, of: str, positions: Sequence[int]) -> DataFile:
    """Rows of one file by a deletion vector."""
    vector = b"\xd1\xd3\x39\x64" + _bitmaps(positions)
    blob = struct.pack(">i", len(vector)) + vector + struct.pack(">I", zlib.crc32(vector))
    described = {
        "type": "deletion-vector-v1",
        "fields": [2147483645],
        "snapshot-id": -1,
        "sequence-number": -1,
        "offset": 4,
        "length": len(blob),
        "properties": {"referenced-data-file": of, "cardinality": str(len(positions))},
    }
    footer = json.dumps({"blobs": [described], "properties": {}}).encode()
    path = folder / "data/deletes.puffin"
    magic = b"PFA1"
    path.write_bytes(magic + blob + magic + footer + struct.pack("<i", len(footer)) + b"\0\0\0\0" + magic)
    return _delete_file(table, path, DataFileContent.POSITION_DELETES, FileFormat.PUFFIN, len(positions))


def _delete_file(
    table: Table, path: Path, content: DataFileContent, form: FileFormat, rows: int, equal: list[int] | None = None
) -> DataFile:
    return DataFile.from_args(
        content=content,
        file_path=f"file://{path}",
        file_format=form,
        partition=Record(),
        record_count=rows,
        file_size_in_bytes=path.stat().st_size,
        column_sizes={},
        value_counts={},
        null_value_counts={},
        nan_value_counts={},
        lower_bounds={},
        upper_bounds={},
        key_metadata=None,
        split_offsets=[],
        equality_ids=equal,
        sort_order_id=None,
        spec_id=table.spec().spec_id,
    )
