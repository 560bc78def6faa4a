"""The forms of tables: how the rows of each become canonical. One file per form."""
