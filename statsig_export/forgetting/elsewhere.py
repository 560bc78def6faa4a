"""Who is forgotten for other destinations of the ledger alone."""

from statsig_export.config import Config
from statsig_export.ledger import forgotten
from statsig_export.ledger.transactions import ledger_to_read


def only_elsewhere(config: Config) -> str | None:
    """A sentence for whoever exports to a destination for which people are not forgotten who are for others; else None.

    Raises LedgerError.
    """
    with ledger_to_read(config) as ledger:
        ids = 0 if ledger is None else forgotten.forgotten_elsewhere(ledger.database, config.webhook.name)
    if not ids:
        return None
    return (
        f"{ids:,} ids are forgotten for other destinations of this ledger and not for {config.webhook.name}: their rows"
        " are exported to it unless they are forgotten here too (`statsig-export forget --file`)."
    )
