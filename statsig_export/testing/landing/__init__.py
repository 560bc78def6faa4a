"""The destination of the stand-in: the table that Fivetran writes, in SQLite, PostgreSQL or DuckDB."""
