"""Names of tables and columns as each database stores them, and how a statement writes them. Pure.

A layout and export.toml name columns as one writes them in a query. What a database makes of a name that is not
quoted differs: PostgreSQL and Redshift store it in lower case, Snowflake in upper case, the others keep it and compare
without case. Statements quote every column under the very name that is stored, so that reserved words, blanks and
capitals do no harm.
"""

from collections.abc import Iterable

from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name

from statsig_export.source.backends.known import backend_of


def stored_name(inspected: str, dialect: Dialect) -> str:
    """The name that the database stores, of one that SQLAlchemy's inspection gave.

    In a dialect whose database folds to upper case (Snowflake), `user_id` stands for the stored USER_ID, and a name
    that is stored in lower case comes marked as quoted (SQLAlchemy's documentation, "Case sensitive vs. case
    insensitive names"; snowflake.sqlalchemy.name_utils).
    """
    if not dialect.requires_name_normalize or getattr(inspected, "quote", None):
        return str(inspected)
    return str(dialect.denormalize_name(inspected))


def named_as(name: str, stored: Iterable[str], dialect: Dialect) -> str | None:
    """Which of the stored names the user's `name` means: itself, else what the database would make of it unquoted."""
    stored = set(stored)
    if name in stored:
        return name
    if backend_of(dialect.name).case_sensitive:
        folded = name.upper() if dialect.requires_name_normalize else name.lower()
        return folded if folded in stored else None
    return {other.lower(): other for other in stored}.get(name.lower())


def plain_name(stored: str, dialect: Dialect) -> str:
    """A stored name as one writes it in a query or in export.toml where it needs no quotes: folding undone."""
    return stored.lower() if dialect.requires_name_normalize and stored == stored.upper() else stored


def written(name: str, dialect: Dialect) -> str:
    """A table's or a schema's name for a statement.

    Quoted, but for Snowflake: there the dialect writes it as its inspection has read it, and splits `database.schema`.
    """
    return name if dialect.requires_name_normalize else quoted_name(name, quote=True)
