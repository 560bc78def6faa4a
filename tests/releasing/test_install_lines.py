"""The lines by which the documentation installs the wheel of a clone, run by pip where `make dist` has put it."""

import os
import re
import subprocess
import venv
from pathlib import Path

import pytest

from release.distributions import ROOT, build

pytestmark = pytest.mark.acceptance

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINE = re.compile(r'pip install "\$\(ls dist/\*\.whl\)\[[a-z0-9,]+\]"')
LINES = sorted({line for page in PAGES if "_build" not in page.parts for line in LINE.findall(page.read_text("utf-8"))})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the wheel in dist, and a pip."""
    made = tmp_path_factory.mktemp("a clone")
    build(ROOT, made / "dist")
    venv.create(made / "environment", with_pip=True, symlinks=True)
    return made


def test_the_readme_installs_the_wheel_of_a_clone_while_there_is_no_other():
    assert LINE.search((ROOT / "README.md").read_text("utf-8"))


@pytest.mark.fault("F387")
@pytest.mark.parametrize("line", LINES)
def test_pip_finds_the_wheel_and_its_extras(folder: Path, line: str):
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} --dry-run --no-deps --no-index"],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}/environment/bin:{os.defpath}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Would install statsig-export-" in done.stdout
    assert "does not provide the extra" not in done.stderr
