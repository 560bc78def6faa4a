"""DuckDB: what differs there."""

from sqlalchemy.dialects.postgresql.base import PGDialect


class DuckDbDialect(PGDialect):
    """DuckDB's SELECT is PostgreSQL's; what is not, is said here by the name."""

    name = "duckdb"
    supports_statement_cache = False
