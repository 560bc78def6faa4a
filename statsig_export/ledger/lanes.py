"""Lanes: what one lock is for, so that several shippers can be at work on a partition that was exported in shards.

The batches of one shard are a lane, whichever export they are of; those of files that hold the rows of a whole window
go with shard 0. A partition that never was in shards is one lane, named by its id alone.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among, among_given
from statsig_export.ledger.tables import batches, generations, sharded_generations

_SINCE_VERSION = 6
"""Of the schema: an older ledger has no shards."""


class Lane(NamedTuple):
    """The batches of one shard of a partition."""

    partition: int
    number: int


Held: TypeAlias = int | Lane
"""What is held by one lock: a whole partition that never was in shards, or a lane of one that was."""


def partition_of(held: Held) -> int:
    return held.partition if isinstance(held, Lane) else held


def _lanes() -> Select[Any]:
    columns = sharded_generations.c
    same = and_(generations.c.partition == columns.partition, generations.c.generation == columns.generation)
    ever = select(columns.partition).where(among_given(columns.partition, "of"))
    return (
        select(generations.c.partition, func.coalesce(columns.shard, 0))
        .outerjoin(sharded_generations, same)
        .where(generations.c.partition.in_(ever))
        .distinct()
    )


_LANES: Final = _lanes()


def lanes_of(database: LedgerDatabase, ids: Collection[int]) -> Mapping[int, Sequence[Held]]:
    """Partition -> what it has to be locked by, at the moment."""
    found: dict[int, set[int]] = defaultdict(set)
    if database.version >= _SINCE_VERSION:
        with database.read() as connection:
            for row in connection.execute(_LANES, {"of": list(ids)}):
                found[row[0]].add(int(row[1]))
    return {
        partition: [Lane(partition, n) for n in sorted(found.get(partition, ()))] or [partition] for partition in ids
    }


def of_batches(held: Collection[Held]) -> ColumnElement[bool]:
    """The condition that a batch is among these."""
    whole = [one for one in held if not isinstance(one, Lane)]
    by_number: dict[int, list[int]] = defaultdict(list)
    for one in held:
        if isinstance(one, Lane):
            by_number[one.number].append(one.partition)
    of_lanes = [
        and_(among(batches.c.partition, partitions), _lane_of_batch() == number)
        for number, partitions in by_number.items()
    ]
    return or_(among(batches.c.partition, whole), *of_lanes) if of_lanes else among(batches.c.partition, whole)


def _lane_of_batch() -> ColumnElement[int]:
    columns = sharded_generations.c
    mine = (columns.partition == batches.c.partition, columns.generation == batches.c.generation)
    shard = select(columns.shard).where(*mine).correlate(batches).scalar_subquery()
    return func.coalesce(shard, 0)
