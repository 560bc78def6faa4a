"""The script that everybody writes: pandas reads a chunk, requests posts it. No record, so a second run sends it all.

Streams (`stream_results`), keeps one Session, and posts with `json=`.
"""

import os
from collections.abc import Iterator
from typing import Any

import pandas as pd
import requests
from sqlalchemy import create_engine
from statsig_json import COLUMNS, event_of, statement

CHUNK_ROWS = 10_000


def run() -> int:
    size = int(os.environ["BENCH_BATCH"])
    sent = 0
    batch: list[dict[str, Any]] = []
    with requests.Session() as session:
        for event in _events():
            batch.append(event)
            if len(batch) == size:
                sent += _post(session, batch)
                batch = []
        if batch:
            sent += _post(session, batch)
    return sent


def _events() -> Iterator[dict[str, Any]]:
    engine = create_engine(os.environ["BENCH_DATABASE"].replace("postgresql://", "postgresql+psycopg://"))
    window = {"start": os.environ["BENCH_START"], "end": os.environ["BENCH_END"]}
    with engine.connect().execution_options(stream_results=True) as connection:
        for table in COLUMNS:
            for chunk in pd.read_sql(statement(table), connection, params=window, chunksize=CHUNK_ROWS):
                whole = chunk.astype(object).where(chunk.notna(), None)  # else a null is NaN, and no JSON
                for row in whole.to_dict("records"):
                    yield event_of(row)


def _post(session: requests.Session, batch: list[dict[str, Any]]) -> int:
    session.post(os.environ["BENCH_WEBHOOK_URL"], json=batch, timeout=30).raise_for_status()
    return len(batch)
