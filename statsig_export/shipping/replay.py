"""Replays partitions: sends delivered events again with the same ids and the same bytes, or only what failed.

A delivered batch stays delivered. Its replay is a new batch over the same rows of the same file, with `replay_of` set.
It is not in the account: the events were forwarded and stay forwarded, even if the replay fails.
A failed batch becomes pending again, and its attempts are counted on from where they ended.
"""

from collections.abc import Callable, Sequence
from functools import partial

from statsig_export.config import Config
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.ledger import queries
from statsig_export.ledger.records import ReplayPlan
from statsig_export.ledger.replays import plan_replays, replayable
from statsig_export.ledger.transactions import ledger_of, ledger_to_read
from statsig_export.runs import REAL_TIME, Job, RunStart, Timing, no_progress, observed
from statsig_export.shipping.context import ShipContext
from statsig_export.shipping.reports import ReplayReport
from statsig_export.shipping.ship import send
from statsig_export.windows import partition_keys, split_partition_key


def replay(  # noqa: PLR0913  what ship takes, and failed_only
    config: Config,
    keys: Sequence[str],
    *,
    failed_only: bool = False,
    orchestrator_run_id: str | None = None,
    on_progress: Callable[[int], None] | None = None,
    timing: Timing = REAL_TIME,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> ReplayReport:
    """Send again what was delivered of some partitions (`category|window`), or with `failed_only` what failed in
    delivery, and anything else that is due there. A batch whose replay is still pending is not replayed twice.

    Raises ConfigError if one of the partitions was pruned; then nothing is sent. Raises what `ship` raises; then the
    replay is recorded, and the next ship run sends it.
    """
    context = ShipContext(orchestrator_run_id, on_progress or no_progress, timing, policy)
    keys = partition_keys(keys)
    start = RunStart(Job.REPLAY, config, orchestrator_run_id, keys)
    return observed(start, partial(_replay, config, keys, context, failed_only=failed_only))


def _replay(config: Config, keys: Sequence[str], context: ShipContext, *, failed_only: bool) -> ReplayReport:
    wanted = [split_partition_key(key) for key in keys]
    with ledger_of(config) as ledger:
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
        replayed = plan_replays(ledger.database, ids, context.timing.now_ms(), failed_only=failed_only)
    return replay_of_planned(config, keys, context, replayed)


def replay_plan(config: Config, keys: Sequence[str], *, failed_only: bool = False) -> ReplayPlan:
    """What `replay` would send of these partitions, beside what is due there anyway. Raises ConfigError likewise."""
    wanted = [split_partition_key(key) for key in partition_keys(keys)]
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return ReplayPlan(events=0, requests=0)
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
        return replayable(ledger.database, ids, failed_only=failed_only)


def replay_of_planned(config: Config, keys: Sequence[str], context: ShipContext, replayed: int) -> ReplayReport:
    """Send what is due of these partitions, after `replayed` events of them were planned to be sent again."""
    wanted = [split_partition_key(key) for key in keys]
    shipped = send(config, keys, context)
    with ledger_of(config) as ledger:
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
        pending, failed = queries.unfinished_replays(ledger.database, ids, shipped.run_id)
    return ReplayReport(replayed, pending, failed, shipped)
