"""What the service `code` loads: the export. Add definitions of your own by `dg.Definitions.merge`."""

from pathlib import Path

import dagster as dg

from statsig_export.dagster.definitions import definitions_for

# In one process: the steps of a run follow one another, and a process per step would only double the start.
defs = definitions_for(Path(__file__).with_name("export.toml"), executor=dg.in_process_executor)
