"""Reads a window, or one shard of it: judges its rows, and makes the files of its new events durable.

Nothing of it is on record before the ledger is told.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from statsig_export.crashpoints import CrashPoint, reach
from statsig_export.errors import LedgerError
from statsig_export.events.seen_ids import SeenIds
from statsig_export.events.shards import Shard
from statsig_export.events.table_identity import Seen
from statsig_export.export.judge import Judge, Judged, Tally
from statsig_export.export.opening import Known, Opened, Run, planned_elsewhere
from statsig_export.export.prefetch import write_behind
from statsig_export.export.repair import read_ids
from statsig_export.export.window import judge_window
from statsig_export.export.writer import window_writer
from statsig_export.layouts.model import Role
from statsig_export.ledger.forgotten import refuse_forgotten_since
from statsig_export.ledger.plans import PartitionPlan
from statsig_export.spans import Place, here, span
from statsig_export.vocabulary import Category
from statsig_export.windows import Window, partition_key


@dataclass(frozen=True, slots=True)
class Read:
    """What a window, or a shard of it, came to. Its files are durable."""

    plans: Sequence[PartitionPlan]
    tallies: Mapping[Category, Tally]
    rows_read: int
    statements: Mapping[str, str]
    """Source table -> the statement that reads the window."""
    seen: Mapping[Role, Seen]
    """What kinds of ids the rows of each table had."""


def read_rows(
    run: Run, opened: Opened, known: Known, earlier: Mapping[Category, SeenIds], shard: Shard | None = None
) -> Read:
    """Read the rows of the window that are in the shard, None: all. `earlier` are the ids that were planned before, by
    category: at least those in the shard.

    Raises SourceError, StorageError, ConfigError, and StalePlanError where somebody was forgotten meanwhile.
    """
    config, window, database = run.config, run.window, opened.ledger.database
    by_id = shard if all(table.key is not None for table in opened.source.tables) else None
    judge = Judge(
        config.source,
        config.filter,
        config.webhook,
        earlier,
        planned_elsewhere(opened.ledger, opened.storage, config, window, run.categories, by_id),
        config.privacy_rule(),
        forgotten=known.forgotten,
        shard=shard,
    )
    rows_read = 0
    with window_writer(opened.storage, config.webhook, run.categories) as writer:
        with (
            write_behind(_traced(writer.add, here())) as write,
            closing(judge_window(opened.source, window, judge, known.identities)) as chunks,
        ):
            for judged, rows in chunks:
                write(judged)
                rows_read += rows
                run.context.on_progress(rows)
                reach(CrashPoint.READING)
        _check_balance(window, judge.tallies)
        refuse_forgotten_since(database, config.webhook.name, known.forgotten)
        with span("publish"):
            plans = writer.publish(window, known.planned, judge.tallies, shard)
    return Read(plans, judge.tallies, rows_read, judge.statements, judge.seen)


def earlier_ids_of(run: Run, opened: Opened, known: Known, shard: Shard) -> tuple[dict[Category, SeenIds], list[str]]:
    """The ids that earlier exports planned, by category: those in the shard, and where its rows are known by their
    content all of them. With them the files that cannot be read.
    """
    ids, lost = {}, list[str]()
    for category in run.categories:
        tables = [table for table in opened.source.tables if category in table.categories]
        by_id = shard if all(table.key is not None for table in tables) else None
        ids[category], unread = read_ids(opened.storage, known.planned[category].stored, by_id)
        lost += [file.path for file in unread]
    return ids, lost


def _traced(write: Callable[[Judged], None], place: Place | None) -> Callable[[Judged], None]:
    """With a span around each chunk's part, in the writer's thread; the function itself where nothing is traced."""
    if place is None:
        return write

    def traced_write(judged: Judged) -> None:
        with span("write", place, rows=sum(map(len, judged.events.values()))):
            write(judged)

    return traced_write


def _check_balance(window: Window, tallies: Mapping[Category, Tally]) -> None:
    for category, tally in tallies.items():
        if not tally.balances:
            raise LedgerError(
                f"{partition_key(category, window.key)}: {tally.rows} rows read, but {tally} add up otherwise"
            )
