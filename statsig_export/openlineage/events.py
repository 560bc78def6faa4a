"""The runs as OpenLineage has them: START when one begins, then COMPLETE, FAIL or ABORT.

Needs statsig-export[openlineage]. OpenLineage's id of a run is its own, since ours is not known before the end. Ours is
in the facet `statsigexport_run`, as is the orchestrator's, which is the parent's id where it is a UUID (Dagster's is).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, TypeVar
from uuid import UUID

import attr
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    JobFacet,
    RunFacet,
    documentation_job,
    error_message_run,
    job_type_job,
    nominal_time_run,
    parent_run,
    processing_engine_run,
    sql_job,
)
from openlineage.client.uuid import generate_new_uuid

from statsig_export.config import Config
from statsig_export.errors import ConfigError, DestinationError, StatsigExportError
from statsig_export.export.reports import ExportReport
from statsig_export.openlineage.datasets import (
    PRODUCER,
    destination_output,
    facet,
    file_inputs,
    file_outputs,
    source_inputs,
)
from statsig_export.shipping.reports import ReplayReport, ShipReport
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category, chosen
from statsig_export.windows import Window, partition_key, split_partition_key


@dataclass(frozen=True, slots=True)
class Described:
    """What an event says of a run beside its state."""

    inputs: list[InputDataset] = field(default_factory=list)
    outputs: list[OutputDataset] = field(default_factory=list)
    run_id: str | None = None
    partitions: Sequence[str] = ()
    account: dict[str, int | dict[str, int]] | None = None
    queries: Mapping[str, str] = field(default_factory=dict)


MOST_PARTITIONS: Final = 50
"""A run of more names as many: an event is to stay small."""

Report = TypeVar("Report")


@attr.define
class StatsigExportRunFacet(RunFacet):
    """What is ours of a run: ids and counts, by which `trace`, the ledger and Dagster go on."""

    runId: str | None = None  # noqa: N815  as OpenLineage spells its keys
    """The export run or the ship run in the ledger; None before the end."""
    orchestratorRunId: str | None = None  # noqa: N815
    configuration: str = ""
    """The fingerprint of the configuration."""
    filter: str = ""
    """The fingerprint of the filter."""
    partitions: list[str] = attr.field(factory=list)
    """`category|window` of each."""
    account: dict[str, int | dict[str, int]] | None = None


@dataclass(frozen=True)
class RunEvents(Generic[Report]):
    """The events of one run."""

    config: Config
    job: str
    does: str
    part_of: str
    """The orchestrator's job that such a run belongs to."""
    orchestrator_run_id: str | None
    before: Callable[[], Described]
    """What is known of it before it."""
    after: Callable[[Report], Described]
    """What is known of it after it."""
    window: Window | None = None
    id: str = field(default_factory=lambda: str(generate_new_uuid()))

    def started(self, at: datetime) -> RunEvent:
        return self._event(RunState.START, at, self._known_before())

    def completed(self, at: datetime, report: Report) -> RunEvent:
        return self._event(RunState.COMPLETE, at, self.after(report))

    def failed(self, at: datetime, error: BaseException) -> RunEvent:
        """FAIL for an error, ABORT for an interrupt. The message is that of an error of ours, which holds no secret;
        of any other the class.
        """
        state = RunState.FAIL if isinstance(error, Exception) else RunState.ABORT
        delivered = error.report if isinstance(error, DestinationError) else None
        told = self._known_before() if delivered is None else shipped(self.config, delivered)
        message = str(error) if isinstance(error, StatsigExportError) else type(error).__name__
        return self._event(state, at, told, message)

    def _known_before(self) -> Described:
        try:
            return self.before()
        except ConfigError:  # the run itself will not get further, and its own error is the one to be told
            return Described()

    def _event(self, state: RunState, at: datetime, told: Described, error: str | None = None) -> RunEvent:
        return RunEvent(
            eventType=state,
            eventTime=at.isoformat(),
            producer=PRODUCER,
            run=Run(self.id, self._run_facets(told, error)),
            job=Job(self.config.lineage.namespace, self.job, self._job_facets(told)),
            inputs=told.inputs,
            outputs=told.outputs,
        )

    def _run_facets(self, told: Described, error: str | None) -> dict[str, RunFacet]:
        facets: dict[str, RunFacet] = {
            "processing_engine": facet(
                processing_engine_run.ProcessingEngineRunFacet, version=VERSION, name="statsig-export"
            ),
            "statsigexport_run": facet(
                StatsigExportRunFacet,
                runId=told.run_id,
                orchestratorRunId=self.orchestrator_run_id,
                configuration=self.config.fingerprint(),
                filter=self.config.filter_fingerprint(),
                partitions=list(told.partitions[:MOST_PARTITIONS]),
                account=told.account,
            ),
        }
        if self.window is not None:
            times = {"nominalStartTime": self.window.start.isoformat(), "nominalEndTime": self.window.end.isoformat()}
            facets["nominalTime"] = facet(nominal_time_run.NominalTimeRunFacet, **times)
        if self.orchestrator_run_id is not None and _is_uuid(self.orchestrator_run_id):
            job = parent_run.Job(self.config.lineage.namespace, self.part_of)
            run = parent_run.Run(self.orchestrator_run_id)
            facets["parent"] = facet(parent_run.ParentRunFacet, run=run, job=job)
        if error is not None:
            said = error_message_run.ErrorMessageRunFacet
            facets["errorMessage"] = facet(said, message=error, programmingLanguage="Python")
        return facets

    def _job_facets(self, told: Described) -> dict[str, JobFacet]:
        kind = job_type_job.JobTypeJobFacet
        facets: dict[str, JobFacet] = {
            "jobType": facet(kind, processingType="BATCH", integration="STATSIG_EXPORT", jobType="JOB"),
            "documentation": facet(documentation_job.DocumentationJobFacet, description=self.does),
        }
        statements = [statement for statement in told.queries.values() if statement]
        if statements:
            facets["sql"] = facet(sql_job.SQLJobFacet, query=";\n".join(statements))
        return facets


def export_run(
    config: Config, window: Window, categories: Sequence[Category] | None, orchestrator_run_id: str | None
) -> RunEvents[ExportReport]:
    """An export: source tables in, partition files out."""
    wanted = chosen(categories)
    return RunEvents(
        config,
        job="export_window",
        does="Reads one window of the source, and writes the events that are new into partition files.",
        part_of="export_events",
        orchestrator_run_id=orchestrator_run_id,
        before=lambda: to_export(config, window, wanted),
        after=lambda report: exported(config, wanted, report),
        window=window,
    )


def ship_run(
    config: Config, partitions: Sequence[str] | None, orchestrator_run_id: str | None
) -> RunEvents[ShipReport]:
    """A shipment: partition files in, the destination out. `partitions` None: which they are shows at its end."""
    return RunEvents(
        config,
        job="ship",
        does="Sends planned batches to the webhook, and records every answer.",
        part_of="ship_batches",
        orchestrator_run_id=orchestrator_run_id,
        before=lambda: to_ship(config, partitions or ()),
        after=lambda report: shipped(config, report),
    )


def replay_run(config: Config, partitions: Sequence[str], orchestrator_run_id: str | None) -> RunEvents[ReplayReport]:
    """A replay: as a shipment, of what was sent or failed before."""
    return RunEvents(
        config,
        job="replay",
        does="Sends again what was sent before, or what failed in delivery: the same ids, the same bytes.",
        part_of="replay_batches",
        orchestrator_run_id=orchestrator_run_id,
        before=lambda: to_ship(config, partitions),
        after=lambda report: shipped(config, report.shipped),
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def to_export(config: Config, window: Window, categories: Sequence[Category]) -> Described:
    """An export that begins. Raises ConfigError where the source cannot be named."""
    return Described(
        inputs=source_inputs(config, categories),
        outputs=file_outputs(config, categories, {}),
        partitions=[partition_key(category, window.key) for category in categories],
    )


def exported(config: Config, categories: Sequence[Category], report: ExportReport) -> Described:
    """An export that is done."""
    return Described(
        inputs=source_inputs(config, categories),
        outputs=file_outputs(config, categories, report.partitions),
        run_id=report.run_id,
        partitions=[partition_key(category, report.window) for category in categories],
        account=report.account.to_dict(),
        queries=report.queries,
    )


def to_ship(config: Config, keys: Sequence[str]) -> Described:
    """A shipment of these partitions that begins. Raises ConfigError for what is no partition."""
    categories = _categories(keys)
    outputs = [destination_output(config, categories, None)]
    return Described(file_inputs(config, categories, []), outputs, partitions=keys)


def shipped(config: Config, report: ShipReport) -> Described:
    """A shipment that is done, or that the destination refused."""
    keys = list(report.shipments)
    categories, shipments = _categories(keys), list(report.shipments.values())
    return Described(
        inputs=file_inputs(config, categories, shipments),
        outputs=[destination_output(config, categories, shipments)],
        run_id=report.run_id,
        partitions=keys,
        account=report.account.to_dict(),
    )


def _categories(keys: Sequence[str]) -> tuple[Category, ...]:
    found = {split_partition_key(key)[0] for key in keys}
    return tuple(category for category in Category if category in found)
