"""Runs verbs of the command line in a separate process and returns everything they print."""

import json
import os
import subprocess
import sys

_VERBS = """
import sys, json
import statsig_export.cli
from statsig_export.cli.options import cli
for words in json.loads(sys.argv[1]):
    try:
        cli(words, prog_name="statsig-export")
    except SystemExit:
        pass
"""


def run_python(code: str, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of Python that runs this code."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run_verbs(verbs: list[list[str]], environ: dict[str, str]) -> str:
    """Standard output and standard error of these verbs, one after the other in one process."""
    done = run_python(_VERBS, environ, json.dumps(verbs))
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout + done.stderr
