"""Whether the storage has receipts of another ledger of a destination: one that is lost, or one that works beside this.

What watches asks here at each look: it waits for no storage for long, and one that does not answer is not known.
"""

from pathlib import Path
from threading import Thread
from typing import Final

from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.receipts.folders import FOLDER, ids_among

_WAIT_S: Final = 3.0
"""For a storage: who watches has a minute for everything, a scrape ten seconds."""


def other_ledgers(config: Config, own: str) -> list[str] | None:
    """The ids of the ledgers whose receipts of the configured destination the storage has, but for `own`; None where
    the storage does not say, or not in time.
    """
    try:
        url = config.storage_url()
    except ConfigError:  # its variable is not set where somebody watches
        return None
    found: list[list[str] | None] = []
    looking = Thread(target=lambda: found.append(_others(url, config.webhook.name, own)), daemon=True)
    looking.start()
    looking.join(_WAIT_S)
    return found[0] if found else None


def _others(url: str, destination: str, own: str) -> list[str] | None:
    try:
        if "://" not in url and not _any_but(own, Path(url, FOLDER)):
            return []
        # What opens a storage takes longer to import than a look at a ledger takes.
        from statsig_export.receipts.lost_ledgers import ledgers_of  # noqa: PLC0415
        from statsig_export.storage.place import Place  # noqa: PLC0415

        return ledgers_of(Place(url), destination, but=own)
    except Exception:  # noqa: BLE001  whatever it is, exports and shipments say it: it is none of what is watched here
        return None


def _any_but(own: str, folder: Path) -> bool:
    try:
        return any(name != own for name in ids_among([inner.name for inner in folder.iterdir()]))
    except FileNotFoundError:
        return False
