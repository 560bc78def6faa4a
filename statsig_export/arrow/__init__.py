"""Arrow columns, timestamps and memory: what every package that handles chunks shares."""
