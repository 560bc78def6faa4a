"""The code location of this repository: what workspace.yaml loads."""

from statsig_export.dagster.definitions import defs

__all__ = ["defs"]
