"""`[export]` of export.toml: how an export uses the machine that it runs on."""

from typing import Final

from pydantic import Field

from statsig_export.settings import Settings

MOST_PROCESSES: Final = 256
"""Each is an interpreter of 0.3 GB or more: a number beyond is a slip of the hand, and would take the machine down."""


class ExportSettings(Settings):
    """`[export]`: how `run` and an export run of Dagster use the machine. No event changes by it."""

    processes: int = Field(default=1, ge=1, le=MOST_PROCESSES, strict=True)
    """How many windows are exported side by side, each by a process of its own; 1: one after another. Where `[windows]
    shards` is above 1, windows follow each other, and the shards of each are read by as many processes as there are
    cores."""
