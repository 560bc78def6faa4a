"""A home of an export: one folder with a configuration, a source, a ledger, a storage, and the webhook it ships to."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result
from sqlalchemy import Engine, NullPool, create_engine, delete, insert, make_url, update

from statsig_export import export_window, ship
from statsig_export.account import Account, total
from statsig_export.cli.options import cli
from statsig_export.config import Config, parse_config
from statsig_export.export.reports import ExportReport
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.shipping.reports import ShipReport
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.windows import Window, window_from_key

if TYPE_CHECKING:
    from kept_homes import KeptHomes

DAY = "2026-11-20"

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass
class Home:
    """Source and ledger are SQLite files of the folder unless URLs name others; `settings` are tables of export.toml.

    The source is empty: a subclass, or the test, makes its tables.
    """

    folder: Path
    receiver: Receiver | None = None
    """None: the webhook is one that no test reaches."""
    source_url: str = ""
    ledger_url: str = ""
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    kept: "KeptHomes | None" = None
    """Whose copies this home may begin as; None: it makes all for itself."""
    used: bool = field(default=False, init=False)
    """Something was done on its source that not every home begins with."""

    def __post_init__(self) -> None:
        self.source_url = self.source_url or f"sqlite:///{self.folder}/source.db"
        self.ledger_url = self.ledger_url or f"sqlite:///{self.folder}/ledger.db"
        hook = self.receiver.url if self.receiver else "https://hook.example/"
        self.environ |= {"DB": self.source_url, "LEDGER": self.ledger_url, "HOOK": hook}

    @property
    def document(self) -> dict[str, dict[str, object]]:
        """export.toml, parsed."""
        document: dict[str, dict[str, object]] = {
            "source": {"url": "env:DB"},
            "webhook": {"url": "env:HOOK", "timeout": "2s"},
            "storage": {"url": "files"},
            "ledger": {"url": "env:LEDGER"},
        }
        for table, values in self.settings.items():
            document[table] = {**document.get(table, {}), **values}
        return document

    @property
    def config(self) -> Config:
        return parse_config(self.document, folder=self.folder, environ=self.environ)

    @property
    def config_path(self) -> Path:
        return self.folder / "export.toml"

    def set(self, section: str, /, **values: object) -> None:
        """Change keys of one section of the configuration."""
        self.settings[section] = {**self.settings.get(section, {}), **values}

    def write(self) -> Path:
        """Write export.toml as the settings now are; for processes and verbs that read it."""
        self.config_path.write_text(toml(self.document))
        return self.config_path

    def verb(self, *words: str, **environ: str) -> Result:
        """Run a verb of the command line in this process, on export.toml as it was written."""
        arguments = ["--config", str(self.config_path), *words]
        return CliRunner().invoke(cli, arguments, env={**self.environ, **environ}, prog_name="statsig-export")

    def window(self, key: str = DAY) -> Window:
        return window_from_key(key, self.config.windows)

    def begin(self, name: str, make: Callable[[], object]) -> None:
        """Be as `make` leaves a new home, which another home of the same settings may have done before (KeptHomes)."""
        if self.kept is None:
            make()
        else:
            self.kept.begin(self, name, make)

    def export(self, key: str = DAY) -> ExportReport:
        return export_window(self.config, self.window(key))

    def ship(self) -> ShipReport:
        return ship(self.config)

    def account(self) -> Account:
        return total(line.account for line in status(self.config))

    def on_source(self, action: Callable[[Engine], object]) -> None:
        """Do something with an engine of the source, and leave no connection behind."""
        self.used = True
        action(_engine(self.source_url))


@dataclass
class ExportHome(Home):
    """A home whose source has the native tables, and whose webhook is a receiver of the test."""

    receiver: Receiver

    def __post_init__(self) -> None:
        super().__post_init__()
        url = make_url(self.source_url)
        if url.drivername == "sqlite" and url.database and not Path(url.database).exists():
            Path(url.database).write_bytes(_native_tables())
        else:
            create_tables(_engine(self.source_url), "native")
            self.used = url.drivername == "sqlite"  # whatever the file holds

    def add(self, custom_events: Iterable[dict[str, object]] = (), exposures: Iterable[dict[str, object]] = ()) -> None:
        for table, rows in ((CUSTOM_EVENTS, list(custom_events)), (EXPOSURES, list(exposures))):
            if rows:
                self.on_source(lambda engine, t=table, r=rows: _execute(engine, insert(t), r))

    def change(self, key: int, **columns: object) -> None:
        """Update one row of custom_events."""
        statement = update(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.id == key).values(columns)
        self.on_source(lambda engine: _execute(engine, statement))

    def remove(self, key: int) -> None:
        self.on_source(lambda engine: _execute(engine, delete(CUSTOM_EVENTS).where(CUSTOM_EVENTS.c.id == key)))

    def received_names(self) -> list[str]:
        return [event["eventName"] for event in self.receiver.events()]


def toml(document: Mapping[str, Mapping[str, object]]) -> str:
    """A document of tables as TOML; what is deeper is written inline. A table's name may be dotted."""
    return "".join(
        f"[{table}]\n" + "".join(f"{_key(key)} = {toml_value(value)}\n" for key, value in values.items())
        for table, values in document.items()
    )


def toml_value(value: object) -> str:
    """One value as TOML spells it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value)  # a string, number or boolean is spelled alike in TOML


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key)


@lru_cache(maxsize=8)
def _engine(url: str) -> Engine:
    """Kept for the next statement on the same source: what it compiled is half of what an insert costs."""
    return create_engine(url, poolclass=NullPool)


@cache
def _native_tables() -> bytes:
    """A file of SQLite with the native tables and no rows: thousands of tests begin with a copy of it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "source.db"
        create_tables(_engine(f"sqlite:///{file}"), "native")
        return file.read_bytes()


def _execute(engine: Engine, statement, rows=None) -> None:
    with engine.begin() as connection:
        connection.execute(statement, rows) if rows else connection.execute(statement)
