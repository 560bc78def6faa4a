"""The pools: how many ship runs a destination gets at once, and how many exports read the source at once.

Exports leave at least one of the instance's places to the ship runs, so a long backfill holds up nothing that it has
exported.
"""

import re
from math import inf

import dagster as dg
from dagster._utils.concurrency import ConcurrencyKeyInfo  # what its storage returns, for the type alone

from statsig_export.config import Config
from statsig_export.dagster.keys import names_of

SHIP_RUNS_AT_ONCE = 2
"""Where nobody has set a limit."""
EXPORTS_AT_ONCE = 2
"""Likewise."""


def pool_of(config: Config) -> str:
    """The pool of the ship runs: `fivetran_webhook` for the destination `fivetran`."""
    return names_of(config)(f"{_word(config.webhook.name)}_webhook")


def export_pool_of(config: Config) -> str:
    """The pool of the exports: `fivetran_exports` for the destination `fivetran`."""
    return names_of(config)(f"{_word(config.webhook.name)}_exports")


def limit_pools(instance: dg.DagsterInstance, config: Config) -> None:
    """Give both pools a limit, unless they have one: Dagster applies `default_limit` only after a pool's first run. A
    limit of the exports that leaves no place is lowered: the instance may allow fewer runs than it did.
    """
    default = instance.global_op_concurrency_default_limit
    most = _most_exports(instance)
    limits = {
        pool_of(config): SHIP_RUNS_AT_ONCE if default is None else default,
        export_pool_of(config): min(EXPORTS_AT_ONCE if default is None else default, most),
    }
    storage = instance.event_log_storage
    limited = {limit.name: limit.limit for limit in storage.get_pool_limits()}
    for pool, limit in limits.items():
        if pool in limited:
            if pool == export_pool_of(config) and limited[pool] > most:
                storage.set_concurrency_slots(pool, int(most))
            continue
        if limit == default:
            storage.initialize_concurrency_limit_to_default(pool)
        else:
            storage.set_concurrency_slots(pool, int(limit))


def _most_exports(instance: dg.DagsterInstance) -> float:
    """All of the instance's places but one; where it has one alone, that one."""
    queue = instance.get_concurrency_config().run_queue_config
    if queue is None or queue.max_concurrent_runs <= 0:
        return inf
    return max(1, queue.max_concurrent_runs - 1)


def limit_of(instance: dg.DagsterInstance, pool: str) -> int | None:
    limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    return limits.get(pool)


def free_places(instance: dg.DagsterInstance, config: Config) -> int:
    """Free the places that ended and deleted runs hold in the pools. Returns how many runs held any.

    Dagster does so only with run monitoring, which it does not have unless dagster.yaml says so.
    """
    storage, pools = instance.event_log_storage, _pools(instance, config)
    holders = {run for pool in pools for run in (*pool.active_run_ids, *pool.pending_run_ids, *pool.assigned_run_ids)}
    ended = [run for run in holders if (known := instance.get_run_by_id(run)) is None or known.is_finished]
    for run in ended:
        storage.free_concurrency_slots_for_run(run)
    return len(ended)


def waiting_for_a_place(instance: dg.DagsterInstance, config: Config) -> set[str]:
    """The runs that have begun, and a step of which waits in a pool. A place is assigned before the run takes it."""
    return {
        run
        for pool in _pools(instance, config)
        for run in (pool.pending_run_ids | pool.assigned_run_ids) - pool.active_run_ids
    }


def _pools(instance: dg.DagsterInstance, config: Config) -> list[ConcurrencyKeyInfo]:
    return [instance.event_log_storage.get_concurrency_info(pool) for pool in (pool_of(config), export_pool_of(config))]


def _word(destination: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", destination)
