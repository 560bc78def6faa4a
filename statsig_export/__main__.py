"""`python -m statsig_export` is the command line."""

from statsig_export.cli import main

main()
