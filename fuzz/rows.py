"""Rows that grow in depth, width and number forms, exported by a child process whose memory is bounded.

`python -m fuzz.rows --rounds 20`: each round is one table, and one process that exports it under RLIMIT_AS. Exit code 1
when a process ends otherwise than with an account of all its rows.
"""

import argparse
import json
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from statsig_export.config import parse_config
from statsig_export.export.export import export_window
from statsig_export.windows import Window

ADDRESS_SPACE: Final = 3 * 2**30
"""Bytes that a child may map: libraries and threads take 1.5 GB of it, of which little is ever resident."""
PEAK_MB: Final = 700
_DAY: Final = datetime(2026, 11, 1, tzinfo=UTC)
_NEVER_SENT: Final = '"privateAttributes":1'
_NUMBERS: Final = ("1e308", "1e-300", "1E+308", "9" * 300, "1.5e300", "0.1e-99", "-1e400", "1e999999999")

Row = tuple[str, str]
"""The texts of `user` and `metadata`."""


def deep(dice: random.Random, size: int) -> list[Row]:
    depth = dice.choice((10, 200, 400, 900, 5_000))
    member = dice.choice(("", _NEVER_SENT + ","))
    inner = f'{{{_NEVER_SENT},"x":"{"y" * size}"}}'
    return [(f'{{{member}"a":' * depth + inner + "}" * depth, "{}")]


def wide(dice: random.Random, size: int) -> list[Row]:
    item = dice.choice(("[]", "{}", '""', "0", "1.5", f"{{{_NEVER_SENT}}}", '"\\u0041"', '"\\n"'))
    text = f'{{{_NEVER_SENT},"x":[{",".join([item] * (size // (len(item) + 1)))}]}}'
    return [(text, "{}") if dice.random() < 0.5 else ("{}", text)]  # noqa: PLR2004


def keys(dice: random.Random, size: int) -> list[Row]:
    text = "{" + ",".join(f'"{number:x}":{dice.randrange(9)}' for number in range(size // 10)) + "}"
    return [("{}", text)]


def numbers(dice: random.Random, size: int) -> list[Row]:
    number = dice.choice(_NUMBERS)
    per_row = dice.choice((1, 200, 5_000))
    row = "{" + ",".join(f'"k{index}":{number}' for index in range(per_row)) + "}"
    return [("{}", row)] * max(1, size // len(row))


KINDS: Final[dict[str, Callable[[random.Random, int], list[Row]]]] = {
    "deep": deep,
    "wide": wide,
    "keys": keys,
    "numbers": numbers,
}


def attempt(kind: str, seed: int, size: int, *, address_space: int = ADDRESS_SPACE) -> dict[str, int]:
    """Export such rows in a child. Returns how many rows there are, are accounted for, and the peak in MB."""
    home = Path(tempfile.mkdtemp(prefix="statsig-export-fuzz-"))
    try:
        rows = KINDS[kind](random.Random(seed), size)  # noqa: S311 - dice of a fuzz
        _fill(home / "source.db", rows)
        command = [sys.executable, "-m", "fuzz.rows", "--child", str(home), "--address-space", str(address_space)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
        if done.returncode:
            raise RuntimeError(f"{kind}, seed {seed}, {size} bytes: exit {done.returncode}: {done.stderr[-400:]}")
        return {"rows": len(rows), **json.loads(done.stdout)}
    finally:
        shutil.rmtree(home)


def _fill(file: Path, rows: Sequence[Row]) -> None:
    connection = sqlite3.connect(file)
    connection.execute(
        "CREATE TABLE custom_events (id INTEGER PRIMARY KEY, time_uuid TEXT, event_name TEXT, user_id TEXT, user JSON,"
        " value TEXT, metadata JSON, statsig_metadata JSON, timestamp DATETIME, ingested_at DATETIME)"
    )
    at = f"{_DAY:%Y-%m-%d} 12:00:00"
    connection.executemany(
        "INSERT INTO custom_events VALUES (NULL, NULL, 'e', 'u', ?, '1', ?, '{}', ?, ?)",
        ((user, metadata, at, at) for user, metadata in rows),
    )
    connection.commit()
    connection.close()


def _child(home: Path, address_space: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    document = {
        "source": {"url": f"sqlite:///{home}/source.db", "exposures": {"table": ""}},
        "webhook": {"url": "env:WEBHOOK"},
    }
    config = parse_config(document, folder=home, environ={"WEBHOOK": "https://webhook.example/x"})
    report = export_window(config, Window(_DAY, _DAY + timedelta(days=1), f"{_DAY:%Y-%m-%d}"))
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    found = {"accounted": report.account.events, "peak_mb": int(peak[1]) // 1024 if peak else 0}
    sys.stdout.write(json.dumps(found))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.rows", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how many tables (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the tables (%(default)s)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--address-space", type=int, default=ADDRESS_SPACE, help="bytes a child may map")
    options = parser.parse_args()
    if options.child is not None:
        _child(options.child, options.address_space)
        return 0
    bad = 0
    for number in range(options.rounds):
        dice = random.Random(f"{options.seed} {number}")  # noqa: S311 - dice of a fuzz
        kind, size = dice.choice(list(KINDS)), dice.choice((10_000, 1_000_000, 3_900_000, 20_000_000))
        try:
            found = attempt(kind, options.seed * 1_000 + number, size, address_space=options.address_space)
        except RuntimeError as error:
            sys.stderr.write(f"{error}\n")
            bad += 1
            continue
        fine = found["accounted"] == found["rows"] and found["peak_mb"] < PEAK_MB
        bad += not fine
        sys.stdout.write(f"{number} {kind} {size} bytes: {found}{'' if fine else ' TOO MUCH'}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
