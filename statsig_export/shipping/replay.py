"""Replay: what was sent goes out again with the same ids and the same bytes; or only what failed.

A delivered batch stays delivered. Its replay is a batch of its own over the same rows of the same file, which names it
in `replay_of` and is no part of the account: the events were forwarded and stay so, whatever becomes of the replay.
A failed batch is taken up again itself, and its attempts go on where they ended.
"""

from collections.abc import Callable, Sequence

from statsig_export.config import Config
from statsig_export.delivery.rules import DEFAULT_POLICY, RetryPolicy
from statsig_export.ledger import queries
from statsig_export.ledger.replays import plan_replays
from statsig_export.ledger.transactions import ledger_of
from statsig_export.runs import REAL_TIME, Timing
from statsig_export.shipping.reports import ReplayReport
from statsig_export.shipping.ship import ship
from statsig_export.windows import split_partition_key


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
    """Send again what was delivered of some partitions (`category|window`), or what failed in delivery, and whatever
    else is due there. Where a replay is still under way, no second one is begun. Raises ConfigError when one of them
    was pruned, and then sends nothing; or what `ship` raises, and then the replay is on record and the next ship run
    takes it up.
    """
    wanted = [split_partition_key(key) for key in keys]
    with ledger_of(config) as ledger:
        ids = list(queries.partition_ids(ledger.database, config.webhook.name, wanted).values())
        replayed = plan_replays(ledger.database, ids, timing.now_ms(), failed_only=failed_only)
    run = orchestrator_run_id
    shipped = ship(config, keys, orchestrator_run_id=run, on_progress=on_progress, timing=timing, policy=policy)
    with ledger_of(config) as ledger:
        pending, failed = queries.unfinished_replays(ledger.database, ids, shipped.run_id)
    return ReplayReport(replayed, pending, failed, shipped)
