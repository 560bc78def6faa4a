"""The layouts of source tables: which columns each has, and which layout a database has."""
