"""Frames become events here, and pandas ends here. Pure.

In go canonical frames, as `Source.read_window` yields them: pandas, of pd.ArrowDtype columns, those of
`SourceTable.frame_columns` with `unreadable` and `unreadable_reason`. `content_keys` and `reshape` take the Arrow
columns out of them, over the same memory. From there to the partition file everything is Arrow: `reshape` gives two
tables, events and failed rows; `verdicts` the filter's rules as a column; `encode` the table that is stored, with the
JSON text of each event, and the rows that fail in it. Nothing goes back.
"""
