"""A window of the source, chunk by chunk: what a judge makes of it."""

from collections.abc import Generator, Sequence

from statsig_export.events import Category
from statsig_export.judging import Judge, Judged
from statsig_export.layout_rules import SourceTable
from statsig_export.overlapping import read_ahead
from statsig_export.partitions import Window
from statsig_export.source import Source


def judge_window(source: Source, window: Window, judge: Judge) -> Generator[tuple[Judged, int]]:
    """Every chunk of every table that can hold the judge's categories, with its number of rows."""
    categories = list(judge.tallies)
    for table in tables_of(source, categories):
        chunks = read_ahead(source.read_window(table, window.start, window.end, categories))
        for reshaped in read_ahead(judge.reshaped(chunks, table)):
            yield judge.judge(reshaped), reshaped.rows


def tables_of(source: Source, categories: Sequence[Category]) -> list[SourceTable]:
    tables = [table for table in source.tables if set(table.categories) & set(categories)]
    for table in tables:
        source.check_schema(table)
    return tables
