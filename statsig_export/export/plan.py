"""Dry runs: what an export would come to. Writes nothing."""

from collections.abc import Sequence

from statsig_export.account import Account
from statsig_export.config import Config
from statsig_export.events.seen_ids import SeenIds
from statsig_export.events.table_identity import TableIdentity, new_identity
from statsig_export.export.exporter import _planned, _planned_elsewhere
from statsig_export.export.judge import Judge, Judged
from statsig_export.export.repair import ids_of
from statsig_export.export.reports import FailedRow, PlanReport
from statsig_export.export.window import identities_for, judge_window, made_of_tables, tables_of
from statsig_export.layouts.model import Role
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.source.source import Source, open_source
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window


def plan(
    config: Config,
    window: Window,
    categories: Sequence[Category] | None = None,
    *,
    failed_limit: int | None = 0,
    anew: bool = False,
) -> PlanReport:
    """A dry run: what exporting and shipping the window would come to. Sends nothing and writes nothing.

    The report names at most `failed_limit` failed rows; None means all. `anew` judges the window as if nothing of it
    had been exported before: what the filter would make of windows to come. Raises what `export_window` raises.
    """
    names = chosen(categories)
    examples: dict[Category, str] = {}
    failed: list[FailedRow] = []
    planned, elsewhere = (_nothing_planned(names), None) if anew else _planned_ids_if_any(config, window, names)
    with open_source(config) as source:
        identities = _identities_if_any(config, window, source, names)
        judge = Judge(config.source, config.filter, config.webhook.max_bytes, planned, elsewhere)
        for judged, _ in judge_window(source, window, judge, identities):
            for category, events in judged.events.items():
                if events.num_rows:
                    examples.setdefault(category, events["event"][0].as_py())
            failed += _failed_rows(judged, window, None if failed_limit is None else failed_limit - len(failed))
    accounts = {
        category: Account(
            events=tally.rows,
            forwarded=tally.new + tally.already_planned,
            filtered_by=tally.filtered_by,
            failed_by=tally.failed_by,
        )
        for category, tally in judge.tallies.items()
    }
    to_send = sum(tally.new for tally in judge.tallies.values())
    return PlanReport(window.key, accounts, to_send, examples, tuple(failed))


def unplaced_rows(config: Config, categories: Sequence[Category] | None = None) -> dict[str, int]:
    """Source table -> its rows that no window can hold, since their window column is null or no time.

    For the tables that hold one of `categories` (None: all). No export ever reads these rows. Raises SourceError.
    """
    with open_source(config) as source:
        tables = tables_of(source, chosen(categories))
        return {table.qualified_name: source.count_unplaced(table) for table in tables}


def _failed_rows(judged: Judged, window: Window, limit: int | None) -> list[FailedRow]:
    names = ["row_key", "time_uuid", "reason", "detail"]
    rows = [
        FailedRow(category, window.key, *row.values())
        for category, part in judged.failed.items()
        for row in part.select(names).slice(length=limit).to_pylist()
    ]
    return rows[:limit]


def _identities_if_any(
    config: Config, window: Window, source: Source, categories: Sequence[Category]
) -> dict[Role, TableIdentity]:
    """The identity of each table, without making a ledger where there is none. Raises ConfigError as an export does."""
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return {role: new_identity(role, made) for role, made in made_of_tables(config, source, categories).items()}
        refuse_overlapping_windows(ledger.database, config, [window])
        return identities_for(ledger.database, config, source, categories)


def _nothing_planned(categories: Sequence[Category]) -> dict[Category, SeenIds]:
    return {category: SeenIds() for category in categories}


def _planned_ids_if_any(
    config: Config, window: Window, categories: Sequence[Category]
) -> tuple[dict[Category, SeenIds], SeenIds | None]:
    """What earlier exports planned of these categories, and of others; without making a ledger where there is none."""
    with ledger_to_read(config) as ledger, Storage(config.storage_url()) as storage:
        if ledger is None:
            return _nothing_planned(categories), None
        planned = _planned(ledger, config, window, categories)
        elsewhere = _planned_elsewhere(ledger, storage, config, window, categories)
        return {category: ids_of(storage, found.stored) for category, found in planned.items()}, elsewhere
