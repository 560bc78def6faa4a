"""A Dagster project in a folder: a SQLite source, a configuration, the stand-in webhook, an instance on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
from home import toml
from rows import custom_event, exposure
from sqlalchemy import create_engine, insert

from statsig_export.config import Config, load_config
from statsig_export.dagster.definitions import definitions_for
from statsig_export.dagster.delivery.sensors import ship_sensor
from statsig_export.dagster.keys import RANGE_END, RANGE_START
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.testing.webhook.receiver import Receiver

SECRET = "the-hmac-key"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=4)
DAYS = [f"{START + timedelta(days=day):%Y-%m-%d}" for day in range(4)]
"""Windows that are closed: the last ended at midnight, and windows settle within a second here."""

EXPORT_TOML = toml(
    {
        "source": {"url": "env:STATSIG_DATABASE_URL"},
        "windows": {"start": f"{START:%Y-%m-%dT%H:%M:%SZ}", "settle": "1s", "lookback": "10d"},
        "filter.custom_events": {"events": {"debug_ping": False}},
        "webhook": {
            "url": "env:FIVETRAN_WEBHOOK_URL",
            "auth": {"method": "hmac", "secret": "env:FIVETRAN_WEBHOOK_SECRET"},
            "max_events": 2,
        },
    }
)


@dataclass
class Project:
    """The folder, and methods that do what Dagster's daemon and UI do."""

    folder: Path
    receiver: Receiver
    instance: dg.DagsterInstance
    _definitions: dict[str, dg.Definitions] = field(default_factory=dict)

    @property
    def config_path(self) -> Path:
        return self.folder / "export.toml"

    @property
    def config(self) -> Config:
        return load_config(self.config_path)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "STATSIG_DATABASE_URL": f"sqlite:///{self.folder / 'source.db'}",
            "FIVETRAN_WEBHOOK_URL": self.receiver.url,
            "FIVETRAN_WEBHOOK_SECRET": SECRET,
        }

    def definitions(self) -> dg.Definitions:
        """Made once per configuration: making them takes longer than a tick or a run."""
        text = self.config_path.read_text() if self.config_path.exists() else ""
        if text not in self._definitions:
            self._definitions[text] = definitions_for(self.config_path)
        return self._definitions[text]

    def configure(self, old: str, new: str) -> None:
        text = self.config_path.read_text()
        assert old in text
        self.config_path.write_text(text.replace(old, new))

    def automate(self) -> None:
        """Let schedules and sensors start by themselves, for a test with a real daemon."""
        self.configure("[webhook]", "[dagster]\nautomation = true\n[webhook]")

    def keep_schedule_quiet(self) -> None:
        """Make the schedule tick half an hour from now: a test with a real daemon can begin at any minute."""
        self.configure('settle = "1s"', f'settle = "{(datetime.now(UTC).minute + 30) % 60}m"')

    def fill(self, days: Sequence[str] = DAYS) -> None:
        """Three gate exposures, two purchases, and a debug_ping that the filter leaves out, per day."""
        engine = create_engine(self.environ["STATSIG_DATABASE_URL"])
        create_tables(engine, "native")
        with engine.begin() as connection:
            for day in days:
                noon = datetime.fromisoformat(day) + timedelta(hours=12)
                connection.execute(insert(EXPOSURES), [gate_exposure(noon) for _ in range(3)])
                connection.execute(insert(CUSTOM_EVENTS), [event("purchase", noon) for _ in range(2)])
                connection.execute(insert(CUSTOM_EVENTS), [event("debug_ping", noon)])
        engine.dispose()

    def export(self, first: str, last: str | None = None) -> dg.ExecuteInProcessResult:
        """One run of the export job over a range of partitions."""
        return self.run("export_events", {}, {RANGE_START: first, RANGE_END: last or first})

    def export_days(self, first: str = DAYS[0], last: str = DAYS[-1]) -> dg.ExecuteInProcessResult:
        return self.export(f"gate_exposure|{first}", f"custom_event|{last}")

    def tick(self, sensor: dg.SensorDefinition = ship_sensor) -> tuple[list[dg.RunRequest], str]:
        """Evaluate the sensor as the daemon does."""
        definitions = self.definitions()
        resources = definitions.resources or {}
        with dg.build_sensor_context(
            instance=self.instance, definitions=definitions, resources={"statsig_export": resources["statsig_export"]}
        ) as context:
            tick = sensor.evaluate_tick(context)
        return list(tick.run_requests or ()), tick.skip_message or ""

    def schedule_tick(self, hours: float = 1) -> list[dg.RunRequest] | str:
        """The schedule's tick so many hours after the last midnight: its requests, or why it skipped."""
        definitions = self.definitions()
        (schedule,) = [each for each in definitions.schedules or () if each.name == "export_schedule"]
        assert isinstance(schedule, dg.ScheduleDefinition)
        with dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=TODAY + timedelta(hours=hours),
            repository_def=definitions.get_repository_def(),
            resources={"statsig_export": (definitions.resources or {})["statsig_export"]},
        ) as context:
            tick = schedule.evaluate_tick(context)
        return list(tick.run_requests or ()) or (tick.skip_message or "")

    def carry_out(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what a request asks for, with the tags that the daemon adds."""
        return self.run(
            request.job_name or "ship_batches",
            request.run_config,
            {**request.tags, "dagster/run_key": request.run_key or ""},
        )

    def run(self, job: str, config: Mapping[str, object], tags: Mapping[str, str]) -> dg.ExecuteInProcessResult:
        return (
            self.definitions()
            .resolve_job_def(job)
            .execute_in_process(run_config=config, tags=tags, instance=self.instance, raise_on_error=False)
        )

    def materialized(self, *key: str) -> set[str]:
        return set(self.instance.get_materialized_partitions(dg.AssetKey(key)))

    def shipped(self) -> set[str]:
        """The partitions of which events were delivered, as Dagster shows them: not those with nothing to send."""
        return self.shipped_under()

    def shipped_under(self, *prefix: str) -> set[str]:
        """The same of an export whose keys have this prefix."""
        key = dg.AssetKey([*prefix, "fivetran", "statsig_events"])
        records = self.instance.fetch_materializations(key, limit=10_000).records
        events = [record.asset_materialization for record in records]
        return {
            str(event.partition)
            for event in events
            if event is not None and event.metadata["dagster/partition_row_count"].value
        }

    def metadata(self, *key: str, partition: str) -> dict[str, object]:
        """The newest materialization's metadata, as plain values."""
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(key), asset_partitions=[partition])
        event = self.instance.fetch_materializations(wanted, limit=1).records[0].asset_materialization
        assert event is not None
        return {label: value.value for label, value in event.metadata.items()}


def box(request: dg.RunRequest) -> tuple[str, str]:
    """The first and the last partition that a request asks for."""
    return request.tags[RANGE_START], request.tags[RANGE_END]


def what_failed(result: dg.ExecuteInProcessResult) -> str:
    """The description of the run's one failed step."""
    (failure,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failure.user_failure_data is not None
    return failure.user_failure_data.description or ""


def everything_logged(project: Project, run_id: str) -> str:
    """All that the run's event log holds, as text: where a secret would show."""
    return "\n".join(str(entry) for entry in project.instance.all_logs(run_id))


def gate_exposure(moment: datetime) -> dict[str, object]:
    return _at(moment, exposure(0, name="new_checkout"))


def event(name: str, moment: datetime) -> dict[str, object]:
    return _at(moment, custom_event(0, name, value="9.99", metadata={"currency": "EUR"}))


def _at(moment: datetime, row: dict[str, object]) -> dict[str, object]:
    """The row with an id of its own, and a key from the database."""
    del row["id"]
    return {**row, "time_uuid": str(uuid4()), "timestamp": moment, "ingested_at": moment}
