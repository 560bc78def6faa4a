"""What Spark's Thrift server says of a result, in the form in which Databricks sends it: Arrow record batches.

Spark has columns of plain values, with a time as its text; Databricks has the schema of Arrow, and batches without it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService.ttypes import (
    TColumn,
    TFetchResultsResp,
    TGetResultSetMetadataResp,
    TRowSet,
    TSparkArrowBatch,
    TSparkRowSetType,
    TTableSchema,
    TTypeId,
)

_PLAIN = {
    TTypeId.BOOLEAN_TYPE: pa.bool_(),
    TTypeId.TINYINT_TYPE: pa.int8(),
    TTypeId.SMALLINT_TYPE: pa.int16(),
    TTypeId.INT_TYPE: pa.int32(),
    TTypeId.BIGINT_TYPE: pa.int64(),
    TTypeId.FLOAT_TYPE: pa.float32(),
    TTypeId.DOUBLE_TYPE: pa.float64(),
    TTypeId.TIMESTAMP_TYPE: pa.timestamp("us"),
    TTypeId.DATE_TYPE: pa.date32(),
    TTypeId.BINARY_TYPE: pa.binary(),
    TTypeId.NULL_TYPE: pa.null(),
}
"""Any other type is a text."""
_READ = {
    TTypeId.TIMESTAMP_TYPE: datetime.fromisoformat,
    TTypeId.DATE_TYPE: date.fromisoformat,
    TTypeId.DECIMAL_TYPE: Decimal,
}
"""From what Spark sends as text."""
_KINDS = ("boolVal", "byteVal", "i16Val", "i32Val", "i64Val", "doubleVal", "stringVal", "binaryVal")


def arrow_schema(schema: TTableSchema) -> pa.Schema:
    return pa.schema([(column.columnName, _arrow_type(column)) for column in schema.columns])


def with_arrow(metadata: TGetResultSetMetadataResp, form: int, *, compressed: bool) -> TGetResultSetMetadataResp:
    """Spark's description of a result, with what Databricks' has beside it."""
    metadata.resultFormat = form
    metadata.lz4Compressed = compressed
    metadata.arrowSchema = arrow_schema(metadata.schema).serialize().to_pybytes()
    metadata.isStagingOperation = False
    return metadata


def batch_of(answer: TFetchResultsResp, schema: TTableSchema) -> pa.RecordBatch:
    """The rows of one answer of Spark's."""
    columns = answer.results.columns or [None] * len(schema.columns)
    arrays = [_array(values, column) for values, column in zip(columns, schema.columns, strict=True)]
    return pa.record_batch(arrays, schema=arrow_schema(schema))


def inline(batch: pa.RecordBatch, offset: int, pack: Any) -> TRowSet:  # noqa: ANN401 - bytes -> bytes
    """The rows within the answer itself; `pack` compresses bytes."""
    batches = [TSparkArrowBatch(pack(batch.serialize().to_pybytes()), batch.num_rows)] if batch.num_rows else []
    return TRowSet(startRowOffset=offset, rows=[], arrowBatches=batches)


def as_file(batch: pa.RecordBatch) -> bytes:
    """The rows as a file that is to be fetched: a whole stream."""
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(written.getvalue().to_pybytes())


INLINE, LINKS = TSparkRowSetType.ARROW_BASED_SET, TSparkRowSetType.URL_BASED_SET


def _entry(column: Any) -> Any:  # noqa: ANN401 - generated code
    return column.typeDesc.types[0].primitiveEntry


def _arrow_type(column: Any) -> pa.DataType:  # noqa: ANN401
    entry = _entry(column)
    if entry.type == TTypeId.DECIMAL_TYPE:
        qualifiers = entry.typeQualifiers.qualifiers
        return pa.decimal128(qualifiers["precision"].i32Value, qualifiers["scale"].i32Value)
    return _PLAIN.get(entry.type, pa.string())


def _array(values: TColumn | None, column: Any) -> pa.Array:  # noqa: ANN401
    if values is None:
        return pa.array([], _arrow_type(column))
    found = next(one for kind in _KINDS if (one := getattr(values, kind)) is not None)
    read = _READ.get(_entry(column).type, lambda value: value)
    row = [None if _is_null(found.nulls, place) else read(value) for place, value in enumerate(found.values)]
    return pa.array(row, _arrow_type(column))


def _is_null(nulls: bytes, place: int) -> bool:
    """A bit a value, from the lowest; trailing zeroes are left out."""
    return place >> 3 < len(nulls) and bool(nulls[place >> 3] & 1 << (place & 7))
