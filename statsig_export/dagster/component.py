"""The export as a Dagster component: a defs.yaml in somebody's project.

Dagster imports this module in every project of an environment that holds the package, whether or not the project uses
it. So it imports what the definitions need only when they are built.
"""

from pathlib import Path
from typing import Annotated

import dagster as dg
from pydantic import Field


class StatsigExportComponent(dg.Component, dg.Resolvable, dg.Model):
    """Exports Statsig's exposures and custom events to Fivetran's webhook, as an export.toml describes it."""

    config: Annotated[
        str | None,
        Field(description="The export.toml, relative to this file. Default: $STATSIG_EXPORT_CONFIG or ./export.toml."),
    ] = None

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        return dg.ComponentTypeSpec(
            description="Exports Statsig events to Fivetran's webhook, with an account of every event.",
            produces=["asset", "asset_check", "job", "resource", "schedule", "sensor"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Raises ConfigError as `load_config` does."""
        from statsig_export.dagster.definitions import definitions_for  # noqa: PLC0415 - the module's docstring says why

        if self.config is None:
            return definitions_for()
        folder = context.path.parent if context.path.is_file() else context.path
        return definitions_for(folder / Path(self.config).expanduser())
