"""The Dagster code location of this repository. Thin: `definitions` names those of statsig_export.dagster."""
