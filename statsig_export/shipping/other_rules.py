"""Events that were exported before [privacy] was turned on or changed: they are sent as they were exported."""

from collections.abc import Sequence

from statsig_export.config import Config
from statsig_export.ledger import queries
from statsig_export.ledger.privacy import pending_under_other_rules, written_under_other_rules
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.windows import split_partition_key

_CHANGED = "exported before [privacy] was turned on or changed"
_WHAT_TO_DO = "what to do: docs/how-to/personal-data.md, Turning it on"


def sent_as_exported(config: Config, again: Sequence[str] = ()) -> str | None:
    """A sentence for whoever sends them, or is about to: of what waits, and of the partitions that are sent `again`.

    None where there are none, or nothing is dropped or hashed. Needs no key: two keys under one rule are alike to it.
    Raises LedgerError.
    """
    fingerprint, name = config.privacy_fingerprint(), config.webhook.name
    if fingerprint is None:
        return None
    with ledger_to_read(config) as ledger:
        if ledger is None:
            return None
        ids = queries.partition_ids(ledger.database, name, map(split_partition_key, again)).values() if again else ()
        written = written_under_other_rules(ledger.database, ids, fingerprint) if ids else 0
        pending = pending_under_other_rules(ledger.database, name, fingerprint)
    if written:
        return f"{written:,} events of these windows were {_CHANGED}: what is sent again is as it was ({_WHAT_TO_DO})."
    if pending:
        return f"{pending:,} pending events were {_CHANGED}: they are sent as they were exported ({_WHAT_TO_DO})."
    return None
