"""The asset checks: the schema of the source, the account, the share of failed rows, and overdue deliveries.

They report counts only. A check blocks only the later steps of its own run, so the library itself refuses whatever
would make a shipment wrong, before it publishes a file; the checks show it where people look.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from statsig_export.account import Account, total
from statsig_export.config import Config
from statsig_export.dagster.keys import DELIVERED, EVENTS, Names, names_of
from statsig_export.dagster.metadata import MOST, failure, largest
from statsig_export.dagster.pools import export_pool_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.retries import retry_if_it_may_heal, retry_never
from statsig_export.dagster.runs import partition_keys_of
from statsig_export.dagster.workers import tell_process
from statsig_export.errors import SchemaError, StatsigExportError
from statsig_export.export.gaps import missing_windows
from statsig_export.layouts.model import SourceTable
from statsig_export.layouts.placement import source_tables
from statsig_export.ledger.records import PartitionStatus
from statsig_export.monitoring.rules import Limits, failed, halted, not_exported, pending
from statsig_export.shipping.status import halted_reason, status, unsent_partitions
from statsig_export.windows import LENGTH, split_partition_key, window_from_key

if TYPE_CHECKING:
    from statsig_export.source.source import Source

WARN = dg.AssetCheckSeverity.WARN


def asset_checks(config: Config) -> Sequence[dg.AssetChecksDefinition]:
    names = names_of(config)
    return [_source_schemas(config), *(_made(check, names) for check in _CHECKS)]


def _source_schemas(config: Config) -> dg.AssetChecksDefinition:
    """One step for all tables: a database that is away is one failure."""
    names = names_of(config)
    specs = [
        dg.AssetCheckSpec(
            "schema",
            asset=names.source(table),
            blocking=True,
            description="The table has the columns that the layout reads, of types that can be read so.",
        )
        for table in source_tables(config.source)
    ]

    # In the exports' pool, since a run of export_events begins with it: a run that has to wait does so in the queue.
    @dg.multi_asset_check(specs=specs, name=names("source_schemas"), pool=export_pool_of(config))
    @names.with_resource
    def source_schemas(
        context: dg.AssetCheckExecutionContext, statsig_export: ExportResource
    ) -> Iterator[dg.AssetCheckResult]:
        from statsig_export.source.source import open_source  # noqa: PLC0415 - imports pandas, which ship runs never need

        tell_process(context, statsig_export)
        try:
            with open_source(statsig_export.config()) as source:
                for table in source.tables:
                    result = _schema_result(names, source, table)
                    if not result.passed:
                        retry_never(context)
                    yield result
        except StatsigExportError as error:
            retry_if_it_may_heal(context, error)
            raise failure(error) from None

    return source_schemas


def _schema_result(names: Names, source: "Source", table: SourceTable) -> dg.AssetCheckResult:
    wrong = None
    try:
        source.check_schema(table)
    except SchemaError as error:
        wrong = str(error)
    return dg.AssetCheckResult(
        passed=wrong is None,
        asset_key=names.source(table),
        check_name="schema",
        description=wrong,
        metadata={"columns read": len(table.selected_rules)},
    )


def _account_balances(context: dg.AssetCheckExecutionContext, statsig_export: ExportResource) -> dg.AssetCheckResult:
    lines = _lines(context, statsig_export.config())
    wrong = [line.partition for line in lines if not line.account.balances]
    account = total(line.account for line in lines)
    if wrong:
        retry_never(context)
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"partitions whose account does not balance: {len(wrong)}, such as {wrong[0]}" if wrong else None,
        metadata={"partitions": len(lines), **_figures(account)},
    )


def _few_rows_fail(context: dg.AssetCheckExecutionContext, statsig_export: ExportResource) -> dg.AssetCheckResult:
    config = statsig_export.config()
    account = total(line.account for line in _lines(context, config))
    return dg.AssetCheckResult(
        passed=failed(account, config.checks) is None,
        severity=WARN,
        description=f"{account.failed} of {account.events} rows failed: `statsig-export status --failed` lists them"
        if account.failed
        else None,
        metadata={
            "failed share": account.failed_share,
            "failed by": dg.MetadataValue.json(largest(account.failed_by)),
            **_figures(account),
        },
    )


def _every_window_is_exported(statsig_export: ExportResource) -> dg.AssetCheckResult:
    """Since the exports began; a backfill of older windows is up to a person."""
    config = statsig_export.config()
    try:
        missing = missing_windows(config, datetime.now(UTC) - config.checks.overdue_after)
    except StatsigExportError as error:
        raise failure(error) from None
    keys = [window.key for window in missing]
    wrong = f"closed windows that were never exported: {len(keys)}, the first {keys[0]}" if keys else None
    return dg.AssetCheckResult(
        passed=not_exported(keys, 0, config.checks) is None,
        description=wrong,
        metadata={"windows not exported": len(keys), "the oldest of them": dg.MetadataValue.json(keys[:MOST])},
    )


def _everything_due_is_sent(statsig_export: ExportResource) -> dg.AssetCheckResult:
    config = statsig_export.config()
    try:
        refuses = halted(config.webhook.name, halted_reason(config))
        due = unsent_partitions(config)
    except StatsigExportError as error:
        raise failure(error) from None
    limits = Limits.of(config.checks)
    late = [one for one in due if pending(one.events, timedelta(seconds=one.overdue), limits)]
    overdue = (
        f"events overdue: {sum(partition.events for partition in late)}, in partitions: {len(late)}" if late else None
    )
    return dg.AssetCheckResult(
        passed=not late and refuses is None,
        description=overdue if refuses is None else refuses.what,
        metadata={
            "events due": sum(partition.events for partition in due),
            "partitions due": len(due),
            "longest overdue (s)": max((partition.overdue for partition in due), default=0.0),
        },
    )


class _Check(NamedTuple):
    """A check of one of the two assets."""

    asset: dg.AssetKey
    name: str
    description: str
    function: Callable[..., dg.AssetCheckResult]
    blocking: bool = False


_CHECKS = (
    _Check(
        EVENTS,
        "account_balances",
        "Events = forwarded + filtered + failed + pending + forgotten, in each partition of the run or the lookback.",
        _account_balances,
        blocking=True,
    ),
    _Check(
        EVENTS,
        "few_rows_fail",
        "Few of the rows fail, in the run (else in the lookback): `[checks] max_failed_share`.",
        _few_rows_fail,
    ),
    _Check(
        EVENTS,
        "every_window_is_exported",
        "No window was skipped that has been closed for longer than `[checks] overdue_after`.",
        _every_window_is_exported,
    ),
    _Check(
        DELIVERED,
        "everything_due_is_sent",
        "Nothing has been due for longer than `[checks] overdue_after`.",
        _everything_due_is_sent,
    ),
)


def _made(check: _Check, names: Names) -> dg.AssetChecksDefinition:
    decorate = dg.asset_check(
        asset=check.asset.with_prefix(names.prefix),
        name=check.name,
        description=check.description,
        blocking=check.blocking,
    )
    return decorate(names.with_resource(check.function))


def _lines(context: dg.AssetCheckExecutionContext, config: Config) -> list[PartitionStatus]:
    """The status of the run's partitions; of the lookback where the run carries none."""
    keys = partition_keys_of(context.run, config)
    try:
        if not keys:
            return status(config, start=datetime.now(UTC) - config.windows.lookback)
        starts = [window_from_key(split_partition_key(key)[1], config.windows).start for key in keys]
        lines = status(config, min(starts), max(starts) + LENGTH[config.windows.every])
    except StatsigExportError as error:
        raise failure(error) from None
    return _of(lines, keys)


def _of(lines: Iterable[PartitionStatus], keys: set[str]) -> list[PartitionStatus]:
    return [line for line in lines if line.partition in keys]


def _figures(account: Account) -> dict[str, int]:
    return {
        "events": account.events,
        "forwarded": account.forwarded,
        "filtered": account.filtered,
        "failed": account.failed,
        "pending": account.pending,
        "forgotten": account.forgotten,
    }
