"""One word that stands in every secret and in every payload, and is looked for in all that Dagster keeps."""

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster_folder import DAYS, EXPORT_TOML, Project, what_failed
from sqlalchemy import create_engine, insert

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, create_tables
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.faults import Action, Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

CANARY = "canary"
PATH = "/webhooks/canary-of-the-path"
SECRET = "canary-of-the-signature"
EMAIL = "canary@example.org"
TEXT = "canary of what the event says"


class SecretProject(Project):
    """The secrets and the payload hold the word."""

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "FIVETRAN_WEBHOOK_SECRET": SECRET}

    def fill_with(self, first: int, **spoiled: object) -> None:
        """Two events with payload, one of them spoiled."""
        noon = datetime.fromisoformat(DAYS[0]) + timedelta(hours=12)
        row = {"event_name": "purchase", "user_id": EMAIL, "user": {"email": EMAIL}, "metadata": {"said": TEXT}}
        rows = [{"id": first, **row}, {"id": first + 1, **row, **spoiled}]
        engine = create_engine(self.environ["STATSIG_DATABASE_URL"])
        create_tables(engine, "native")
        with engine.begin() as connection:
            for columns in rows:
                connection.execute(insert(CUSTOM_EVENTS), [{**columns, "timestamp": noon, "ingested_at": noon}])
        engine.dispose()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretProject]:
    home = tmp_path / "dagster_home"
    home.mkdir()
    with (
        Receiver(path=PATH, auth=Authentication("hmac", secret=SECRET), strict_delivery=True) as receiver,
        dg.DagsterInstance.local_temp(str(home)) as instance,
    ):
        made = SecretProject(tmp_path, receiver, instance)
        made.config_path.write_text(EXPORT_TOML + 'timeout = "1s"\n')
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


def kept(folder: Path) -> Iterator[tuple[str, str]]:
    """All that an instance keeps: every file, every row of every table, snapshots unpacked."""
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            yield file.name, repr(content)
            if content.startswith(b"SQLite format 3"):
                yield from ((f"{file.name}: {table}", row) for table, row in rows_of(file))


def rows_of(file: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608
                yield table, " ".join(_unpacked(value) for value in row)


def _unpacked(value: object) -> str:
    if isinstance(value, bytes):
        try:
            return zlib.decompress(value).decode()
        except zlib.error:
            return repr(value)
    return str(value)


@pytest.mark.fault("F71", "F72")
def test_after_every_failure_no_secret_and_no_payload_is_in_anything_that_dagster_keeps(
    project: SecretProject, monkeypatch: pytest.MonkeyPatch
):
    echo = json.dumps({"got": {"email": EMAIL, "said": TEXT}})
    url = project.receiver.url
    faults = [
        answer(400, echo),
        answer(401, f"made with {SECRET}, {url}"),
        Action(status=500, body=f"no route to {PATH}", processed=True),
    ]
    spoiled: list[dict[str, object]] = [{"user": [EMAIL]}, {"metadata": TEXT}, {"event_name": None}]
    failures = []
    for number, fault in enumerate(faults):
        project.fill_with(10 * (number + 1), **spoiled[number])
        project.receiver.play([Rule(actions=[fault])])
        exported = project.export(f"custom_event|{DAYS[0]}")
        shipped = project.run("ship_batches", {}, {})
        failures += [what_failed(run) for run in (exported, shipped) if not run.success]
        project.tick()
        resume(project.config)
    project.receiver.play([])
    project.fill_with(100)
    project.export(f"custom_event|{DAYS[0]}")
    project.run("ship_batches", {}, {})
    for broken in ("postgresql://ada:canary-of-the-database@127.0.0.1:1/events", "postgresql//canary"):
        monkeypatch.setenv("STATSIG_DATABASE_URL", broken)
        failures.append(what_failed(project.export(f"custom_event|{DAYS[0]}")))
    snapshots = [
        dg.serialize_value(project.definitions().resolve_job_def(job).get_job_snapshot())
        for job in ("ship_batches", "export_events")
    ]

    assert len(failures) == 4
    assert project.materialized("fivetran", "statsig_events") == {f"custom_event|{DAYS[0]}"}
    kept_texts = list(kept(project.folder / "dagster_home"))
    assert any("ASSET_MATERIALIZATION" in text for _, text in kept_texts)
    assert any(place.endswith("snapshots") and "PipelineSnapshot" in text for place, text in kept_texts)
    for place, text in [*kept_texts, ("failures", repr(failures)), ("snapshots", repr(snapshots))]:
        found = text.lower().find(CANARY)
        assert found < 0, f"{place}: ...{text[max(0, found - 300) : found + 100]}..."
