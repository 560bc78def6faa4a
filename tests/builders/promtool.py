"""Prometheus' own checker, which no package of Python has.

Debian and Ubuntu have it in the package prometheus; .ci/run unpacks that without installing it. Without it the tests
that need it are skipped, unless STATSIG_EXPORT_PROMTOOL=required says that they must run.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = "STATSIG_EXPORT_PROMTOOL"
"""Set to `required`, a missing promtool fails the tests instead of skipping them."""
NO_PROMTOOL = "no promtool here; put it on the PATH (Debian, Ubuntu: it is in the package prometheus)"


def promtool(*words: str, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """What it says, run in this folder."""
    program = shutil.which("promtool")
    if program is None:
        (pytest.fail if os.environ.get(REQUIRED) == "required" else pytest.skip)(NO_PROMTOOL)
    return subprocess.run(
        [program, *words], cwd=folder, input=given, capture_output=True, text=True, check=False, timeout=60
    )
