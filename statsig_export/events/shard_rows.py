"""The rows of a chunk that are in one shard, before anything is made of them. Pure."""

import pandas as pd

from statsig_export.arrow.columns import TEXT, Column, Mask, array, columns_of, frame_of
from statsig_export.events.buckets import rows_in
from statsig_export.events.content_ids import content_digests, keys_of, uuids
from statsig_export.events.reshape import row_ids
from statsig_export.events.seen_ids import Occurrences
from statsig_export.events.shards import Shard
from statsig_export.layouts.model import SourceTable


def rows_of_shard(
    chunk: pd.DataFrame, table: SourceTable, source_name: str, occurrences: Occurrences | None, shard: Shard
) -> "tuple[pd.DataFrame, Column | None]":
    """The chunk's rows that are in the shard, and of a table without a key their keys (`content_ids.content_keys`)."""
    if table.key is not None:
        return _rows(chunk, rows_in(shard, row_ids(chunk, table, source_name))), None
    digests = content_digests(chunk, table, source_name, repeats=occurrences is None)
    mine = rows_in(shard, array(uuids(digests), TEXT))
    kept = [digest for digest, is_mine in zip(digests, mine.tolist(), strict=True) if is_mine]
    return _rows(chunk, mine), keys_of(kept, occurrences)


def _rows(chunk: pd.DataFrame, mask: Mask) -> pd.DataFrame:
    if mask.all():
        return chunk
    mine = array(mask)
    return frame_of({name: values.filter(mine) for name, values in columns_of(chunk).items()})
