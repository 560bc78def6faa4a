"""The sensors that tell: `alerts_sensor`, where export.toml has [alerts], and `metrics_sensor`, where [metrics] names a
file. They start no run, and nothing of what exports and ships waits for them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from statsig_export.alerts.memory import TextMemory
from statsig_export.alerts.telling import Told, tell
from statsig_export.config import Config
from statsig_export.dagster.automation import sensor_status
from statsig_export.dagster.keys import ALERTS_SENSOR, METRICS_SENSOR, names_of
from statsig_export.dagster.resources import ExportResource
from statsig_export.dagster.watching.failed_runs import FailedRuns
from statsig_export.metrics.extra import needs_prometheus

INTERVAL_S = 60


def watching_sensors(config: Config) -> Sequence[dg.SensorDefinition]:
    return [
        *([] if config.alerts is None else [_alerts_sensor(config)]),
        *([] if config.metrics.textfile is None else [_metrics_sensor(config)]),
    ]


def _alerts_sensor(config: Config) -> dg.SensorDefinition:
    names, failed_runs = names_of(config), FailedRuns()

    def tick(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SensorResult:
        settings, beside = statsig_export.config(), TextMemory(context.cursor or "")
        watch = partial(failed_runs.observations, context.instance, settings, datetime.now(UTC))
        told = tell(settings, beside, watch)
        for name, wrong in told.failed.items():
            context.log.warning("%s was not told (%s): it is tried again", name, wrong)
        return dg.SensorResult(skip_reason=_said(told), cursor=beside.text)

    return dg.SensorDefinition(
        name=names(ALERTS_SENSOR),
        evaluation_fn=names.with_resource(tick),
        minimum_interval_seconds=INTERVAL_S,
        default_status=sensor_status(config),
        description="Tells the receivers of [alerts] what is wrong, once, and once more when it is over: failed runs, "
        "and what is no run's failure.",
    )


def _said(told: Told) -> str:
    """Of each incident what it is, and who was told."""
    open_ones = "; ".join(one.seen.what for one in told.open)
    state = f"incidents: {len(told.open)} ({open_ones})" if open_ones else "nothing is wrong"
    if told.wrong is not None and not open_ones:
        state = f"not told yet: {told.wrong.message}"
    news = [f"told {name}: {len(items)}" for name, items in told.told.items()]
    failed = [f"{name} was not told ({wrong})" for name, wrong in told.failed.items()]
    waiting = [f"{name} is still to be told something: {why}" for name, why in told.waiting.items()]
    return "; ".join([state, *news, *failed, *waiting])


def _metrics_sensor(config: Config) -> dg.SensorDefinition:
    names = names_of(config)
    return dg.SensorDefinition(
        name=names(METRICS_SENSOR),
        evaluation_fn=names.with_resource(_write_metrics),
        minimum_interval_seconds=INTERVAL_S,
        default_status=sensor_status(config),
        description="Writes the metrics for node_exporter to the file that [metrics] names, as the verb does.",
    )


def _write_metrics(context: dg.SensorEvaluationContext, statsig_export: ExportResource) -> dg.SkipReason:
    with needs_prometheus("metrics_sensor"):
        from statsig_export.metrics.textfile import write_metrics  # noqa: PLC0415  an extra

    config = statsig_export.config()
    file, wrong = write_metrics(config)
    if wrong is None:
        return dg.SkipReason(f"{file} is written")
    context.log.warning("the ledger cannot be read: %s", wrong)
    return dg.SkipReason(f"{file} says that the ledger cannot be read: {wrong}")
