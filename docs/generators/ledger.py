"""The ledger's tables, from their declarations."""

from sqlalchemy import Table

from generators.markdown import code, table
from statsig_export.ledger.tables import LEDGER

INTRODUCTION = """\
# Tables of the ledger

The ledger is a SQLite file or a schema of PostgreSQL. Read it as you like; only statsig-export writes to it. Columns
that end in `_ms` are milliseconds since 1970 in UTC. Events are not here: a batch names rows of a partition file.
"""


def page() -> str:
    return "\n\n".join([INTRODUCTION.rstrip(), *(_section(one) for one in LEDGER.sorted_tables)]) + "\n"


def _section(one: Table) -> str:
    rows = []
    for column in one.columns:
        target = ", ".join(sorted(f"`{key.target_fullname}`" for key in column.foreign_keys))
        needed = "key" if column.primary_key else "" if column.nullable else "required"
        rows.append((code(column.name), str(column.type), needed, target))
    return f"## {one.name}\n\n" + table(["column", "type", "", "refers to"], rows)
