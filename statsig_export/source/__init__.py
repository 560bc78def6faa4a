"""The source database: discovers its tables and reads the rows of one window, in chunks."""
