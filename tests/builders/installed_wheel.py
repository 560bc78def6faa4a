"""The wheel, built and installed into an environment of its own, as on a machine without this repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installed:
    """The environment: the wheel before everything, then the packages of the environment that runs the tests."""

    python: Path

    def run(self, *words: str, folder: Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess:
        """`python` with these arguments in `folder`, as from a new shell."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STATSIG_"))}
        return subprocess.run(
            [str(self.python), *words],
            cwd=folder,
            env={**inherited, **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def validate(self, *options: str, folder: Path) -> str:
        """The output of `dagster definitions validate`, which must find nothing wrong."""
        done = self.run("-m", "dagster", "definitions", "validate", *options, folder=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def install(folder: Path) -> Installed:
    """Build and install, without the network."""
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")])
    (wheel,) = (folder / "dist").iterdir()
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    (packages / "locked.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # a plain path: its own .pth are not read
    _run([_uv(), "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)])
    return Installed(python)


def _uv() -> str:
    return shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
