"""The home that the browser looks at: eleven days of a shop, of which all but the first are exported and shipped."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from home import toml
from sqlalchemy import Engine, create_engine, delete

from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.keys import BACKFILL, CHECK_JOB
from statsig_export.demo.dagster_stage import OF_LOCATION, DemoRun, run_demo
from statsig_export.layouts.native_tables import EXPOSURES
from statsig_export.testing.sample.sample import create_sample
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category

URL_SECRET = "canary-of-the-path"
SECRET = "canary-of-the-signature"
PAYLOAD = ("@example.com", "us_0000", "sku_", "Mozilla/5.0")
"""What many of the sample's events hold, and no page may show."""

EVENTS = 17_600
"""So many that every category has some each day, or nearly."""
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAYS = [f"{TODAY - timedelta(days=days):%Y-%m-%d}" for days in range(11, 0, -1)]
MISSED, BY_COMMAND_LINE, SHIPPED = DAYS[:3], DAYS[3], DAYS[4:]
"""The days before the export was set up, which somebody wants as well; one that the command line has brought; and those
that Dagster has.
"""
WITHOUT = Category.LAYER_EXPOSURE
"""Of this the command line's day has no event."""

EXPORT_TOML = toml(
    {
        "source": {"url": "env:STATSIG_DATABASE_URL"},
        "windows": {"start": f"{SHIPPED[0]}T00:00:00Z", "settle": "0s", "lookback": "3d"},
        "filter.custom_events": {"events": {"debug_ping": False}},
        "dagster": {"automation": True},
        "webhook": {
            "url": "env:FIVETRAN_WEBHOOK_URL",
            "auth": {"method": "hmac", "secret": "env:FIVETRAN_WEBHOOK_SECRET"},
            "max_events": 100,
        },
    }
)


@dataclass(frozen=True)
class BrowsedHome:
    folder: Path
    receiver: Receiver
    rows: Counter[tuple[str, Category]] = field(default_factory=Counter)
    """(day, category) -> rows of the source."""

    @property
    def config_path(self) -> Path:
        return self.folder / "export.toml"

    @property
    def dagster_home(self) -> Path:
        return self.folder / "dagster"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "STATSIG_DATABASE_URL": f"sqlite:///{self.folder / 'source.db'}",
            "FIVETRAN_WEBHOOK_URL": self.receiver.url,
            "FIVETRAN_WEBHOOK_SECRET": SECRET,
        }

    def fill(self) -> DemoRun:
        """What the demo does, for the days since the set-up, and the checks. Then the start moves back."""
        engine = create_engine(self.environ["STATSIG_DATABASE_URL"])
        start = datetime.fromisoformat(DAYS[0])
        self.rows.update(create_sample(engine, events=EVENTS, start=start, days=len(DAYS), bad_rows=0).rows)
        _leave_out(engine)
        engine.dispose()
        self.rows[BY_COMMAND_LINE, WITHOUT] = 0
        self.config_path.write_text(EXPORT_TOML)
        done = run_demo(self.config_path, self.dagster_home, self.environ, lambda _: None)
        checks = definitions_for(self.config_path).resolve_job_def(CHECK_JOB)
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            assert checks.execute_in_process(instance=instance, tags=OF_LOCATION).success
        self.config_path.write_text(EXPORT_TOML.replace(SHIPPED[0], MISSED[0]))
        return done

    def shows(self, page: str, day: str) -> bool:
        """Whether Dagster shows all the partitions of a day, of the asset with this page."""
        asset = dg.AssetKey(page.removeprefix("/assets/").split("/"))
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            return instance.get_materialized_partitions(asset) >= {f"{category}|{day}" for category in Category}

    def runs_of(self, backfill: str) -> int:
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            return instance.get_runs_count(dg.RunsFilter(tags={BACKFILL: backfill}))

    def failures(self) -> list[str]:
        """What Dagster says of each run that failed."""
        with dg.DagsterInstance.from_config(str(self.dagster_home)) as instance:
            failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
            return [
                f"{run.job_name}: {entry.user_message}"
                for run in failed
                for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
            ]

    def run_by_command_line(self) -> None:
        verb = ["--config", str(self.config_path), "run", "--from", BY_COMMAND_LINE, "--to", SHIPPED[0]]
        subprocess.run(
            [sys.executable, "-m", "statsig_export", *verb], env={**os.environ, **self.environ}, check=True, timeout=240
        )


def _leave_out(engine: Engine) -> None:
    columns = EXPOSURES.c
    of_the_day = columns.ingested_at.between(*(datetime.fromisoformat(day) for day in (BY_COMMAND_LINE, SHIPPED[0])))
    with engine.begin() as connection:
        connection.execute(delete(EXPOSURES).where(columns.exposure_type == "layer", of_the_day))
