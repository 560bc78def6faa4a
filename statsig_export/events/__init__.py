"""Rows become events: a chunk of rows in, the events' JSON and the failed rows out. Pure: no I/O, no clock."""
