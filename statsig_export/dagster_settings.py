"""`[dagster]` of export.toml: what only the definitions in Dagster read."""

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from statsig_export.settings import Settings

OUR_TAGS = "statsig_export/"
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


def _not_ours(tags: dict[str, Any]) -> dict[str, Any]:
    if any(name.startswith(OUR_TAGS) for name in tags):
        raise ValueError(f"tags that begin with {OUR_TAGS} are this library's own: choose another name")
    return tags


RunTags = Annotated[dict[str, str | dict[str, Any]], AfterValidator(_not_ours)]


class RunTagSettings(Settings):
    """`[dagster.run_tags]`: tags of the runs of our jobs beside our own, such as a launcher reads: its queue, its
    resources. A table is given as JSON, as `dagster-k8s/config` has it.
    """

    ship: RunTags = Field(default={})
    """Of ship_batches and replay_batches."""
    export: RunTags = Field(default={})
    """Of export_events. A backfill runs under no job: it has the tags of its dialog alone."""

    def of_shipments(self) -> dict[str, str]:
        return _as_dagster_has_them(self.ship)

    def of_exports(self) -> dict[str, str]:
        return _as_dagster_has_them(self.export)


def _as_dagster_has_them(tags: dict[str, str | dict[str, Any]]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in tags.items()}


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
    run_tags: RunTagSettings = RunTagSettings()
    """Tags of the runs of our jobs, for launchers that read some."""
