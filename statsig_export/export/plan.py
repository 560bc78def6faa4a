"""Dry runs: what an export would come to. Writes nothing."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import cached_property
from types import TracebackType
from typing import Self

from statsig_export.account import Account
from statsig_export.arrow.columns import pc
from statsig_export.config import Config
from statsig_export.events.people import NOBODY, Forgotten
from statsig_export.events.seen_ids import SeenIds
from statsig_export.events.table_identity import TableIdentity, new_identity
from statsig_export.export.judge import Judge, Judged
from statsig_export.export.opening import planned_before, planned_elsewhere
from statsig_export.export.outside import rows_outside
from statsig_export.export.repair import ids_of
from statsig_export.export.reports import FailedRow, PlanReport
from statsig_export.export.rows_outside import RowsOutside
from statsig_export.export.window import identities_for, judge_window, made_of_tables
from statsig_export.layouts.model import Role
from statsig_export.ledger.forgotten import forgotten_people
from statsig_export.ledger.identities import refuse_overlapping_windows
from statsig_export.ledger.transactions import Ledger, ledger_to_read
from statsig_export.privacy.rule import Rule
from statsig_export.source.source import Source, open_source
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window, require_window


class Planner:
    """Plans windows, one after another, over the same connections. Use it as a context manager; each of them opens when
    it is first needed.
    """

    def __init__(self, config: Config, rule: Rule | None = None) -> None:
        """`rule` stands in for that of [privacy]."""
        self._config = config
        self._stand_in = rule
        self._until = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._until.close()

    def plan(
        self,
        window: Window,
        categories: Sequence[Category] | None = None,
        *,
        failed_limit: int | None = 0,
        failed_reason: str | None = None,
        anew: bool = False,
    ) -> PlanReport:
        """The same as the function `plan`, over this planner's connections."""
        config, names, window = self._config, chosen(categories), require_window(window)
        examples: dict[Category, str] = {}
        failed: list[FailedRow] = []
        planned, elsewhere = (_nothing_planned(names), None) if anew else self._planned_ids(window, names)
        identities = self._identities(window, names)
        rule = self._stand_in or config.privacy_rule()
        judge = Judge(config.source, config.filter, config.webhook, planned, elsewhere, rule, forgotten=self._forgotten)
        with closing(judge_window(self._source, window, judge, identities)) as chunks:
            for judged, _ in chunks:
                for category, events in judged.events.items():
                    if events.num_rows:
                        examples.setdefault(category, events["event"][0].as_py())
                limit = None if failed_limit is None else failed_limit - len(failed)
                failed += _failed_rows(judged, window, failed_reason, limit)
        accounts = {
            category: Account(
                events=tally.rows,
                forwarded=tally.new + tally.already_planned,
                filtered_by=tally.filtered_by,
                failed_by=tally.failed_by,
                forgotten=tally.forgotten,
            )
            for category, tally in judge.tallies.items()
        }
        to_send = sum(tally.new for tally in judge.tallies.values())
        unmatched = tuple(rule.unmatched) if rule else ()
        return PlanReport(window.key, accounts, to_send, examples, tuple(failed), unmatched)

    def outside(self, categories: Sequence[Category] | None = None) -> RowsOutside:
        """The same as `outside.count_outside`, over this planner's connections."""
        return rows_outside(self._source, self._config.windows.start, chosen(categories))

    @cached_property
    def _source(self) -> Source:
        return self._until.enter_context(open_source(self._config))

    @cached_property
    def _ledger(self) -> Ledger | None:
        """None where there is no ledger yet: a dry run makes none."""
        return self._until.enter_context(ledger_to_read(self._config))

    @cached_property
    def _forgotten(self) -> Forgotten:
        return NOBODY if self._ledger is None else forgotten_people(self._ledger.database, self._config.webhook.name)

    @cached_property
    def _storage(self) -> Storage:
        return self._until.enter_context(Storage(self._config.storage_url()))

    def _identities(self, window: Window, categories: Sequence[Category]) -> dict[Role, TableIdentity]:
        """The identity of each table. Raises ConfigError as an export does."""
        config, ledger = self._config, self._ledger
        if ledger is None:
            tables = made_of_tables(config, self._source, categories)
            return {role: new_identity(role, made) for role, made in tables.items()}
        refuse_overlapping_windows(ledger.database, config, [window])
        return identities_for(ledger.database, config, self._source, categories)

    def _planned_ids(
        self, window: Window, categories: Sequence[Category]
    ) -> tuple[dict[Category, SeenIds], SeenIds | None]:
        """What earlier exports planned of these categories, and of others."""
        if self._ledger is None:
            return _nothing_planned(categories), None
        planned = planned_before(self._ledger, self._config, window, categories)
        elsewhere = planned_elsewhere(self._ledger, self._storage, self._config, window, categories)
        return {category: ids_of(self._storage, found.stored) for category, found in planned.items()}, elsewhere


def plan(
    config: Config,
    window: Window,
    categories: Sequence[Category] | None = None,
    *,
    failed_limit: int | None = 0,
    failed_reason: str | None = None,
    anew: bool = False,
) -> PlanReport:
    """A dry run: what exporting and shipping the window would come to. Sends nothing and writes nothing.

    `categories` None means all. The report names at most `failed_limit` failed rows (None: all), only those that failed
    for `failed_reason` where it is given. `anew` judges the window as if nothing of it had been exported before: what
    the filter would make of windows to come. Raises what `export_window` raises.
    """
    with Planner(config) as planner:
        return planner.plan(window, categories, failed_limit=failed_limit, failed_reason=failed_reason, anew=anew)


def _failed_rows(judged: Judged, window: Window, reason: str | None, limit: int | None) -> list[FailedRow]:
    names = ["row_key", "time_uuid", "reason", "detail"]
    rows: list[FailedRow] = []
    for category, part in judged.failed.items():
        chosen = part if reason is None else part.filter(pc.equal(part["reason"], reason))
        listed = chosen.select(names).slice(length=limit).to_pylist()
        rows += [FailedRow(category, window.key, *row.values()) for row in listed]
    return rows[:limit]


def _nothing_planned(categories: Sequence[Category]) -> dict[Category, SeenIds]:
    return {category: SeenIds() for category in categories}
