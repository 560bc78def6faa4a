"""What the ledger knows of a partition file, as part of any statement that joins its generation."""

from typing import Any, Final

from sqlalchemy import Row

from statsig_export.ledger.tables import generations
from statsig_export.storage.files import StoredFile

STORED: Final = (
    generations.c.file.label("file_path"),
    *(generations.c[name].label(f"file_{name}") for name in ("digest", "bytes", "rows")),
)


def stored_file(row: "Row[*tuple[Any, ...]]") -> StoredFile:
    """The file of a row of a statement that selects `STORED`."""
    return StoredFile(path=row.file_path, digest=row.file_digest, bytes=row.file_bytes, rows=row.file_rows)
