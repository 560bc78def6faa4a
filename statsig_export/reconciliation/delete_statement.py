"""The DELETE that takes people out of the table that Fivetran wrote, as each database writes it. Pure.

It names them by their ids, not by the ids of their events: so it also finds what was sent before this ledger was.
"""

import re
from collections.abc import Sequence
from typing import Final

from statsig_export.errors import ConfigError
from statsig_export.events.people import USER, plain
from statsig_export.privacy.rule import CUSTOM_IDS, USER_ID
from statsig_export.reconciliation.dedupe_view import Warehouse, member_of

MOST_IDS: Final = 1_000
"""In one statement: some databases take no longer list."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ODD: Final = re.compile(r"[\x00-\x1f'\\\x7f-\x9f]")
"""What no literal may hold in all of them: a quote is doubled in most and not in BigQuery, a backslash is an escape in
some, and the others steer a terminal.
"""
_CHARACTER: Final = {Warehouse.MYSQL: "char({} using utf8mb4)", Warehouse.SQLITE: "char({})"}
_COMPARED_AS: Final = {Warehouse.MYSQL: "binary", Warehouse.SQLITE: "text"}
"""MySQL would take ids that differ in case alone for one, SQLite a number in JSON for no text."""
_USER_COLUMN: Final = {
    Warehouse.SNOWFLAKE: "user",
    Warehouse.BIGQUERY: "`user`",
    Warehouse.DATABRICKS: "`user`",
    Warehouse.MYSQL: "`user`",
}
"""The column of the key `user` in an unpacked table."""


def delete_statement(
    database: Warehouse, *, table: str, packed: bool, unit_type: str, ids: Sequence[str], id_column: str = "user_id"
) -> str:
    """The statement that deletes the rows of these ids, at most MOST_IDS; `id_column` is where an unpacked table has
    `userID`.

    The names are written as they are given, and no id is: what is more than plain text of it is built from characters.
    Raises ConfigError for a unit type whose name cannot stand in a path of JSON.
    """
    listed = ", ".join(literal(database, identity) for identity in ids)
    where = _identity(database, unit_type, packed=packed, id_column=id_column)
    return f"delete from {table}\nwhere {where} in ({listed})\n"  # noqa: S608 - printed, and run by nobody here


def literal(database: Warehouse, text: str) -> str:
    """An expression that is this text in this database, whatever is in it."""
    character = _CHARACTER.get(database, "chr({})")
    parts = []
    end = 0
    for odd in _ODD.finditer(text):
        parts += [f"'{text[end : odd.start()]}'"] if odd.start() > end else []
        parts.append(character.format(ord(odd.group())))
        end = odd.end()
    parts += [f"'{text[end:]}'"] if end < len(text) or not parts else []
    if len(parts) == 1:
        return parts[0]
    return f"concat({', '.join(parts)})" if database is Warehouse.MYSQL else f"({' || '.join(parts)})"


def _identity(database: Warehouse, unit_type: str, *, packed: bool, id_column: str) -> str:
    """The expression of the id in the table."""
    if not _PLAIN_NAME.fullmatch(unit_type):
        raise ConfigError(
            f"{unit_type!r} cannot be written into a DELETE",
            hint="write the statement by hand: the id is in user.customIDs",
        )
    if plain(unit_type) == USER:
        found = member_of(database, "data", USER_ID) if packed else id_column
    elif packed:
        found = member_of(database, "data", "user", CUSTOM_IDS, unit_type)
    else:
        found = member_of(database, _USER_COLUMN.get(database, '"user"'), CUSTOM_IDS, unit_type)
    kind = _COMPARED_AS.get(database)
    return f"cast({found} as {kind})" if kind else found
