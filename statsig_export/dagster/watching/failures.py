"""Why a run failed: whose fault, and what to do. From what its event log holds, without anything of an event."""

from typing import NamedTuple

import dagster as dg

from statsig_export import errors
from statsig_export.dagster.metadata import ERROR, NOT_EXPORTED, WHAT_HAPPENED, WHAT_TO_DO
from statsig_export.monitoring.rules import Fault

_FAULTS = {
    errors.ConfigError: Fault.CONFIGURATION,
    errors.SourceError: Fault.SOURCE,
    errors.DestinationError: Fault.DESTINATION,
    errors.LedgerError: Fault.LEDGER,
}
DIFFERENCE = "Difference"
"""What verify_ledger fails with."""
_READ_THE_RUN = "read the run's log"
_KILLED = ("DagsterExecutionInterruptedError", "DagsterSubprocessError", "ChildProcessCrashException", "MemoryError")


class Cause(NamedTuple):
    """What ended a run."""

    name: str
    """The class of the error."""
    what: str
    fault: Fault
    do: str
    windows: tuple[str, ...] = ()
    """Those that were not exported, where the run names them."""


KILLED = Cause("killed", "it ended without a word", Fault.MACHINE, "look for a full memory or a machine that restarted")


def cause_of(instance: dg.DagsterInstance, run_id: str) -> Cause:
    """By the first step that failed; the run was killed, or ran out of time, where none did."""
    wanted = dg.DagsterEventType.STEP_FAILURE
    for record in instance.get_records_for_run(run_id, of_type=wanted, limit=1, ascending=True).records:
        event = record.event_log_entry.dagster_event
        if event is not None:
            return _of_step(event)
    return KILLED


def _of_step(event: dg.DagsterEvent) -> Cause:
    data = event.step_failure_data
    said = data.user_failure_data
    values = {} if said is None else {label: value.value for label, value in said.metadata.items()}
    if ERROR in values:
        name = str(values[ERROR])
        what = str(values.get(WHAT_HAPPENED) or (said and said.description) or name)
        do = str(values.get(WHAT_TO_DO, ""))
        return Cause(name, what, fault_of(name), do or _READ_THE_RUN, _windows(values.get(NOT_EXPORTED)))
    if said is not None and said.description:
        return Cause("Failure", said.description, Fault.SOURCE, _READ_THE_RUN)
    name = _class_of(data)
    if name in _KILLED:
        return Cause(name, "it was interrupted or killed", KILLED.fault, KILLED.do)
    if name == "DagsterAssetCheckFailedError":
        return Cause(name, "a check that blocks it failed", Fault.SOURCE, "read the failed check of the run")
    # The message of any other exception may quote a row or a secret.
    return Cause(
        name, f"an error that is none of the known ones ({name})", Fault.OURS, f"{_READ_THE_RUN}, and report it"
    )


def fault_of(name: str) -> Fault:
    """By the name of an error's class, or of the nearest class above it; what verify_ledger finds has none."""
    if name == DIFFERENCE:
        return Fault.LEDGER
    kind = getattr(errors, name, None)
    for above in getattr(kind, "__mro__", ()):
        if above in _FAULTS:
            return _FAULTS[above]
    return Fault.OURS


def _class_of(data: object) -> str:
    """Of the exception itself, where Dagster shows its own around it."""
    error = getattr(data, "error", None)
    name = "unknown"
    while error is not None:
        name = str(error.cls_name or name)
        error = error.cause
    return name


def _windows(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
