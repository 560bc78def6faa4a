"""Tables with a log: Delta and Iceberg. One file per format; DuckDB reads the files that the log says count."""
