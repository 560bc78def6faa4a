"""bytewax: a source partition a table over a server-side cursor, a map, and a sink that posts what it is given.

Without a recovery store, so a second run sends it all; with one it would send at least once.
"""

import os
from typing import Any

import bytewax.operators as op
import psycopg
import requests
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from psycopg.rows import dict_row
from statsig_json import COLUMNS, event_of, statement

BATCH = int(os.environ["BENCH_BATCH"])


class _Rows(StatefulSourcePartition[dict[str, Any], None]):
    def __init__(self, table: str) -> None:
        window = {"start": os.environ["BENCH_START"], "end": os.environ["BENCH_END"]}
        self._connection = psycopg.connect(os.environ["BENCH_DATABASE"])
        self._cursor = self._connection.cursor(f"read_{table}", row_factory=dict_row)
        self._cursor.execute(statement(table), window)

    def next_batch(self) -> list[dict[str, Any]]:
        rows = self._cursor.fetchmany(BATCH)
        if not rows:
            raise StopIteration
        return rows

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self._connection.close()


class _Tables(FixedPartitionedSource[dict[str, Any], None]):
    def list_parts(self) -> list[str]:
        return list(COLUMNS)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Rows:  # noqa: ARG002 - bytewax calls it so
        return _Rows(for_part)


class _Posts(StatelessSinkPartition[dict[str, Any]]):
    def __init__(self) -> None:
        self._session = requests.Session()

    def write_batch(self, items: list[dict[str, Any]]) -> None:
        for at in range(0, len(items), BATCH):
            batch = items[at : at + BATCH]
            self._session.post(os.environ["BENCH_WEBHOOK_URL"], json=batch, timeout=30).raise_for_status()
            _sent.append(len(batch))


class _Webhook(DynamicSink[dict[str, Any]]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Posts:  # noqa: ARG002 - bytewax calls it so
        return _Posts()


_sent: list[int] = []


def run() -> int:
    flow = Dataflow("bench")
    rows = op.input("rows", flow, _Tables())
    events = op.map("event", rows, event_of)
    op.output("webhook", events, _Webhook())
    cli_main(flow)
    return sum(_sent)
