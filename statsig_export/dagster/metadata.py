"""Keeps metadata short enough for a page: the UI shows each value whole, and the instance stores it for every run."""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from statsig_export.errors import StatsigExportError

MOST = 50
ERROR, WHAT_HAPPENED, WHAT_TO_DO = "error", "what happened", "what to do"
"""The labels by which a failed run says whose fault it is."""
NOT_EXPORTED = "windows not exported"
"""The label of the windows of a failed export."""
OTHERS = "(others, see `statsig-export status --json`)"


def largest(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts themselves; of more than MOST the largest, and the sum of the others."""
    if len(counts) <= MOST:
        return dict(counts)
    falling = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {**dict(falling[:MOST]), OTHERS: sum(count for _, count in falling[MOST:])}


def newest(items: Sequence[str]) -> Sequence[str]:
    """The last MOST of them."""
    return items[-MOST:]


Link = Callable[[str], dg.MetadataValue]
"""What shows a run by its id: `run_link` of an instance, or one that looks up many at once."""


def run_link(instance: dg.DagsterInstance, run: str) -> dg.MetadataValue:
    """A link to a run; plain text for one that Dagster did not start (the command line, a notebook) or has deleted."""
    return dg.MetadataValue.dagster_run(run) if instance.has_run(run) else dg.MetadataValue.text(run)


def failure(
    error: StatsigExportError, more: Mapping[str, dg.MetadataValue] | None = None, description: str = ""
) -> dg.Failure:
    """The run's failure, with what an alert needs: whose fault it is, and what to do. No secret, no payload.

    Its description is what the error says, unless another is given.
    """
    metadata = {
        ERROR: dg.MetadataValue.text(type(error).__name__),
        "exit code": dg.MetadataValue.int(error.exit_code),
        WHAT_HAPPENED: dg.MetadataValue.text(error.message),
        WHAT_TO_DO: dg.MetadataValue.text(error.hint),
        **(more or {}),
    }
    return dg.Failure(description=description or str(error), metadata=metadata, allow_retries=False)
