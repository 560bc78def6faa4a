"""`[dagster]` of export.toml: what only the definitions in Dagster read."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

from statsig_export.settings import Settings

_KEY_PART = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def _key_prefix(prefix: object) -> object:
    """One text with slashes is a list of its parts."""
    if isinstance(prefix, str):
        prefix = prefix.split("/") if prefix else ()
    if not isinstance(prefix, list | tuple):
        return prefix  # pydantic says what is wrong
    if not all(isinstance(part, str) and _KEY_PART.fullmatch(part) for part in prefix):
        raise ValueError(
            'a key prefix is "eu", "emea/eu" or ["emea", "eu"]: parts of letters, digits, "_" and "-", each of at most '
            "64 characters that begin with a letter"
        )
    return tuple(prefix)


class DagsterSettings(Settings):
    """`[dagster]`: what only the Dagster project reads."""

    max_windows_a_run: int = Field(default=31, ge=1)
    """A backfill is cut into runs of so many windows: launching a run costs seconds, and one that fails repeats all."""
    owners: tuple[str, ...] = ()
    """Who owns the assets, as Dagster has it: an email address, or team:name."""
    key_prefix: Annotated[tuple[str, ...], BeforeValidator(_key_prefix)] = ()
    """Stands before the asset keys, and with "_" before the names of jobs, schedules, sensors, ops, pools, resources
    and the group, so that two exports share an instance or a code location: "eu", "emea/eu" or ["emea", "eu"]."""
    automation: bool = Field(default=False, strict=True)
    """Whether the schedules and sensors start by themselves where nobody has switched them on or off in the UI. Off: a
    `dagster dev` on production's variables exports and ships nothing by itself."""
