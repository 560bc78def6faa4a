"""For teams that run Fivetran from Dagster: their connection's table, joined to the lineage of this export.

Needs statsig-export[fivetran]. The code location of an export does not import it, and asks Fivetran nothing while it
is loaded: what Dagster calls the table follows from export.toml (dagster/landed_table.py).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_fivetran import DagsterFivetranTranslator, FivetranWorkspace
from dagster_fivetran.resources import DEFAULT_POLL_INTERVAL
from dagster_fivetran.translator import FivetranConnectorTableProps, FivetranMetadataSet
from dagster_fivetran.utils import DAGSTER_FIVETRAN_TRANSLATOR_METADATA_KEY

from statsig_export.config import Config, load_config
from statsig_export.config_file import config_path as named_config
from statsig_export.dagster.keys import GROUP, names_of
from statsig_export.dagster.landed_table import landed_table
from statsig_export.errors import ConfigError


def joined_translator(
    config_path: str | Path | None = None, translator: DagsterFivetranTranslator | None = None
) -> DagsterFivetranTranslator:
    """`translator`, whose table of the connection that `[arrivals]` names comes from `fivetran/statsig_events`.

    Raises ConfigError as `load_config` does, and where export.toml names no connection.
    """
    return _Joined(_config(config_path), translator or DagsterFivetranTranslator())


def landed_table_asset(config_path: str | Path | None = None, **attributes: Any) -> dg.AssetsDefinition:  # noqa: ANN401
    """The connection's table as an asset that a sync fills, for a code location that has none of it.

    It takes the resource `fivetran`, a FivetranWorkspace, and asks Fivetran nothing before it is materialized: a code
    location with it is loaded while Fivetran is away. `attributes` are of its AssetSpec, such as
    `automation_condition`. Raises ConfigError likewise, and where neither `schema` nor `asset_key` says what it is
    called.
    """
    config = _config(config_path)
    names, connection, key = names_of(config), config.arrivals_settings().connection, landed_table(config)
    if key is None:
        raise ConfigError(
            "arrivals: what Dagster calls the table is not known",
            hint="name its schema, or in asset_key a name that no asset of ours has",
        )
    spec = dg.AssetSpec(
        key,
        **{
            "deps": [names.delivered],
            "description": f"What the connection {connection} writes; materializing it is a sync.",
            "group_name": names(GROUP),
            "kinds": {"fivetran"},
            "owners": config.dagster.owners,
            **attributes,
        },
    ).merge_attributes(
        metadata={
            **FivetranMetadataSet(connector_id=connection),
            DAGSTER_FIVETRAN_TRANSLATOR_METADATA_KEY: _Joined(config, DagsterFivetranTranslator(), key),
        }
    )

    @dg.multi_asset(name=names(f"sync_{connection}".replace("-", "_")), specs=[spec], can_subset=True)
    def landed_table_of_connection(context: dg.AssetExecutionContext, fivetran: FivetranWorkspace) -> Iterator[Any]:
        client = fivetran.get_client()
        while client.get_connector_details(str(connection))["status"]["sync_state"] == "syncing":
            context.log.info("a sync is running, which dagster-fivetran would stop: this one waits for its end")
            time.sleep(DEFAULT_POLL_INTERVAL)
        yield from fivetran.sync_and_poll(context=context)

    return landed_table_of_connection


class _Joined(DagsterFivetranTranslator):
    """`inner`, but for the connection of this export."""

    def __init__(self, config: Config, inner: DagsterFivetranTranslator, key: dg.AssetKey | None = None) -> None:
        self._inner = inner
        self._connection = config.arrivals_settings().connection
        self._delivered = names_of(config).delivered
        self._key = key

    def get_asset_spec(self, props: FivetranConnectorTableProps) -> dg.AssetSpec:
        spec = self._inner.get_asset_spec(props)
        if props.connector_id != self._connection:
            return spec
        spec = spec.merge_attributes(deps=[self._delivered])
        return spec if self._key is None else spec.replace_attributes(key=self._key)


def _config(path: str | Path | None) -> Config:
    config = load_config(named_config(path), environ={})
    if config.arrivals_settings().connection is None:
        raise ConfigError("[arrivals] names no connection", hint='add connection = "its id": docs/how-to/arrivals.md')
    return config
