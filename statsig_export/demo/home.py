"""The demo's folder: its configuration, its database, its stand-in webhook."""

import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, create_engine

from statsig_export.config_file import CONFIG_VARIABLE
from statsig_export.errors import ConfigError
from statsig_export.file_modes import OWN, create
from statsig_export.testing.sample.sample import SampleSummary, create_sample
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver

DAYS = 3
MARKER = ".statsig-export-demo"
PORT = 8787
PATH = "/webhooks/demo_endpoint"
SECRET = "demo-secret"  # noqa: S105  guards a stand-in on loopback
_CONFIG = """\
# The demo's configuration. The variables it names are in the file `environment` beside it.
[source]
url = "env:STATSIG_DATABASE_URL"
layout = "native"

[windows]
every = "day"
start = "{start:%Y-%m-%dT00:00:00Z}"
settle = "0s"
lookback = "{days}d"

[filter]
exposures = {{ gate = true, experiment = true, config = true, layer = true }}
configuration_changes = true

[filter.custom_events]
include_new_by_default = true
events = {{ debug_ping = false }}

[webhook]
name = "fivetran"
url = "env:FIVETRAN_WEBHOOK_URL"
auth = {{ method = "hmac", secret = "env:FIVETRAN_WEBHOOK_SECRET" }}

[dagster]
automation = true  # `make dev` exports and ships by itself

[storage]
url = "./storage"

[ledger]
url = "sqlite:///ledger.db"

[arrivals]  # the table that the stand-in lays down as Fivetran does, at once
url = "sqlite:///received.db"
table = "statsig_events"
grace = "0s"
"""


@dataclass(frozen=True, slots=True)
class Home:
    """The demo's folder."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "export.toml"

    @property
    def source(self) -> Path:
        return self.folder / "source.db"

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @property
    def transcript(self) -> Path:
        return self.folder / "received.jsonl"

    @property
    def received(self) -> Path:
        return self.folder / "received.db"

    @property
    def dagster(self) -> Path:
        return self.folder / "dagster"

    @property
    def environment(self) -> Path:
        return self.folder / "environment"


def new_home(folder: Path) -> Home:
    """An empty home. Only a folder that an earlier demo made is ever emptied. Raises ConfigError for any other."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).exists():
                raise ConfigError(f"{folder} is not empty and no demo made it", hint="name another folder with --home")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).touch()
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made anew ({error.strerror})", hint="name another with --home") from None
    return Home(folder)


def fill(home: Home, events: int) -> SampleSummary:
    """A source of the last three whole days, and the configuration that exports them."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    home.config.write_text(_CONFIG.format(start=start, days=DAYS), encoding="utf-8")
    create(home.source, OWN)
    engine = create_engine(URL.create("sqlite", database=str(home.source)))
    try:
        return create_sample(engine, events=events, start=start, days=DAYS)
    finally:
        engine.dispose()


@contextmanager
def running_webhook(home: Home) -> Iterator[dict[str, str]]:
    """The stand-in webhook, running; the values of the variables that the configuration names."""
    try:
        receiver = _receiver(home, PORT)
    except OSError:
        receiver = _receiver(home, 0)
    environ = {
        "STATSIG_DATABASE_URL": f"sqlite:///{home.source}",
        "FIVETRAN_WEBHOOK_URL": receiver.url,
        "FIVETRAN_WEBHOOK_SECRET": SECRET,
        CONFIG_VARIABLE: str(home.config),
        "DAGSTER_HOME": str(home.dagster),
    }
    write_environment(home.environment, environ)
    with receiver:
        yield environ


def write_environment(file: Path, environ: Mapping[str, str]) -> None:
    """Write variables as a shell (sh, bash, zsh) sets them. The file is for its user alone: it holds secrets."""
    file.unlink(missing_ok=True)
    create(file, OWN)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in environ.items()]
    file.write_text("".join(lines), encoding="utf-8")


def read_environment(file: Path) -> dict[str, str]:
    """What `write_environment` wrote. Raises OSError."""
    return dict(word.split("=", 1) for word in shlex.split(file.read_text(encoding="utf-8")))


def _receiver(home: Home, port: int) -> Receiver:
    return Receiver(
        port,
        PATH,
        auth=Authentication("hmac", SECRET),
        transcript=home.transcript,
        tables=home.received,
        keep_events=False,
    )
