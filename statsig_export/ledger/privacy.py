"""Under which [privacy] each export run wrote its files; of a run without a rule there is no row."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Select, and_, func, insert, select

from statsig_export.ledger.conditions import PENDING_STATES
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.records import ExportRun, PrivacyRecord
from statsig_export.ledger.tables import batches, generations, partitions, privacy_rules

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


def pending_under_other_rules(database: LedgerDatabase, destination: str, fingerprint: str) -> int:
    """How many events wait, replays included, that an export wrote under another rule than this one, or under none."""
    planned = and_(generations.c.partition == batches.c.partition, generations.c.generation == batches.c.generation)
    wanted = (
        select(func.coalesce(func.sum(batches.c.rows), 0))
        .join(partitions, partitions.c.id == batches.c.partition)
        .join(generations, planned)
        .where(partitions.c.destination == destination, batches.c.state.in_(PENDING_STATES))
    )
    return _sum(database, wanted, fingerprint)


def written_under_other_rules(database: LedgerDatabase, ids: Collection[int], fingerprint: str) -> int:
    """The same of all events in the files of these partitions."""
    wanted = select(func.coalesce(func.sum(generations.c.rows), 0)).where(among(generations.c.partition, ids))
    return _sum(database, wanted, fingerprint)


def _sum(database: LedgerDatabase, wanted: Select[int], fingerprint: str) -> int:
    if database.version >= SINCE_VERSION:
        same = select(privacy_rules.c.export_run).where(privacy_rules.c.fingerprint == fingerprint)
        wanted = wanted.where(generations.c.export_run.not_in(same))
    with database.read() as connection:
        return int(connection.execute(wanted).scalar_one())
