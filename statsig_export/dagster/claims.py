"""Whose the asset keys of an instance are: two exports under the same keys would show as one.

Each export writes on the instance who it is. A code location that finds another's claim there does nothing and says so.
A claim that nobody has renewed for a while is taken over: its location is gone.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import names_of
from statsig_export.errors import ConfigError
from statsig_export.shipping.status import ledger_id

HELD_FOR = timedelta(hours=2)
"""Longer than the longest pause between two ticks, which is an hour."""
RENEWED_AFTER = timedelta(minutes=5)
"""Not in every tick: it is a write to the instance's database."""

Context = dg.OpExecutionContext | dg.AssetExecutionContext | dg.SensorEvaluationContext | dg.ScheduleEvaluationContext


@dataclass(frozen=True, slots=True)
class Claim:
    """Who uses the keys."""

    destination: str
    ledger: str
    """Its id; empty before there is a ledger."""
    location: str | None
    """The code location; None where Dagster does not tell (a schedule's tick, a run in a notebook or a test)."""
    file: str
    """The export.toml, absolute."""
    time: float
    """Seconds since the epoch."""

    def is_fresh(self, now: float) -> bool:
        return now < self.time + HELD_FOR.total_seconds()

    def agrees_with(self, other: "Claim") -> bool:
        """Whether both may use the keys: one location, whatever it exports, or one export, wherever it is loaded."""
        if self.location is not None and other.location is not None:
            here = self.location == other.location
        else:
            here = self.file == other.file
        return here or (bool(self.ledger) and (self.destination, self.ledger) == (other.destination, other.ledger))

    def __str__(self) -> str:
        return f'the destination "{self.destination}" of {self.location or self.file}'


def claim_keys(context: Context, config: Config, file: str) -> None:
    """Claim the asset keys of the configuration at `file`. Raises ConfigError where another location holds them."""
    events = names_of(config).events.to_user_string()
    key, now = f"statsig_export/claim/{events}", time.time()
    storage = context.instance.daemon_cursor_storage
    mine = Claim(config.webhook.name, ledger_id(config), _location(context), str(Path(file).absolute()), now)
    held = _read(storage.get_cursor_values({key}).get(key))
    if held is not None and held.is_fresh(now):
        if not mine.agrees_with(held):
            raise _refusal(events, mine, held)
        if mine.location is None and held.location is not None:
            return  # it knows less than what stands there
        if replace(held, time=now) == mine and now < held.time + RENEWED_AFTER.total_seconds():
            return
    storage.set_cursor_values({key: json.dumps(asdict(mine))})


def _refusal(events: str, mine: Claim, held: Claim) -> ConfigError:
    until = datetime.fromtimestamp(held.time, UTC) + HELD_FOR
    return ConfigError(
        f"{mine} and {held} both use the asset keys {events} on this Dagster instance",
        hint="set [dagster] key_prefix in the export.toml of one of them and reload its code location; if the other "
        f"is gone, its claim ends by itself at {until:%Y-%m-%d %H:%M} UTC",
    )


def _read(text: str | None) -> Claim | None:
    """None for what an other version wrote: the next claim replaces it."""
    try:
        return Claim(**json.loads(text)) if text else None
    except (TypeError, ValueError):
        return None


def _location(context: Context) -> str | None:
    if isinstance(context, dg.SensorEvaluationContext):
        origin = context.code_location_origin
        return None if origin is None else origin.location_name
    if isinstance(context, dg.ScheduleEvaluationContext):
        return None
    job = context.run.remote_job_origin
    return None if job is None else job.location_name
