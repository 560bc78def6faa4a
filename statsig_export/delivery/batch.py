"""One planned request: which rows of a partition file it holds. Apart from batches.py, since this needs no pyarrow."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of one partition file, and what the body made of them weighs and is called."""

    batch_id: str
    first_row: int
    rows: int
    body_bytes: int
