"""The peers, and their environments: one each in .bench/, made with pip from what requirements-*.txt pin."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.figures import BYTEWAX, DLT, PLAIN
from benchmarks.receiving import ROOT

ENVIRONMENTS: Final = ROOT / ".bench"
FOLDER: Final = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program of another way to do it."""

    key: str
    """As the command line has it, and its requirements."""
    name: str
    program: Path

    python: Path
    """The interpreter of its environment."""

    @property
    def requirements(self) -> Path:
        return FOLDER / f"requirements-{self.key}.txt"


PEERS: Final = {
    key: Peer(key, name, FOLDER / program, ENVIRONMENTS / key / "bin" / "python")
    for key, name, program in (
        ("plain", PLAIN, "plain.py"),
        ("dlt", DLT, "dlt_pipeline.py"),
        ("bytewax", BYTEWAX, "bytewax_flow.py"),
    )
}


def prepare(peer: Peer) -> str | None:
    """Make the peer's environment unless it is there. Why it could not be made, or None."""
    ready, wanted = ENVIRONMENTS / peer.key / "ready", peer.requirements.read_text()
    if ready.exists() and ready.read_text() == wanted:
        return None
    install = [str(peer.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["-r", str(peer.requirements)]
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in ([sys.executable, "-m", "venv", "--clear", str(ready.parent)], install):
        made = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if made.returncode:
            errors = [line for line in made.stderr.splitlines() if line.startswith("ERROR")]
            return str((errors or made.stderr.splitlines() or ["no reason given"])[-1])
    ready.write_text(wanted)
    return None


def versions(peer: Peer) -> dict[str, str]:
    """Package -> version, of all that its environment holds."""
    command = [str(peer.python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}
