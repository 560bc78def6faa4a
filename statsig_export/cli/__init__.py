"""statsig-export: the verbs on the command line.

Exit codes: 0 all done; 1 done, but some events failed or are still pending; 2 usage or configuration; 3 source; 4 the
destination refuses; 5 ledger or storage. An error is one line on standard error; --debug adds the traceback.

options.py holds what verbs share; init.py and planning.py the verbs before the first event, delivery.py those that move
events or tell of them, lineage.py those that tell where an event comes from, retention.py the one that removes what is
old, setup.py those around them; output.py and trace_output.py what is printed.
"""

import sys

from statsig_export.cli import delivery, init, lineage, planning, retention, setup
from statsig_export.cli.options import cli
from statsig_export.cli.tracebacks import show_safely

for _verb in (setup.demo, init.init, planning.plan, delivery.run, delivery.ship, delivery.replay):
    cli.add_command(_verb)
for _verb in (delivery.status, delivery.verify, delivery.resume, retention.prune, setup.test_event, setup.receiver):
    cli.add_command(_verb)
for _verb in (lineage.trace, lineage.events):
    cli.add_command(_verb)


def main() -> None:
    """The entry point."""
    sys.excepthook = show_safely
    cli(prog_name="statsig-export")
