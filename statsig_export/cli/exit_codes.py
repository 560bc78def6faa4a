"""The exit codes that are not an error's own (errors.py has those). docs/exit-codes.md has them verb by verb."""

from typing import Final

DONE: Final = 0
NOT_ALL_DONE: Final = 1
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""
