"""A cluster on this machine: two code locations whose ledger and Dagster instance are in PostgreSQL and whose files are
in an S3 that fails; a daemon; and workers, each in a PID namespace of its own where that can be had, as containers are.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import fsspec
import psycopg
import yaml
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill  # what the UI's dialog stores
from dagster_folder import SECRET, event
from dagster_processes import daemon, wait_for
from home import toml
from processes import kill_of_environment
from psycopg import sql
from redis_server import redis
from s3_server import s3_server
from sqlalchemy import create_engine, insert
from unreliable_s3 import UnreliableS3, unreliable

from statsig_export.config import Config, load_config
from statsig_export.dagster.keys import EVENTS, Names, names_of
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, create_tables
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MARK = "STATSIG_EXPORT_CLUSTER"
"""In the environment of all its processes."""
PREFIXES: tuple[tuple[str, ...], ...] = ((), ("eu",))
SHIP_QUEUE = "ship"


@dataclass
class Location:
    """One code location: its export.toml, its webhook."""

    config_path: Path
    receiver: Receiver
    environ: dict[str, str]

    @property
    def config(self) -> Config:
        return load_config(self.config_path, environ=self.environ)

    @property
    def names(self) -> Names:
        return names_of(self.config)


@dataclass
class Cluster:
    folder: Path
    environ: dict[str, str]
    s3: UnreliableS3
    locations: list[Location]
    instance: dg.DagsterInstance
    windows: list[str]
    log: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    daemon: "subprocess.Popen[bytes] | None" = None

    def backfill(self, location: Location, tags: dict[str, str]) -> str:
        """Of all windows, as the dialog behind *Materialize* stores it for the daemon."""
        from statsig_export.dagster.definitions import definitions_for  # noqa: PLC0415  the environment is set by now

        graph = definitions_for(location.config_path).resolve_asset_graph()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Dagster's own
            made = PartitionBackfill.from_asset_partitions(
                backfill_id=uuid4().hex[:8],
                asset_graph=graph,
                partition_names=[f"custom_event|{window}" for window in self.windows],
                asset_selection=[EVENTS.with_prefix(location.names.prefix)],
                backfill_timestamp=time.time(),
                tags=tags,
                dynamic_partitions_store=self.instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        self.instance.add_backfill(made)
        return made.backfill_id

    def backfilled(self, backfill: str) -> bool:
        found = self.instance.get_backfill(backfill)
        return found is not None and found.status is not BulkActionStatus.REQUESTED

    def wait_for(self, what: Any, patience: float) -> Any:  # noqa: ANN401
        assert self.daemon is not None
        return wait_for(what, self.daemon, self.log, patience)

    def start_worker(self, *queues: str, processes: int = 2) -> "subprocess.Popen[bytes]":
        """A Celery worker for these queues, as deploy/celery-worker.yaml says, in a container."""
        command = [sys.executable, "-m", "dagster_celery.cli", "worker", "start", "-A", "dagster_celery.app"]
        command += ["-y", str(self.folder / "celery-worker.yaml"), "-n", f"w{len(self.workers)}"]
        for queue in queues:
            command += ["-q", queue]
        command += ["-l", "INFO", "--", "--concurrency", str(processes)]
        with (self.folder / f"worker{len(self.workers)}.log").open("wb") as output:
            started = subprocess.Popen(
                [*contained(), *command],
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.workers.append(started)
        return started


def contained() -> list[str]:
    """A PID namespace under this host name, which ends with its first process; none where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return []
    command = [unshare, "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if tried.returncode == 0 else []


@contextmanager
def cluster(folder: Path, postgres: Any, hours: int, launcher: str, **settings: Any) -> Iterator[Cluster]:  # noqa: ANN401
    """`launcher`: `celery`, or `own` for Dagster's. `settings` are keys of dagster.yaml."""
    with ExitStack() as stack:
        s3 = stack.enter_context(s3_server())
        s3.client().create_bucket(Bucket="events")
        proxy = stack.enter_context(unreliable(s3.url))
        broker = stack.enter_context(redis(folder)) if launcher == "celery" else "redis://none"
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        begin = now - timedelta(hours=hours)
        mark = uuid4().hex
        databases = {name: f"{name}_{mark}" for name in ("ledger", "dagster")}
        with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
            for name in databases.values():
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **s3.environ(AWS_ENDPOINT_URL=proxy.url),
            MARK: mark,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "DAGSTER_HOME": str(folder / "dagster_home"),
            "STATSIG_DATABASE_URL": f"sqlite:///{folder}/source.db",
            "LEDGER": postgres.get_uri(database=databases["ledger"], driver="psycopg"),
            "STORAGE": "s3://events/statsig",
            "FIVETRAN_WEBHOOK_SECRET": SECRET,
            "CELERY_BROKER_URL": f"{broker}/0",
            "CELERY_RESULT_URL": f"{broker}/1",
        }
        fill(environ["STATSIG_DATABASE_URL"], begin, hours)
        locations = [stack.enter_context(location(folder, prefix, begin, environ)) for prefix in PREFIXES]
        workspace(folder, locations)
        stored = postgres.get_uri(database=databases["dagster"], driver="psycopg2")
        instance_settings(folder, stored, launcher, settings)
        stack.callback(kill_of_environment, mark)
        os.environ.update(environ)
        fsspec.get_filesystem_class("s3").clear_instance_cache()  # it keeps the endpoint of another cluster
        instance = stack.enter_context(dg.DagsterInstance.from_config(environ["DAGSTER_HOME"]))
        windows = [f"{begin + timedelta(hours=hour):%Y-%m-%d-%H:%M}" for hour in range(hours)]
        yield Cluster(folder, environ, proxy, locations, instance, windows, folder / "daemon.log")


@contextmanager
def running(cluster: Cluster) -> Iterator[None]:
    """The daemon and its code servers, until the end of the block."""
    with daemon(cluster.environ, cluster.log, cluster.folder / "workspace.yaml") as cluster.daemon:
        try:
            yield
        finally:
            for worker in cluster.workers:
                kill_group(worker)


def kill_group(worker: "subprocess.Popen[bytes]") -> None:
    """The worker, its processes and the runs in them at once, as when its container is killed."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def fill(url: str, begin: datetime, hours: int) -> None:
    """Six events an hour."""
    engine = create_engine(url)
    create_tables(engine, "native")
    moments = [
        begin.replace(tzinfo=None) + timedelta(hours=hour, minutes=9 * n) for hour in range(hours) for n in range(6)
    ]
    with engine.begin() as connection:
        connection.execute(insert(CUSTOM_EVENTS), [event("purchase", moment) for moment in moments])
    engine.dispose()


@contextmanager
def location(folder: Path, prefix: Sequence[str], begin: datetime, environ: dict[str, str]) -> Iterator[Location]:
    name = prefix[0] if prefix else "fivetran"
    variable = f"{name.upper()}_WEBHOOK_URL"
    settings: dict[str, dict[str, object]] = {
        "source": {"url": "env:STATSIG_DATABASE_URL"},
        "windows": {"start": f"{begin:%Y-%m-%dT%H:%M:%S%z}", "every": "hour", "settle": "1s", "lookback": "0s"},
        "webhook": {
            "name": name,
            "url": f"env:{variable}",
            "auth": {"method": "hmac", "secret": "env:FIVETRAN_WEBHOOK_SECRET"},
            "max_events": 2,
        },
        "storage": {"url": "env:STORAGE"},
        "ledger": {"url": "env:LEDGER"},
        "dagster": {"automation": True, "max_windows_a_run": 8, "key_prefix": "/".join(prefix)},
        "dagster.run_tags.ship": {"dagster-celery/queue": SHIP_QUEUE},
    }
    path = folder / f"{name}.toml"
    path.write_text(toml(settings))
    module = "from statsig_export.dagster.definitions import definitions_for\nimport dagster as dg\n"
    module += f"defs = definitions_for({str(path)!r}, executor=dg.in_process_executor)\n"
    (folder / f"location_{name}.py").write_text(module)
    with Receiver(auth=Authentication("hmac", secret=SECRET), strict_delivery=True) as receiver:
        environ[variable] = receiver.url
        yield Location(path, receiver, environ)


def workspace(folder: Path, locations: Sequence[Location]) -> None:
    modules = [{"python_module": f"location_{each.config_path.stem}"} for each in locations]
    (folder / "workspace.yaml").write_text(yaml.safe_dump({"load_from": modules}))


def instance_settings(folder: Path, url: str, launcher: str, settings: dict[str, Any]) -> None:
    """dagster.yaml and celery-worker.yaml, as deploy/ has them."""
    made = yaml.safe_load((DEPLOY / "dagster-postgres.yaml").read_text())
    made["storage"] = {"postgres": {"postgres_url": url}}
    if launcher == "celery":
        made |= yaml.safe_load((DEPLOY / "dagster-celery.yaml").read_text())
    for key, value in settings.items():
        made[key] = {**made.get(key, {}), **value}
    home = folder / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(made))
    shutil.copy(DEPLOY / "celery-worker.yaml", folder)
