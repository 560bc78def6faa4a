"""The code location of the soak: the export's, and a sensor that exports what the inflow has ended."""

import os
from pathlib import Path

import dagster as dg

from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.keys import EXPORT_JOB, RANGE_END, RANGE_START
from statsig_export.vocabulary import Category

WINDOWS = "SOAK_WINDOWS"
"""The variable with the file of the windows that have ended."""
AT_ONCE = 3
"""Each run takes the two windows before, too: late rows, and what a run that was killed had left."""


@dg.sensor(job_name=EXPORT_JOB, minimum_interval_seconds=10, default_status=dg.DefaultSensorStatus.RUNNING)
def ended_windows() -> dg.RunRequest | dg.SkipReason:
    """One run for the newest window; Dagster starts no second one of the same key."""
    windows = Path(os.environ[WINDOWS]).read_text().split()[-AT_ONCE:]
    if not windows:
        return dg.SkipReason("no window has ended")
    first, last = f"{Category.GATE_EXPOSURE}|{windows[0]}", f"{list(Category)[-1]}|{windows[-1]}"
    return dg.RunRequest(run_key=windows[-1], tags={RANGE_START: first, RANGE_END: last})


defs = dg.Definitions.merge(definitions_for(), dg.Definitions(sensors=[ended_windows]))
