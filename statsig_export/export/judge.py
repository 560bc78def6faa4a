"""What becomes of each row of a window: a chunk goes in, its new events and the verdicts on all the others come out.

Each row is, the first that applies:
  1. already planned: an earlier export of the window put its timeUUID into a partition, and no later change of the row
     or of the filter takes that back;
  2. failed, with a reason, in reshaping;
  3. forgotten: of somebody who asked to be;
  4. filtered, under the rule of the filter that leaves it out;
  5. failed, with a reason, in encoding;
  6. filtered under `duplicate`: the window held its timeUUID before;
  7. new.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from statsig_export.arrow.columns import TEXT, Column, Mask, column, text, where
from statsig_export.arrow.contiguous import contiguous
from statsig_export.delivery.batches import BRACKETS
from statsig_export.events.bounded_reshape import bounded_reshape, without_giants
from statsig_export.events.content_ids import content_keys
from statsig_export.events.encoding import encode
from statsig_export.events.filters import verdicts
from statsig_export.events.forgotten import of_rows
from statsig_export.events.people import NOBODY, Forgotten
from statsig_export.events.reshape import Reshaped
from statsig_export.events.seen_ids import Occurrences, SeenIds
from statsig_export.events.shard_rows import rows_of_shard
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import NOTHING_SEEN, Seen
from statsig_export.layouts.model import Role, SourceTable
from statsig_export.privacy.rule import Rule
from statsig_export.settings import FilterSettings, SourceSettings, WebhookSettings
from statsig_export.spans import Place, each, span
from statsig_export.vocabulary import Category

DUPLICATE = "duplicate"
"""The rule under which a repeated timeUUID is filtered."""
PART_BYTES: Final = 6 * 2**20
"""What is judged and encoded at once. jemalloc keeps no block of 8 MiB or more for the next chunk, and to fill a fresh
one with the texts of events takes several times as long.
"""
_UUID: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


@dataclass(slots=True)
class Tally:
    """The rows of one category that a run has judged so far."""

    rows: int = 0
    """Counted as they come out of reshaping, apart from what becomes of them."""
    new: int = 0
    already_planned: int = 0
    filtered_by: Counter[str] = field(default_factory=Counter)
    failed_by: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0

    @property
    def balances(self) -> bool:
        judged = self.new + self.already_planned + self.filtered_by.total() + self.failed_by.total() + self.forgotten
        return self.rows == judged


@dataclass(frozen=True, slots=True)
class Judged:
    """What a chunk adds: per category the new events (columns of storage.EVENTS) and the failed rows
    (columns of storage.QUARANTINE).
    """

    events: Mapping[Category, pa.Table]
    failed: Mapping[Category, pa.Table]


class Judge:
    """Judges the chunks of one window, in order. Holds 16 bytes for each row, 36 where the table has no key."""

    def __init__(  # noqa: PLR0913  what decides about a row
        self,
        source: SourceSettings,
        filter_settings: FilterSettings,
        webhook: WebhookSettings,
        planned: Mapping[Category, SeenIds],
        planned_elsewhere: SeenIds | None = None,
        rule: Rule | None = None,
        *,
        forgotten: Forgotten = NOBODY,
        shard: Shard | None = None,
    ) -> None:
        """`planned` holds, for each category the run is for, the ids that earlier exports planned;
        `planned_elsewhere` those of the window's other categories: a row that is of another category by now was sent.
        `rule` is that of [privacy], None where nothing is dropped or hashed. Rows of people who are `forgotten` are
        left out. With a `shard`, rows of others are left alone, as if they were not there.
        """
        self.shard = shard
        self._forgotten = forgotten if rule is None else replace(forgotten, stored=rule.stored_id)
        self._source = source
        self._filter = filter_settings
        self._max_event_bytes = webhook.max_bytes - BRACKETS
        self._timestamps = webhook.timestamps
        self._rule = rule
        self._planned = planned
        self._planned_elsewhere = planned_elsewhere or SeenIds()
        self._seen = {category: SeenIds() for category in planned}
        self._contents: dict[SourceTable, Occurrences] = {}
        self.tallies = {category: Tally() for category in planned}
        self.seen: dict[Role, Seen] = {}
        """What kinds of ids the rows of each table had."""
        self.statements: dict[str, str] = {}
        """Source table -> the statement that reads it, once its read has begun."""

    @property
    def source_name(self) -> str:
        return self._source.name

    def reshaped(
        self,
        chunks: Iterable[pd.DataFrame],
        table: SourceTable,
        place: Place | None = None,
        *,
        told_apart: bool = False,
    ) -> Generator[Reshaped]:
        """The canonical frames of a table, in order, as they are judged. Shares nothing with `judge`: a thread of its
        own may be ahead of it.

        `told_apart`: the database has left out the rows of other shards. Raises OtherShardsError where it has another
        opinion of which they are.
        """
        contents = None if table.repeats_are_duplicates else self._contents.setdefault(table, Occurrences())
        for found in chunks:
            chunk, keys = self._mine_of(
                without_giants(found, self._max_event_bytes), table, contents, told_apart=told_apart
            )
            if not len(chunk):
                continue
            parts = bounded_reshape(chunk, table, self._source, self._max_event_bytes, keys)
            for reshaped in each("reshape", parts, place):
                self.seen[table.role] = self.seen.get(table.role, NOTHING_SEEN) | reshaped.ids
                yield from reshaped.in_parts(PART_BYTES)

    def _mine_of(
        self, chunk: pd.DataFrame, table: SourceTable, contents: Occurrences | None, *, told_apart: bool
    ) -> "tuple[pd.DataFrame, Column | None]":
        """The rows of the shard, and what they are known by in a table without a key."""
        name = self._source.name
        if self.shard is not None:
            return rows_of_shard(chunk, table, name, contents, self.shard, told_apart=told_apart)
        return chunk, None if table.key else content_keys(chunk, table, name, contents)

    def judge(self, reshaped: Reshaped) -> Judged:
        """Judge the rows of a chunk; those of categories the run is not for are left alone."""
        events = self._mine(reshaped.events)
        failed = self._mine(reshaped.failed)
        for category, rows in _counts(events, failed).items():
            self.tallies[category].rows += rows
        failed = _rows(failed, ~self._take_planned(failed))
        events = _rows(events, ~self._take_planned(events))
        with span("filter", rows=len(events)):
            events = _rows(events, ~self._take_forgotten(events)) if self._forgotten else events
            events = _rows(events, ~self._take_filtered(events))
        with span("encode", rows=len(events)):
            encoded = encode(events, self._max_event_bytes, self._timestamps, self._rule)
        return Judged(self._take_new(encoded.table), self._take_failed(failed, encoded.failed))

    def replaces_planned(self, categories: Iterable[Category]) -> bool:
        """Whether the window has rows to plan while some that earlier exports planned were not found in it again."""
        mine = [category for category in categories if category in self.tallies]
        missing = any(len(self._planned[one]) > self.tallies[one].already_planned for one in mine)
        return missing and any(self.tallies[one].new for one in mine)

    def _mine(self, rows: pa.Table) -> pa.Table:
        mine = pa.array([category.value for category in self._planned], TEXT)
        return _rows(rows, where(pc.is_in(column(rows, "category", TEXT), mine)))

    def _take_planned(self, table: pa.Table) -> Mask:
        """Count the rows that earlier exports planned; a repetition of one is a duplicate like any other."""
        taken = np.zeros(len(table), dtype=np.bool_)
        ids = column(table, "time_uuid", TEXT)
        known = where(pc.is_valid(ids))
        for category, rows in _by_category(table):
            if not len(self._planned[category]):
                continue
            found = _holds(self._planned[category], ids.filter(pa.array(rows & known)))
            taken[np.flatnonzero(rows & known)[found]] = True
            first = self._seen[category].add_new(ids.filter(pa.array(rows & taken)))
            self.tallies[category].already_planned += int(first.sum())
            self._count_duplicates(category, int((~first).sum()))
        return taken

    def _take_forgotten(self, events: pa.Table) -> Mask:
        columns = [column(events, name, TEXT) for name in ("user_id", "user", "statsig_metadata")]
        taken = of_rows(self._forgotten, *columns)
        for category, rows in _by_category(events):
            self.tallies[category].forgotten += int((rows & taken).sum())
        return taken

    def _take_filtered(self, events: pa.Table) -> Mask:
        rules = verdicts(events, self._filter)
        for category, rows in _by_category(events):
            self.tallies[category].filtered_by.update(_value_counts(rules.filter(pa.array(rows))))
        return where(pc.is_valid(rules))

    def _take_new(self, encoded: pa.Table) -> dict[Category, pa.Table]:
        events = {}
        for category, part in _split(encoded):
            ids = contiguous(part["time_uuid"])
            moved = self._planned_in_another(category, ids)
            new = ~moved
            new[new] = self._seen[category].add_new(ids.filter(pa.array(new)) if moved.any() else ids)
            self.tallies[category].new += int(new.sum())
            self._count_duplicates(category, int((~new).sum()))
            events[category] = part if new.all() else part.filter(pa.array(new))
        return events

    def _planned_in_another(self, category: Category, ids: Column) -> Mask:
        """Which of the ids earlier exports planned when their rows were of another category."""
        moved = np.zeros(len(ids), dtype=np.bool_)
        for other, planned in ((None, self._planned_elsewhere), *self._planned.items()):
            if other is not category and len(planned):
                moved |= planned.contains(ids)
        return moved

    def _take_failed(self, *parts: pa.Table) -> dict[Category, pa.Table]:
        if not any(map(len, parts)):
            return {}
        failed = {}
        for category, part in _split(pa.concat_tables(parts)):
            self.tallies[category].failed_by.update(_value_counts(contiguous(part["reason"])))
            failed[category] = part
        return failed

    def _count_duplicates(self, category: Category, rows: int) -> None:
        if rows:
            self.tallies[category].filtered_by[DUPLICATE] += rows


def _holds(planned: SeenIds, ids: Column) -> Mask:
    """Which of the ids were planned, a UUID in whatever case: a column of UUIDs writes them small."""
    found = planned.contains(ids)
    others = ids.filter(pa.array(~found))
    uuids = where(pc.match_substring_regex(others, _UUID))
    if uuids.any():
        spelled = others.filter(pa.array(uuids))
        found[np.flatnonzero(~found)[uuids]] = planned.contains(pc.utf8_lower(spelled)) | planned.contains(
            pc.utf8_upper(spelled)
        )
    return found


def _rows(table: pa.Table, mask: Mask) -> pa.Table:
    """The rows of the mask; all of them uncopied."""
    return table if mask.all() else table.filter(pa.array(mask))


def _by_category(table: pa.Table) -> Iterator[tuple[Category, Mask]]:
    """The categories that occur in a table, each with its rows."""
    names = column(table, "category", TEXT)
    for name in _value_counts(names):
        yield Category(name), where(pc.equal(names, text(name)))


def _split(table: pa.Table) -> Iterator[tuple[Category, pa.Table]]:
    """A table's rows by category, in order."""
    names = contiguous(table["category"])
    for name in _value_counts(names):
        yield Category(name), table.filter(pc.equal(names, text(name)))


def _counts(*tables: pa.Table) -> Counter[Category]:
    counts: Counter[Category] = Counter()
    for table in tables:
        counts.update({category: int(rows.sum()) for category, rows in _by_category(table)})
    return counts


def _value_counts(values: Column) -> dict[str, int]:
    """How often each value occurs, null left out."""
    pairs: Any = pc.value_counts(values.drop_null())
    return {pair["values"]: pair["counts"] for pair in pairs.to_pylist()}
