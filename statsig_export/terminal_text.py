"""Text that goes to a terminal: what could steer it, or show it in another order, is escaped as JSON does.

That is all without ink but the blank: controls (C0, C1), bidirectional and other format characters, line and paragraph
separators, lone surrogates. One rule for tables, errors, logs and the object of --json, which stays the same JSON.
"""

import json
import logging


def escaped(text: str, keep: str = "") -> str:
    """`keep`: controls that may stay, such as line ends."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else json.dumps(character)[1:-1] for character in text
    )


class EscapingFormatter(logging.Formatter):
    """A formatter of log records whose messages may quote names of a table, a file or an event."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record), keep="\n\t")
