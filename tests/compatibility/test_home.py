"""A home that the last version before the packages left behind is used as it is: see make_home.py."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import statsig_export
from statsig_export.testing.webhook.receiver import Receiver

HOME = Path(__file__).parent / "home"
DAYS = ("--from", "2026-11-19", "--to", "2026-11-21")
PRUNED_DAY = ("--from", "2026-11-02", "--to", "2026-11-03")
VERBS = """
import contextlib, io, json, runpy, sys
printed = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["statsig-export", *words, "--json"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        runpy.run_module("statsig_export", run_name="__main__")
    printed.append(json.loads(out.getvalue() or "null"))
print(json.dumps(printed))
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What the verbs printed, one after another, and what the webhook got."""

    status: dict[str, Any]
    halted: dict[str, Any]
    verified: dict[str, Any]
    events: list[list[str]]
    shipped: dict[str, Any]
    received: list[str]
    """The events of the shipment."""
    received_later: list[str]
    verified_later: dict[str, Any]
    status_later: dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(HOME, folder, dirs_exist_ok=True)
    (folder / "ledger.sqlite").rename(folder / "ledger.db")
    with closing(sqlite3.connect(folder / "source.db")) as source:
        source.executescript((HOME / "source.sql").read_text(encoding="utf-8"))
    events = statsig_export.read_events(statsig_export.load_config(folder / "export.toml"))
    rows = events[["category", "window", "event"]].itertuples(index=False)

    def say(*verbs: tuple[str, ...]) -> list[Any]:
        command = [sys.executable, "-c", VERBS, json.dumps(verbs)]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "HOOK": receiver.url}, capture_output=True, text=True, check=True
        )
        printed: list[Any] = json.loads(done.stdout)
        return printed

    with Receiver(strict_delivery=True) as receiver:
        before = say(("status",), ("--config", "halted.toml", "status"), ("verify",), ("ship", "--now"))
        received = [str(event["timeUUID"]) for event in receiver.events()]
        after = say(("run", *DAYS), ("run", *PRUNED_DAY), ("verify",), ("status",))
        return Told(
            *before[:3],
            events=sorted([str(value) for value in row] for row in rows),
            shipped=before[3],
            received=received,
            received_later=[str(event["timeUUID"]) for event in receiver.events()][len(received) :],
            verified_later=after[2],
            status_later=after[3],
        )


@pytest.fixture(scope="module")
def then() -> dict[str, Any]:
    """What the version that made the home printed, and that nobody was forgotten, which it did not say."""

    def today(found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "forgotten": 0} if "rate_limited" in found else found

    answers: dict[str, Any] = json.loads((HOME / "answers.json").read_text(encoding="utf-8"), object_hook=today)
    return answers


def standing(status: dict[str, Any]) -> list[Any]:
    """What `status` says of each partition, but for what goes with the clock."""
    names = ("partition", "account", "last_error", "replay_pending", "pruned", "pending_since")
    return [status["account"], *([line[name] for name in names] for line in status["partitions"])]


def test_status_says_the_same_of_every_partition(told: Told, then: dict[str, Any]):
    assert standing(told.status) == standing(then["status"])
    assert told.status["account"]["pending"] == 4


def test_a_halted_destination_stays_on_record(told: Told, then: dict[str, Any]):
    assert standing(told.halted) == standing(then["halted"])


def test_verify_finds_no_difference(told: Told, then: dict[str, Any]):
    assert told.verified == then["verify"]
    assert told.verified["differences"] == []


def test_a_notebook_reads_the_same_events(told: Told, then: dict[str, Any]):
    assert told.events == then["events"]


def test_what_was_pending_is_shipped_and_nothing_else(told: Told, then: dict[str, Any]):
    before = then["status"]["account"]

    assert len(told.received) == len(set(told.received)) == before["pending"]
    assert told.shipped["account"]["pending"] == 0
    assert told.status_later["account"] == {
        **before,
        "pending": 0,
        "forwarded": before["forwarded"] + len(told.received),
    }


def test_an_export_of_the_same_rows_sends_nothing_again(told: Told):
    assert told.received_later == []
    assert told.verified_later["differences"] == []
