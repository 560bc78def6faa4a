"""Under which [privacy] each export run wrote its files; of a run without a rule there is no row."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, insert, select

from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.records import ExportRun, PrivacyRecord
from statsig_export.ledger.tables import privacy_rules

SINCE_VERSION: Final = 4
"""The schema version that has the table."""


def record_rule(connection: Connection, run: ExportRun) -> None:
    """Part of the transaction that records the run itself."""
    if run.privacy is not None:
        row = {
            "export_run": run.id,
            "fingerprint": run.privacy.fingerprint,
            "key_check": run.privacy.key_check,
            "rule": json.dumps(dict(run.privacy.rule)),
        }
        connection.execute(insert(privacy_rules), [row])


def rules_of(connection: Connection, version: int, export_runs: Sequence[str]) -> Mapping[str, PrivacyRecord]:
    """The rules of these runs, those without one left out. `version` is the ledger's: an older one remembers none."""
    if version < SINCE_VERSION:
        return {}
    found = connection.execute(select(privacy_rules).where(among(privacy_rules.c.export_run, export_runs)))
    return {row.export_run: PrivacyRecord(row.fingerprint, row.key_check, json.loads(row.rule)) for row in found}
