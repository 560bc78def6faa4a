"""statsig-export: the verbs on the command line.

Exit codes: 0 nothing that should be sent is unsent, and few enough events failed; 1 something asked for is pending or
missing, or too much failed; 2 usage or configuration; 3 source; 4 the destination refuses; 5 ledger or storage; 6 an
error of our own; `check` has those of Nagios' plugins. docs/exit-codes.md has them verb by verb. An error is one line
on standard error; --debug adds the traceback.

A verb is one module in `verbs/` with its `command`, and one line in the table of options.py; it is loaded when it is
used. verb_options.py has the options that verbs share, verdict.py decides on the exit code, failures.py prints errors,
streams.py writes; output.py, tables.py, progress.py, shipments.py and trace_output.py print results. As process 1 of a
container, first_process.py has a child do all that.
"""

import sys

from statsig_export.cli import streams
from statsig_export.cli.first_process import work_in_a_child
from statsig_export.cli.options import cli
from statsig_export.cli.tracebacks import show_safely


def main() -> None:
    """The entry point."""
    work_in_a_child()
    sys.excepthook = show_safely
    streams.outlive_their_readers()
    cli(prog_name="statsig-export")
