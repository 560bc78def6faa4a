"""Reads exported partitions back for `defs.load_asset_value` and for assets of others downstream. Writes nothing."""

from typing import Any

import dagster as dg

from statsig_export.config import load_config
from statsig_export.windows import LENGTH, split_partition_key, window_from_key


class StoredEvents(dg.ConfigurableIOManager):
    """`statsig/events` as a frame (columns: `statsig_export.read_events`): a partition, a range of them, or all.

    It needs the configuration alone, not the secrets of the source and the webhook: a notebook has none.
    """

    config_path: str
    """The file, absolute."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:  # noqa: ARG002 - as Dagster has it
        raise dg.DagsterInvariantViolationError("the export writes its own files: an asset must not return its events")

    def load_input(self, context: dg.InputContext) -> Any:  # noqa: ANN401 - a DataFrame: pandas is the library's affair
        from statsig_export.lineage.frames import read_events  # noqa: PLC0415 - imports pandas, which only reading needs

        config = load_config(self.config_path)
        if not context.has_asset_partitions:
            return read_events(config)
        keys = [split_partition_key(str(key)) for key in context.asset_partition_keys]
        starts = [window_from_key(window, config.windows).start for _, window in keys]
        categories = list(dict.fromkeys(category for category, _ in keys))
        events = read_events(config, min(starts), max(starts) + LENGTH[config.windows.every], categories)
        wanted = {(category.value, window) for category, window in keys}
        asked_for = [pair in wanted for pair in zip(events["category"], events["window"], strict=True)]
        return events[asked_for].reset_index(drop=True)
