"""How long `forget` takes, and how much memory, by how many events there are and how many people are forgotten.

Each figure is a process of its own. The events are of FOREIGN users in turn, in windows of EVENTS_A_WINDOW.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import update

from benchmarks.probe import measured
from benchmarks.source_data import DAY
from statsig_export.config import Config, parse_config
from statsig_export.export.judge import Tally
from statsig_export.export.writer import PartitionWriter
from statsig_export.forgetting.forget import forget
from statsig_export.ledger.records import ExportRun, Planned
from statsig_export.ledger.tables import batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.storage.schemas import EVENTS
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category
from statsig_export.windows import window_from_key

USERS: Final = 100_000
EVENTS_A_WINDOW: Final = 250_000
_CHUNK: Final = 25_000
ASKED: Final[Mapping[str, tuple[str, int]]] = {
    "1 user, dry run": ("userID", 1),
    "1 user": ("userID", 1),
    "1 company": ("companyID", 1),
    "1,000 users": ("userID", 1_000),
    f"all {USERS:,} users": ("userID", USERS),
}
"""In this order, on the same files: each is about other people."""


def forget_timings(folder: Path, events: int) -> Iterator[dict[str, Any]]:
    """A line for each of ASKED."""
    _fill(_config(folder), events)
    first = 0
    for what, (unit_type, count) in ASKED.items():
        ids = folder / "ids.txt"
        prefix = "u" if unit_type == "userID" else "c"
        ids.write_text("\n".join(f"{prefix}-{number % USERS}" for number in range(first, first + count)))
        first += 0 if "dry" in what else count
        report = folder / "report.json"
        words = [__spec__.name, str(folder), unit_type, str(ids), str(report), *(["dry"] if "dry" in what else [])]
        subprocess.run([sys.executable, "-m", *words], check=True)
        figures = json.loads(report.read_text())
        yield {
            "events": events,
            "forgotten": what,
            "taken out": figures["events"],
            "s": round(figures["seconds"], 1),
            "peak MB": figures["peak_mb"],
            "own MB": figures["peak_mb"] - figures["imports_mb"],
        }


def _config(folder: Path) -> Config:
    document = {
        "source": {"url": f"sqlite:///{folder}/none.db"},
        "webhook": {"url": "env:HOOK"},
        "storage": {"url": "files"},
        "ledger": {"url": f"sqlite:///{folder}/ledger.db"},
    }
    return parse_config(document, folder=folder, environ={"HOOK": "https://hook.example/"})


def _fill(config: Config, events: int) -> None:
    with ledger_of(config) as ledger, Storage(config.storage_url()) as storage:
        for number, begin in enumerate(range(0, events, EVENTS_A_WINDOW)):
            window = window_from_key(f"{DAY + timedelta(days=number):%Y-%m-%d}", config.windows)
            writer = PartitionWriter(storage, config.webhook)
            for first in range(begin, min(begin + EVENTS_A_WINDOW, events), _CHUNK):
                writer.add_events(_events(range(first, min(first + _CHUNK, events))))
            plan = writer.publish(Category.CUSTOM_EVENT, window, Planned(0, ()), Tally())
            writer.discard()
            run = ExportRun(f"{number:032x}", None, config.webhook.name, window, 0, 0, 0, {}, "c", "f", "0", {})
            ledger.plan(run, [plan])
        with ledger.database.write() as connection:  # as if it had been sent: most of what is forgotten has
            connection.execute(update(batches).values(state="delivered"))


def _events(numbers: range) -> pa.Table:
    users = [f"u-{number % USERS}" for number in numbers]
    texts = [
        f'{{"eventName":"page_view","user":{{"userID":"{user}","email":"{user}@example.org","customIDs":'
        f'{{"companyID":"c-{number % USERS}"}},"custom":{{"plan":"paid"}}}},"userID":"{user}","timestamp":{number},'
        f'"statsigMetadata":{{"sdkType":"py"}},"value":"","metadata":{{"page":"/home"}},"timeUUID":"id-{number}"}}'
        for number, user in zip(numbers, users, strict=True)
    ]
    columns = {
        "time_uuid": [f"id-{number}" for number in numbers],
        "event_name": ["page_view"] * len(numbers),
        "timestamp": list(numbers),
        "user_id": users,
        "unit_id": [None] * len(numbers),
        "event": texts,
    }
    return pa.table(columns, schema=EVENTS)


def _main(folder: Path, unit_type: str, ids: Path, report: Path, *, dry_run: bool) -> None:
    with closing(ids.open()) as lines:
        people = ((unit_type, line.strip()) for line in lines)
        figures = measured(lambda: forget(_config(folder), people, dry_run=dry_run).events)
    report.write_text(json.dumps(figures))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), dry_run=sys.argv[5:] == ["dry"])
