"""statsig-export: the verbs on the command line.

Exit codes: 0 nothing that should be sent is unsent, and few enough events failed; 1 something asked for is pending or
missing, or too much failed; 2 usage or configuration; 3 source; 4 the destination refuses; 5 ledger or storage; 6 an
error of our own; `check` has those of Nagios' plugins. docs/exit-codes.md has them verb by verb. An error is one line
on standard error; --debug adds the traceback.

options.py holds what verbs share; verdict.py decides on the exit code, failures.py tells of errors, streams.py is where
it all is written. init.py and planning.py have the verbs before the first event, running.py and delivery.py those that
move events or tell of them, check.py the one for monitors, lineage.py those that tell where an event comes from,
retention.py the one that removes what is old, setup.py those around them; output.py, shipping_report.py and
trace_output.py what is printed.
"""

import sys

from statsig_export.cli import check, delivery, init, lineage, planning, retention, running, setup, streams
from statsig_export.cli.options import cli
from statsig_export.cli.tracebacks import show_safely

for _verb in (setup.demo, init.init, planning.plan, running.run, delivery.ship, delivery.replay):
    cli.add_command(_verb)
for _verb in (delivery.status, delivery.verify, delivery.resume, retention.prune, setup.test_event, setup.receiver):
    cli.add_command(_verb)
for _verb in (check.check, lineage.trace, lineage.events):
    cli.add_command(_verb)


def main() -> None:
    """The entry point."""
    sys.excepthook = show_safely
    streams.outlive_their_readers()
    cli(prog_name="statsig-export")
