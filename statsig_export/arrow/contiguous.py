"""One array where Arrow has chunks."""

from __future__ import annotations  # pyarrow's types are generic in its stubs only

from typing import Any

import pyarrow as pa


def contiguous(values: pa.Array[Any] | pa.ChunkedArray[Any]) -> pa.Array[Any]:
    """The values as one array. A single chunk is handed out as it is: `combine_chunks` would copy it."""
    if isinstance(values, pa.Array):
        return values
    whole: Any = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    array: pa.Array[Any] = whole
    return array
