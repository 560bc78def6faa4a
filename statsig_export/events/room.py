"""How large rows may become: a number of five bytes, 1e308, is 309 characters as an event writes it. Pure."""

from typing import Final

from statsig_export.events.faults import BadValueError, Fault
from statsig_export.layouts.reasons import Reason


class OutgrownError(Exception):
    """The rows of a chunk become more than is held at once. Never leaves `bounded_reshape`, which takes fewer rows."""


class Room:
    """What a chunk may become, in bytes: `row` what a row's text may be written out to, `chunk` those of all rows."""

    def __init__(self, row: int, chunk: int | None = None) -> None:
        """`chunk` is None where there is one row only, which has no fewer to be taken with."""
        self.row = row
        self._left = chunk

    def take(self, size: int, name: str) -> None:
        """Let a row's text `name` become `size` bytes. Raises BadValueError or OutgrownError."""
        if size > self.row:
            raise BadValueError(Fault(Reason.TOO_LARGE, name))
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise OutgrownError


ENDLESS: Final = Room(2**63)
