"""The ways in which rows are read: a cursor, ADBC, DuckDB. One file per way."""
