"""Reads a window of the source and has it judged, chunk by chunk."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from statsig_export.config import Config
from statsig_export.events.derived_ids import LARGEST_KEY, derived_prefix
from statsig_export.events.table_identity import NOTHING_SEEN, Made, TableIdentity, made_of
from statsig_export.export.judge import Judge, Judged
from statsig_export.export.prefetch import read_ahead
from statsig_export.layouts.families import Family
from statsig_export.layouts.model import Role, SourceTable
from statsig_export.layouts.placement import table_settings
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.identities import identities_of, refuse_respelled_keys
from statsig_export.source.shards import Hashes
from statsig_export.source.source import Source, out_of_memory
from statsig_export.spans import each, here
from statsig_export.vocabulary import Category
from statsig_export.windows import Window


def judge_window(
    source: Source, window: Window, judge: Judge, identities: Mapping[Role, TableIdentity]
) -> Generator[tuple[Judged, int]]:
    """Every chunk of every table that can hold the judge's categories, with its number of rows.

    Raises ConfigError, once a table was read, where its keys are spelled otherwise than when the window was exported.
    """
    categories, place = list(judge.tallies), here()
    for table in tables_of(source, categories):
        known = replace(
            table,
            keys_as_text=identities[table.role].keys_as_text,
            keys_are_decimals=table.key is not None and source.families(table)[table.key] is Family.NUMERIC,
        )
        hashes = None if known.keys_as_text else _hashes(source, table, judge)
        read = source.read_window(table, window.start, window.end, categories, hashes=hashes)
        judge.statements[table.qualified_name] = read.statement
        try:
            with (
                closing(read_ahead(each("read", read, place))) as chunks,
                closing(read_ahead(judge.reshaped(chunks, known, place, told_apart=hashes is not None))) as frames,
            ):
                for reshaped in frames:
                    yield judge.judge(reshaped), reshaped.rows
        except MemoryError:  # Arrow's too
            raise out_of_memory(table) from None
        if judge.replaces_planned(table.categories):
            refuse_respelled_keys(identities[table.role], judge.seen.get(table.role, NOTHING_SEEN), window.key)


def tables_told_apart(source: Source, tables: Iterable[SourceTable]) -> list[str]:
    """The tables of which the database itself leaves out the rows of other shards."""
    return [table.qualified_name for table in tables if source.tells_shards(table)]


def _hashes(source: Source, table: SourceTable, judge: Judge) -> Hashes | None:
    """The judge's shard for the database; None where it has none, or the database cannot tell its rows."""
    if judge.shard is None or not source.tells_shards(table):
        return None
    return Hashes(judge.shard.buckets, derived_prefix(*table.salted(judge.source_name)), LARGEST_KEY)


def tables_of(source: Source, categories: Sequence[Category]) -> list[SourceTable]:
    tables = [table for table in source.tables if set(table.categories) & set(categories)]
    source.check_schemas(tables)
    return tables


def identities_for(
    database: LedgerDatabase, config: Config, source: Source, categories: Sequence[Category]
) -> dict[Role, TableIdentity]:
    """The identity of each table that a run for `categories` reads. Raises ConfigError where it would be another."""
    return identities_of(database, config, made_of_tables(config, source, categories))


def made_of_tables(config: Config, source: Source, categories: Sequence[Category]) -> dict[Role, Made]:
    """What the ids and windows of each table that a run for `categories` reads are made of."""
    settings = table_settings(config.source)
    return {
        table.role: made_of(table, source.families(table), config.source.name, settings[table.role].renamed)
        for table in tables_of(source, categories)
    }
