"""The export in Dagster: the definitions, for a code location of its own or as a part of yours.

`statsig_export.dagster.definitions` has them; `StatsigExportComponent` makes them of a defs.yaml.
"""

from statsig_export.dagster.component import StatsigExportComponent

__all__ = ["StatsigExportComponent"]
