"""Parquet files that Python has open.

Arrow would read such a file ahead, in threads of its own that call Python for each read. One that still does when the
interpreter ends aborts the process after its work is done ("terminate called without an active exception") or keeps it
from ending (arrow#34314, arrow#50482). So nothing is read ahead here, and whoever reads says `use_threads=False`.
"""

from typing import IO, Any

import pyarrow.parquet as pq


def open_parquet(source: IO[bytes], **limits: int) -> pq.ParquetFile:
    """The open file, for reads in this thread. `limits` are ParquetFile's own, of what its footer may hold."""
    options: dict[str, Any] = {**limits, "pre_buffer": False}
    return pq.ParquetFile(source, **options)
