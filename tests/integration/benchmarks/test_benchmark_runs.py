"""The benchmark itself, on a few thousand rows: that it runs from end to end, not how fast anything is."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine

from benchmarks.__main__ import main
from benchmarks.contest import Contest, Options
from benchmarks.figures import FLOOR, OURS, PLAIN, POSTGRESQL
from benchmarks.peer_environments import PEERS
from benchmarks.receiving import running_sink
from benchmarks.source_data import DAY, FilledSource
from statsig_export.testing.sample.sample import create_sample

pytestmark = pytest.mark.acceptance

ROWS = 2_000
PEER = replace(PEERS["plain"], python=Path(sys.executable))
"""The plain script in our own environment, which has what it needs."""


@pytest.fixture
def contest(postgres_url: str, tmp_path: Path) -> Contest:
    engine = create_engine(postgres_url)
    create_sample(engine, events=ROWS, start=DAY, days=1, bad_rows=0)
    engine.dispose()
    place = postgres_url.replace("postgresql+psycopg:", "postgresql:")
    return Contest(FilledSource(POSTGRESQL, ROWS, 1, postgres_url, place), tmp_path, Options())


def test_one_command_measures_and_reports(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    file = tmp_path / "figures.json"

    few = ["--events", "1000", "--databases", "sqlite", "--rounds", "1", "--peers", "none"]
    history = tmp_path / "history.jsonl"
    main([*few, "--json", str(file), "--history", str(history)])

    found = json.loads(file.read_text())
    assert {line["name"] for line in found["lines"]} >= {OURS, FLOOR, "plain sqlite3 cursor", "read alone"}
    assert json.loads(history.read_text())["lines"][0]["rows"] == 1_000
    assert all(line["seconds"] > 0 for line in found["lines"] if line["peak_mb"])
    assert found["machine"]["packages"]["pyarrow"]
    printed = capsys.readouterr().out
    assert "SQLite: one window of 1,000 rows" in printed
    assert printed.count(OURS) == 2


def test_a_peer_sends_the_events_that_we_send(contest: Contest):
    contest.end_to_end()
    contest.raw_read()
    contest.floor()

    contest.peer(PEER)

    assert [run.name for run in contest.measurements] == [OURS, "raw COPY", FLOOR, PLAIN]
    assert 600 < contest.event_bytes < 1_200


def test_a_peer_that_sends_something_else_ends_the_benchmark(contest: Contest, tmp_path: Path):
    contest.end_to_end()
    shutil.copytree(PEER.program.parent, tmp_path / "peers")
    rules = tmp_path / "peers" / "statsig_json.py"
    rules.write_text(rules.read_text().replace('row["rule_id"] or ""', '"another rule"'))

    with pytest.raises(SystemExit, match="pandas \\+ requests script sent a different metadata"):
        contest.peer(replace(PEER, program=tmp_path / "peers" / "plain.py"))


def test_the_sink_counts_events_and_keeps_some_bodies():
    bodies = [json.dumps([{"eventName": 'a "eventName":', "user": {}}] * 3).encode(), b'[{"eventName":"b"}]']
    with running_sink() as sink, requests.Session() as session:
        session.trust_env = False
        for number in range(60):
            assert session.post(sink.url, data=bodies[number % 2]).status_code == 200
        received = sink.stop()
        kept = sorted(file.name for file in sink.sample.iterdir())

    assert (received.requests, received.events) == (60, 120)
    assert received.body_bytes == 30 * sum(map(len, bodies))
    assert kept == ["000000.json", "000050.json"]


def test_a_slow_sink_answers_after_its_latency():
    with running_sink(latency_ms=150) as sink, requests.Session() as session:
        session.trust_env = False
        answer = session.post(sink.url, data=b"[]")

    assert answer.elapsed.total_seconds() >= 0.15


def test_growth_of_a_ledger_is_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    file = tmp_path / "growth.json"

    main(["growth", "--parts", "ledger", "--ledgers", "sqlite", "--batches", "10000", "--json", str(file)])

    operations = {figure["ms"] for figure in json.loads(file.read_text())["ledger"]}
    assert {"due_partitions", "status", "a tick of the sensor", "plan of a window of 1,200 batches"} <= operations
    assert "Ledgers of more and more batches" in capsys.readouterr().out
