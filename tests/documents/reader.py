"""A reader who follows a page in a folder of their own: an export of three days that was run, and a webhook."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from blocks import ROOT
from sqlalchemy import create_engine

from statsig_export.testing.sample.sample import create_sample
from statsig_export.testing.webhook.receiver import Receiver

EVENTS = 300
CONFIGURATION = """\
[windows]
start = "2026-11-20T00:00:00Z"
[checks]
max_failed_share = 0.5
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
[arrivals]
url = "sqlite:///landed.db"
table = "statsig_events"
"""
STAND_INS = {
    # A server that stays: what it would serve is loaded, and it ends.
    "dagster": '[ "$1" = dev ] && shift && exec "{bin}/dagster" definitions validate "$@"\nexec "{bin}/dagster" "$@"',
    # The tests build the wheel and install it elsewhere; here it is installed.
    "pip": 'exec "{bin}/python" "{root}/tests/documents/requirements.py" "$@"',
    # Targets that other tests run, or that run the tests.
    "make": (
        '[ "$1" = demo ] && exec "{bin}/statsig-export" demo --events 1000\n'
        'exec make --dry-run --directory "{root}" "$@" > /dev/null'
    ),
}
"""Command -> the line of shell that takes its place."""


@dataclass(frozen=True)
class Reader:
    """`folder` is where the commands run."""

    folder: Path
    environ: dict[str, str]

    def follow(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


def prepare(folder: Path) -> None:
    """Make what a reader has: an export.toml, and a source of 2026-11-20 to -22, its windows exported and shipped."""
    engine = create_engine(f"sqlite:///{folder}/source.db")
    create_sample(engine, events=EVENTS, start=datetime(2026, 11, 20, tzinfo=UTC), days=3)
    engine.dispose()
    (folder / "export.toml").write_text(CONFIGURATION, "utf-8")
    _stand_ins(folder)
    with _reader_in(folder) as reader:
        done = reader.follow("statsig-export run --from 2026-11-20 --to 2026-11-23")
        assert done.returncode == 0, done.stderr


@contextmanager
def reading(prepared: Path, folder: Path) -> Iterator[Reader]:
    """In a copy of what `prepare` has made: nothing in it names the folder that it was made in."""
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    with _reader_in(folder) as reader:
        yield reader


@contextmanager
def _reader_in(folder: Path) -> Iterator[Reader]:
    with Receiver(keep_events=False, tables=folder / "landed.db") as receiver:
        environ = {
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "STATSIG_DATABASE_URL": f"sqlite:///{folder}/source.db",
            "FIVETRAN_WEBHOOK_URL": receiver.url,
            "FIVETRAN_WEBHOOK_SECRET": "of-the-stand-in",
        }
        yield Reader(folder, environ)


def _stand_ins(folder: Path) -> None:
    commands = folder / "bin"
    commands.mkdir()
    for name, line in STAND_INS.items():
        real = shutil.which(name) or name
        text = line.format(bin=Path(sys.executable).parent, root=ROOT).replace("exec make ", f"exec {real} ")
        (commands / name).write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        (commands / name).chmod(0o755)
