"""Makes `home/`: what the command of commit 475587d, the last before the packages, leaves behind of a few days.

It holds later versions to it, so it is made once, by the command of that commit, and never again by a later one:

    git clone . /tmp/then && git -C /tmp/then checkout 475587d && make -C /tmp/then setup
    python tests/compatibility/make_home.py /tmp/then/.venv/bin/statsig-export

`export.toml`     the configuration; `halted.toml` is the same for a second destination of the same ledger
`source.sql`      the source, a SQLite database as statements
`ledger.sqlite`   a pruned day, a delivered day that was replayed, and a day with batches that were delivered, split,
                  failed and deferred, of five categories; the second destination is halted and has sent nothing
`files/`          the partition files and quarantines that it names
`answers.json`    what `status` and `verify` said of it, and the events that its files hold
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent / "home"
PRUNED, DELIVERED, FAULTY = "2026-11-02", "2026-11-19", "2026-11-20"
NEXT = {PRUNED: "2026-11-03", DELIVERED: "2026-11-20", FAULTY: "2026-11-21"}
CONFIG = """\
[source]
url = "sqlite:///source.db"
layout = "native"

[windows]
start = "2026-11-01T00:00:00Z"

[filter.custom_events.events]
debug_ping = false

[webhook]
name = "fivetran"
url = "env:HOOK"
max_events = 4
concurrency = 1

[storage]
url = "files"

[ledger]
url = "sqlite:///ledger.db"
"""
FAULTS = {
    "rules": [
        {"event_name": "poison", "actions": [{"status": 400}]},
        {"event_name": "unlucky", "actions": [{"status": 503}]},
    ]
}
READ_EVENTS = """
import json, statsig_export
events = statsig_export.read_events(statsig_export.load_config())
rows = events[["category", "window", "event"]].itertuples(index=False)
print(json.dumps(sorted([str(value) for value in row] for row in rows)))
"""


def custom_event(key: int, day: str, name: str | None = "page_view") -> dict[str, Any]:
    return {
        "id": key,
        "event_name": name,
        "user_id": f"user-{key}",
        "user": json.dumps({"userID": f"user-{key}"}),
        "value": "1",
        "metadata": json.dumps({"page": "/"}),
        "statsig_metadata": json.dumps({}),
        "timestamp": f"{day} 12:00:00.000000",
        "ingested_at": f"{day} 12:00:{key:02}.000000",
    }


def exposure(key: int, day: str, kind: str = "gate") -> dict[str, Any]:
    return {
        "id": key,
        "exposure_type": kind,
        "name": "new_checkout",
        "rule_id": "rule",
        "gate_value": 1 if kind == "gate" else None,
        "group_name": None if kind == "gate" else "Test",
        "unit_type": "userID",
        "user_id": f"user-{key}",
        "user": json.dumps({"userID": f"user-{key}"}),
        "timestamp": f"{day} 12:00:00.000000",
        "ingested_at": f"{day} 12:00:00.000000",
    }


def fill(source: Path) -> None:
    faulty = {21: "poison", 25: "unlucky"}
    events = [custom_event(at, PRUNED) for at in (1, 2)]
    events += [custom_event(at, DELIVERED) for at in range(10, 16)]
    events += [custom_event(16, DELIVERED, "debug_ping"), custom_event(17, DELIVERED, None)]
    events += [custom_event(18, DELIVERED, "statsig::config_change")]
    events += [custom_event(at, FAULTY, faulty.get(at, "page_view")) for at in range(20, 32)]
    exposures = [exposure(1, PRUNED), *(exposure(at, DELIVERED) for at in range(2, 8))]
    exposures += [exposure(8, DELIVERED, "experiment"), exposure(9, DELIVERED, "layer"), exposure(10, FAULTY)]
    with closing(sqlite3.connect(source)) as connection, connection:
        for table, rows in (("custom_events", events), ("exposures", exposures)):
            for row in rows:
                names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608


class Then:
    """The command of that commit, in a folder of its own."""

    def __init__(self, command: Path, folder: Path) -> None:
        self.command, self.folder = command, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {**os.environ, "HOOK": f"http://127.0.0.1:{self.port}/webhooks/stand-in"}

    def __call__(self, *words: str, code: int = 0, config: str = "export.toml") -> dict[str, Any]:
        """What a verb prints as JSON; it has to end with `code`."""
        line = [str(self.command), "--config", config, *words, "--json"]
        done = subprocess.run(line, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != code:
            raise SystemExit(f"{words} ended with {done.returncode}: {done.stderr}{done.stdout}")
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    def run(self, day: str, code: int = 0, config: str = "export.toml") -> None:
        self("run", "--from", day, "--to", NEXT[day], code=code, config=config)

    def read_events(self) -> list[list[str]]:
        line = [str(self.command.with_name("python")), "-c", READ_EVENTS]
        done = subprocess.run(line, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=True)
        events: list[list[str]] = json.loads(done.stdout)
        return events

    @contextmanager
    def receiver(self, faults: dict[str, Any]) -> Iterator[None]:
        """The stand-in webhook, in a process of its own."""
        script = self.folder / "faults.json"
        script.write_text(json.dumps(faults), encoding="utf-8")
        line: Sequence[str] = [str(self.command), "receiver", "--port", str(self.port), "--faults", str(script)]
        with subprocess.Popen(line, cwd=self.folder, stdout=subprocess.DEVNULL) as process:
            try:
                while socket.socket().connect_ex(("127.0.0.1", self.port)):
                    time.sleep(0.1)
                yield
            finally:
                process.terminate()


def live(then: Then) -> None:
    """Lets a home see what a home can see."""
    with then.receiver({"rules": []}):
        then.run(PRUNED)
        then.run(DELIVERED, code=1)  # one row of it fails
        then("replay", "--from", DELIVERED, "--to", NEXT[DELIVERED], "--category", "custom_event")
        then("prune", "--before", NEXT[PRUNED])
    with then.receiver(FAULTS):
        then.run(FAULTY, code=1)
    with then.receiver({"rules": [{"actions": [{"status": 401}]}]}):
        then.run(DELIVERED, code=4, config="halted.toml")


def main(command: Path) -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "export.toml").write_text(CONFIG, encoding="utf-8")
        (folder / "halted.toml").write_text(CONFIG.replace('"fivetran"', '"halted"'), encoding="utf-8")
        then = Then(command, folder)
        then("init", "--tables")
        fill(folder / "source.db")
        live(then)
        answers = {
            "status": then("status", code=1),
            "halted": then("status", code=4, config="halted.toml"),
            "verify": then("verify"),
            "events": then.read_events(),
        }
        HOME.mkdir()
        (HOME / "answers.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
        with closing(sqlite3.connect(folder / "source.db")) as source:
            (HOME / "source.sql").write_text("\n".join(source.iterdump()) + "\n", encoding="utf-8")
        with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
            ledger.execute("PRAGMA journal_mode = DELETE")
            ledger.execute("PRAGMA page_size = 512")
            ledger.execute("VACUUM")
        shutil.copy(folder / "ledger.db", HOME / "ledger.sqlite")
        for config in ("export.toml", "halted.toml"):
            shutil.copy(folder / config, HOME / config)
        shutil.copytree(folder / "files", HOME / "files")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
