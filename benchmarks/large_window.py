"""One window of many rows: `python -m benchmarks.large_window --rows 10000000 --database sqlite|postgresql|duckdb`.

Fills a table of custom events with two days, one of a fortieth of the rows, and exports each day in a process of its
own. Prints the rates and the peak memory: that of the large window should be that of the small one, and 16 bytes a row
for telling duplicates (up to 40 while two runs of them are merged). Ten million rows take some 12 GB of disk, in
--home, and from five minutes (DuckDB) to a quarter of an hour (PostgreSQL).
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import duckdb
import psycopg
from sqlalchemy import make_url

from statsig_export.testing.postgres import postgres_server

SMALL_DAY, LARGE_DAY = "2026-11-20", "2026-11-21"
SHARE: Final = 40
DATABASES: Final = ("sqlite", "postgresql", "duckdb")
CONFIG: Final = """\
[source]
url = "env:STATSIG_DATABASE_URL"
[source.exposures]
table = ""
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[storage]
url = "files"
[ledger]
url = "sqlite:///ledger.db"
"""
TABLE: Final = (
    'CREATE TABLE custom_events (id BIGINT, time_uuid TEXT, event_name TEXT, user_id TEXT, "user" JSON, value TEXT,'
    ' metadata JSON, statsig_metadata JSON, "timestamp" TIMESTAMP, ingested_at TIMESTAMP)'
)
INDEX: Final = "CREATE INDEX custom_events_by_ingestion ON custom_events (ingested_at, id)"
ROWS: Final = """\
INSERT INTO custom_events SELECT n + {first}, NULL, 'page_view', 'user-' || n,
('{{"userID":"user-' || n || '","email":"user-' || n || '@example.org","customIDs":{{"stableID":"' || {digest} ||
'"}},"userAgent":"{agent}","locale":"en_US","appVersion":"2.31.0"}}'){json}, '19.99',
('{{"page":"/products/' || n || '","referrer":"https://www.example.org/search","session":"' || {digest} ||
'","experiment":"checkout","position":"7"}}'){json},
('{{"sdkType":"py-server","sdkVersion":"0.61.0","sessionID":"' || {digest} || '"}}'){json},
{moment}, {moment} FROM {series}
"""
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
DIALECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        "json": "",
        "digest": "printf('%032x', n * 2654435761)",
        "moment": "strftime('%Y-%m-%d %H:%M:%f', '{day}', printf('%.3f seconds', n * {step}))",
        "series": "(WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < {rows} - 1)"
        " SELECT n FROM r)",
    },
    "postgresql": {
        "json": "::json",
        "digest": "md5(n::text)",
        "moment": "timestamp '{day}' + n * interval '{step} seconds'",
        "series": "generate_series(0, {rows} - 1) r(n)",
    },
    "duckdb": {
        "json": "::json",
        "digest": "md5(n::varchar)",
        "moment": "timestamp '{day}' + to_microseconds((n * {step} * 1000000)::bigint)",
        "series": "range({rows}) r(n)",
    },
}


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="benchmarks.large_window", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--database", choices=DATABASES, nargs="+", default=DATABASES)
    arguments.add_argument("--home", type=Path, help="where the data is made; a temporary folder unless it is named")
    arguments.add_argument("--json", type=Path, help="also write the figures here")
    options = arguments.parse_args()
    figures = []
    tempfile.tempdir = str(options.home) if options.home else None  # for PostgreSQL's server too
    with tempfile.TemporaryDirectory(prefix="statsig-export-bench-") as folder:
        for database in options.database:
            home = Path(folder) / database
            home.mkdir()
            with database_in(home, database) as url:
                figures += _measured(database, options.rows, home, url)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


@contextmanager
def database_in(home: Path, database: str) -> Iterator[str]:
    """The URL of an empty database, whose file or server is in this folder."""
    if database == "postgresql":
        with postgres_server(home / "postgres.lock") as server:
            yield server.get_uri(driver="psycopg")
    else:
        yield f"{database}:///{home}/source.db"


def _measured(database: str, rows: int, home: Path, url: str) -> list[dict[str, object]]:
    _say(f"{database}: making {rows + rows // SHARE:,} rows")
    began = time.monotonic()
    _fill(database, url, rows)
    _say(f"{database}: made in {time.monotonic() - began:.0f} s")
    (home / "export.toml").write_text(CONFIG)
    environ = {**os.environ, "STATSIG_DATABASE_URL": url, "FIVETRAN_WEBHOOK_URL": "http://127.0.0.1:9/never-called"}
    figures = []
    for day, expected in ((SMALL_DAY, rows // SHARE), (LARGE_DAY, rows)):
        command = [sys.executable, "-m", "benchmarks.stage", "export", str(home / "export.toml"), day]
        done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
        figure = {"database": database, "rows": expected, **json.loads(done.stdout)}
        if figure["events"] != expected:
            raise SystemExit(f"{database}: {figure['events']} events of {expected} rows")
        _say(
            f"{database}: {expected:,} rows in {figure['seconds']:.0f} s, {expected / figure['seconds']:,.0f}/s, "
            f"peak memory {figure['peak_mb']} MB, of which {figure['imports_mb']} MB are the imports"
        )
        figures.append(figure)
    growth = int(str(figures[1]["peak_mb"])) - int(str(figures[0]["peak_mb"]))
    _say(f"{database}: {growth} MB more for {SHARE} times the rows, {growth * 2**20 / rows:.0f} bytes a row")
    return figures


def _fill(database: str, url: str, rows: int) -> None:
    then = {"sqlite": [INDEX], "postgresql": [INDEX, "VACUUM ANALYZE custom_events"]}
    executed(database, url, [TABLE, *_inserts(database, rows), *then.get(database, [])])


def executed(database: str, url: str, statements: Iterable[str]) -> None:
    """Run these statements, on SQLite in one transaction."""
    if database == "duckdb":
        with duckdb.connect(make_url(url).database or "") as file:
            for statement in statements:
                file.execute(statement)
        return
    if database == "sqlite":
        with closing(sqlite3.connect(make_url(url).database or "")) as sqlite, sqlite:
            for statement in statements:
                sqlite.execute(statement)
        return
    place = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(place, autocommit=True) as server:
        for statement in statements:
            server.execute(statement.encode())


def _inserts(database: str, rows: int) -> Iterator[str]:
    first = 1
    for day, number in ((SMALL_DAY, rows // SHARE), (LARGE_DAY, rows)):
        told = {"day": day, "rows": str(number), "step": f"{86_400 / number:.9f}"}
        parts = {name: text.format(**told) for name, text in DIALECTS[database].items()}
        yield ROWS.format(first=first, agent=AGENT, **parts)
        first += number


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
