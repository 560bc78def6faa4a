"""The rows of a chunk that are in one shard, before anything is made of them. Pure."""

import pandas as pd

from statsig_export.arrow.columns import TEXT, Column, Mask, array, columns_of, frame_of, pc, values_of, where
from statsig_export.events.buckets import rows_in
from statsig_export.events.content_ids import content_digests, keys_of, uuids
from statsig_export.events.derived_ids import LARGEST_KEY
from statsig_export.events.reshape import row_ids
from statsig_export.events.seen_ids import Occurrences
from statsig_export.events.shards import Shard
from statsig_export.layouts.model import ROW_KEY, SourceTable


class OtherShardsError(Exception):
    """A database has its own opinion of which rows are in a shard."""


def rows_of_shard(
    chunk: pd.DataFrame,
    table: SourceTable,
    source_name: str,
    occurrences: Occurrences | None,
    shard: Shard,
    *,
    told_apart: bool = False,
) -> "tuple[pd.DataFrame, Column | None]":
    """The chunk's rows that are in the shard, and of a table without a key their keys (`content_ids.content_keys`).

    `told_apart`: rows of other shards are not among them, but for those whose ids are not made of an integer key from
    0 to LARGEST_KEY and not the source's own. Raises OtherShardsError where others are.
    """
    if table.key is not None:
        ids = row_ids(chunk, table, source_name)
        mine = rows_in(shard, ids)
        if told_apart and not mine.all():
            _refuse_others(chunk, mine)
        return _rows(chunk, mine), None
    digests = content_digests(chunk, table, source_name, repeats=occurrences is None)
    mine = rows_in(shard, array(uuids(digests), TEXT))
    kept = [digest for digest, is_mine in zip(digests, mine.tolist(), strict=True) if is_mine]
    return _rows(chunk, mine), keys_of(kept, occurrences)


def _refuse_others(chunk: pd.DataFrame, mine: Mask) -> None:
    columns = columns_of(_rows(chunk, ~mine))
    keys, own = columns[ROW_KEY], columns.get("time_uuid")
    if own is not None and where(pc.not_equal(own.cast(TEXT), "")).any():
        raise OtherShardsError
    if any(key is not None and 0 <= int(key) <= LARGEST_KEY for key in values_of(keys)):
        raise OtherShardsError


def _rows(chunk: pd.DataFrame, mask: Mask) -> pd.DataFrame:
    if mask.all():
        return chunk
    mine = array(mask)
    return frame_of({name: values.filter(mine) for name, values in columns_of(chunk).items()})
