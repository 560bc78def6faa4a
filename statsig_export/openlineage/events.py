"""The OpenLineage events of a run: START when it begins, then COMPLETE, FAIL or ABORT.

Needs statsig-export[openlineage]. OpenLineage's id of a run is its own, since ours is not known before the end. Ours is
in the facet `statsigexport_run`, as is the orchestrator's, which is the parent's id where it is a UUID (Dagster's is).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
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
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.export.reports import ExportReport
from statsig_export.openlineage.datasets import (
    PRODUCER,
    destination_output,
    facet,
    file_inputs,
    file_outputs,
    source_inputs,
)
from statsig_export.runs import Job as OurJob
from statsig_export.runs import RunStart
from statsig_export.shipping.reports import ReplayReport, ShipReport, report_of
from statsig_export.version import VERSION
from statsig_export.vocabulary import Category
from statsig_export.windows import split_partition_key


@dataclass(frozen=True, slots=True)
class Described:
    """What an event says about a run beside its state."""

    inputs: list[InputDataset] = field(default_factory=list)
    outputs: list[OutputDataset] = field(default_factory=list)
    run_id: str | None = None
    partitions: Sequence[str] = ()
    account: dict[str, int | dict[str, int]] | None = None
    queries: Mapping[str, str] = field(default_factory=dict)


MOST_PARTITIONS: Final = 50
"""Maximum partitions named in an event, so that it stays small."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What an event says about a job."""

    does: str
    part_of: str
    """The orchestrator's job that such a run belongs to."""


JOBS: Final[Mapping[OurJob, JobFacts]] = {
    OurJob.EXPORT: JobFacts(
        "Reads one window of the source, and writes the events that are new into partition files.", "export_events"
    ),
    OurJob.SHIP: JobFacts("Sends planned batches to the webhook, and records every answer.", "ship_batches"),
    OurJob.REPLAY: JobFacts(
        "Sends again what was sent before, or what failed in delivery: the same ids, the same bytes.", "replay_batches"
    ),
}


@attr.define
class StatsigExportRunFacet(RunFacet):
    """Ids and counts of a run, for looking it up with `trace`, in the ledger or in Dagster."""

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
class RunEvents:
    """The events of one run."""

    run: RunStart
    id: str = field(default_factory=lambda: str(generate_new_uuid()))

    def started(self, at: datetime) -> RunEvent:
        return self._event(RunState.START, at, self._known_before())

    def completed(self, at: datetime, report: object) -> RunEvent:
        return self._event(RunState.COMPLETE, at, described(self.run, report))

    def failed(self, at: datetime, error: BaseException) -> RunEvent:
        """FAIL for an error, ABORT for an interrupt. The message is that of an error of ours, which holds no secret;
        of any other the class.
        """
        state = RunState.FAIL if isinstance(error, Exception) else RunState.ABORT
        delivered, message = None, type(error).__name__
        if isinstance(error, StatsigExportError):
            delivered, message = report_of(error), str(error)
        known = self._known_before() if delivered is None else shipped(self.run.config, delivered)
        return self._event(state, at, known, message)

    def _known_before(self) -> Described:
        try:
            return described_before(self.run)
        except ConfigError:  # the run itself will not get further, and its own error is the one to report
            return Described()

    def _event(self, state: RunState, at: datetime, facts: Described, error: str | None = None) -> RunEvent:
        return RunEvent(
            eventType=state,
            eventTime=at.isoformat(),
            producer=PRODUCER,
            run=Run(self.id, self._run_facets(facts, error)),
            job=Job(self.run.config.lineage.namespace, self.run.job.value, self._job_facets(facts)),
            inputs=facts.inputs,
            outputs=facts.outputs,
        )

    def _run_facets(self, facts: Described, error: str | None) -> dict[str, RunFacet]:
        config, asked_by, window = self.run.config, self.run.orchestrator_run_id, self.run.window
        facets: dict[str, RunFacet] = {
            "processing_engine": facet(
                processing_engine_run.ProcessingEngineRunFacet, version=VERSION, name="statsig-export"
            ),
            "statsigexport_run": facet(
                StatsigExportRunFacet,
                runId=facts.run_id,
                orchestratorRunId=asked_by,
                configuration=config.fingerprint(),
                filter=config.filter_fingerprint(),
                partitions=list(facts.partitions[:MOST_PARTITIONS]),
                account=facts.account,
            ),
        }
        if window is not None:
            times = {"nominalStartTime": window.start.isoformat(), "nominalEndTime": window.end.isoformat()}
            facets["nominalTime"] = facet(nominal_time_run.NominalTimeRunFacet, **times)
        if asked_by is not None and _is_uuid(asked_by):
            job = parent_run.Job(config.lineage.namespace, JOBS[self.run.job].part_of)
            run = parent_run.Run(asked_by)
            facets["parent"] = facet(parent_run.ParentRunFacet, run=run, job=job)
        if error is not None:
            kind = error_message_run.ErrorMessageRunFacet
            facets["errorMessage"] = facet(kind, message=error, programmingLanguage="Python")
        return facets

    def _job_facets(self, facts: Described) -> dict[str, JobFacet]:
        kind = job_type_job.JobTypeJobFacet
        facets: dict[str, JobFacet] = {
            "jobType": facet(kind, processingType="BATCH", integration="STATSIG_EXPORT", jobType="JOB"),
            "documentation": facet(documentation_job.DocumentationJobFacet, description=JOBS[self.run.job].does),
        }
        statements = [statement for statement in facts.queries.values() if statement]
        if statements:
            facets["sql"] = facet(sql_job.SQLJobFacet, query=";\n".join(statements))
        return facets


def described_before(run: RunStart) -> Described:
    """A run that begins. Raises ConfigError where the source cannot be named, or for what is no partition."""
    config, categories = run.config, _categories(run.partitions)
    if run.job is OurJob.EXPORT:
        inputs, outputs = source_inputs(config, categories), file_outputs(config, categories, {})
    else:
        inputs, outputs = file_inputs(config, categories, []), [destination_output(config, categories, None)]
    return Described(inputs, outputs, partitions=run.partitions)


def described(run: RunStart, report: object) -> Described:
    """A run that is done. Raises TypeError for a report of no run that is known here."""
    match report:
        case ExportReport():
            return exported(run, report)
        case ShipReport():
            return shipped(run.config, report)
        case ReplayReport():
            return shipped(run.config, report.shipped)
    raise TypeError(f"no report of a run: {type(report).__name__}")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def exported(run: RunStart, report: ExportReport) -> Described:
    """An export that is done."""
    categories = _categories(run.partitions)
    return Described(
        inputs=source_inputs(run.config, categories),
        outputs=file_outputs(run.config, categories, report.partitions),
        run_id=report.run_id,
        partitions=run.partitions,
        account=report.account.to_dict(),
        queries=report.queries,
    )


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
