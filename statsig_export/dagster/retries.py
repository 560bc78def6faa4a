"""Which failures Dagster's run retries may repeat: those that can heal by themselves.

`allow_retries=False` of a failure is for the retries of a step. Those of a run go by a tag, which is read when it ends.
"""

import dagster as dg

from statsig_export.dagster.keys import FAILED, MAX_RETRIES, OUTCOME_TAG
from statsig_export.errors import ConfigError, SchemaError, StatsigExportError

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext

WAITS_FOR_SOMEBODY = (ConfigError, SchemaError)
"""A configuration, a command or tables that somebody has to change: the next run fails just so."""


def retry_never(context: Context) -> None:
    """The run fails, and has said why."""
    context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: FAILED, MAX_RETRIES: "0"})


def may_be_retried(context: Context) -> None:
    """The same of a run that may succeed if it is repeated. One that was killed has no such tag."""
    context.instance.add_run_tags(context.run.run_id, {OUTCOME_TAG: FAILED})


def retry_if_it_may_heal(context: Context, error: StatsigExportError) -> None:
    (retry_never if isinstance(error, WAITS_FOR_SOMEBODY) else may_be_retried)(context)
