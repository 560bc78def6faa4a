"""Rows that no window from the start to now holds, and where they are instead. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NULL: Final = "null"
"""What a missing value looks like."""


class Place(StrEnum):
    """Where a row is that is in no window from the start to now."""

    UNPLACED = "unplaced"
    """Its window column is null, or no time that a window can hold."""
    BEFORE_START = "before_start"
    """Before `windows.start`."""
    IN_FUTURE = "in_future"


@dataclass(frozen=True, slots=True)
class Outside:
    """The rows of a table that are in no window from the start to now."""

    window_column: str
    rows: Mapping[Place, int]
    """Only places where there are some."""
    looks_like: Mapping[Place, str | None]
    """Of each of these places what kind of value one of its rows has; None for a time like any other."""
    whole: bool
    """Whether the table has rows, and each of them is outside."""
