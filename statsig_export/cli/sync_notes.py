"""Asks for a sync after a verb has shipped something, where export.toml says so, and notes what came of it."""

from statsig_export.cli import output
from statsig_export.config import Config
from statsig_export.errors import StatsigExportError
from statsig_export.reconciliation.sync_request import request_sync


def note_sync(config: Config) -> None:
    """On standard error, unless there is nothing to be done. It changes no exit code: what was shipped is shipped."""
    if config.arrivals is None or not config.arrivals.sync_after_shipment:
        return
    try:
        found = request_sync(config)
        if found.due:
            output.note(found.says)
    except StatsigExportError as error:
        output.note(f"No sync was asked for: {error}")
