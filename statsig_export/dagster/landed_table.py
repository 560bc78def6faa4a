"""What Dagster calls the table of the connection that `[arrivals]` names, where another asset stands for it.

It follows from export.toml: Fivetran is asked nothing while a code location is loaded.
"""

import logging

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import names_of

_LOG = logging.getLogger("dagster.statsig_export")


def landed_table(config: Config) -> dg.AssetKey | None:
    """As dagster-fivetran's translator has it: schema and table as Fivetran spells them, in lower case. None where
    there is no connection or no schema, or where an asset of this export is called so.
    """
    settings, names = config.arrivals, names_of(config)
    if settings is None or settings.connection is None:
        return None
    if settings.asset_key:
        key = dg.AssetKey(list(settings.asset_key))
    elif settings.schema_ is not None:
        key = dg.AssetKey([settings.schema_.rpartition(".")[2].lower(), settings.table.lower()])
    else:
        return None
    if key in {names.events, names.delivered, names.landed}:
        _LOG.warning(
            "arrivals: Dagster calls the table of the connection %s, as an asset of this export is called: "
            "they are not joined. Set [dagster] key_prefix, or call it otherwise and name that in arrivals.asset_key",
            key.to_user_string(),
        )
        return None
    return key
