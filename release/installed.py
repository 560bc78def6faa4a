"""The wheel, installed into clean environments: by itself and with each extra, on each Python that it names.

python -m release.installed UV dist

Needs the registry that packages come from. Versions are those of uv.lock.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from zipfile import ZipFile

from release.probes import PROBES

ROOT = Path(__file__).parents[1]
AT_ONCE = 2
PROBE = Path(__file__).with_name("probes.py")
NOT_ALL_TRIED = 3
"""The exit code where all that was tried works, and a Python that the wheel names is not on this machine."""
VERSION = re.compile(r"^Classifier: Programming Language :: Python :: (3\.\d+)$", re.MULTILINE)
EXTRA = re.compile(r"^Provides-Extra: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One clean environment: a Python, an extra ("" for none), and the Python's program."""

    version: str
    extra: str
    python: str


def attempts(metadata: str, pythons: Mapping[str, str]) -> Iterator[Attempt]:
    """What to try: each extra on the first Python that is here, and on the others the wheel by itself and what Dagster
    needs.

    Raises LookupError where none is here that the wheel says it runs on, and for an extra that nobody has said how to
    try.
    """
    versions, extras = [one for one in VERSION.findall(metadata) if one in pythons], EXTRA.findall(metadata)
    if not versions:
        raise LookupError("no Python is here that the wheel says it runs on")
    if unknown := sorted(set(extras) - set(PROBES)):
        raise LookupError(f"release/probes.py does not say how to try the extra {', '.join(unknown)}")
    first, *others = versions
    yield from (Attempt(first, extra, pythons[first]) for extra in ("", *extras))
    yield from (Attempt(version, extra, pythons[version]) for version in others for extra in ("", "dagster"))


def not_here(metadata: str, pythons: Mapping[str, str]) -> list[str]:
    """The Pythons that the wheel says it runs on and that cannot be tried."""
    return [version for version in VERSION.findall(metadata) if version not in pythons]


def found_pythons() -> dict[str, str]:
    """Version -> program: on the PATH, and of pyenv, which puts there only those that somebody has chosen."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [*(shutil.which(f"python3.{minor}") for minor in range(11, 20)), *sorted(pyenv.glob("3.*/bin/python"))]
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    found: dict[str, str] = {}
    for program in filter(None, candidates):
        done = subprocess.run([str(program), "-c", ask], capture_output=True, text=True, check=False)  # noqa: S603  pythons
        if done.returncode == 0:
            found.setdefault(done.stdout.strip(), str(program))
    return found


def tried(attempt: Attempt, wheel: Path, constraints: Path, uv: str, place: Path) -> str:
    """Install and probe in a folder that is not there yet, nor afterwards. What went wrong, or nothing.

    Bytecode stays beside the folder, by the path of each module: the next environment at this place has most packages
    from the same files of uv's cache, and Python takes what it has compiled of a file of the same time and size.
    """
    environment, folder, bytecode = place / "environment", place / "empty", place.with_suffix(".bytecode")
    folder.mkdir(parents=True)
    try:
        environ = {**_bare(place), "PYTHONPYCACHEPREFIX": str(bytecode)}
        what = f"statsig-export[{attempt.extra}] @ {wheel.as_uri()}" if attempt.extra else str(wheel)
        python = environment / "bin" / "python"
        for command in (
            [uv, "venv", "--quiet", "--python", attempt.python, str(environment)],
            [uv, "pip", "install", "--quiet", "--no-build", "-c", str(constraints), "--python", str(python), what],
            [uv, "pip", "check", "--quiet", "--python", str(python)],
            [str(python), "-I", "-X", f"pycache_prefix={bytecode}", str(PROBE), attempt.extra],
        ):
            done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  ours
            if done.returncode != 0:
                return done.stdout + done.stderr
    finally:
        shutil.rmtree(place)
    return ""


def _bare(home: Path) -> dict[str, str]:
    """A machine on which nobody has set anything for us, but for how packages are fetched."""
    kept = ("UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy", "XDG_CACHE_HOME")
    fetching = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    return {**fetching, "UV_CACHE_DIR": cache, "HOME": str(home), "PATH": os.defpath}


def main(uv: str, dist: Path) -> int:
    (wheel,) = dist.resolve().glob("*.whl")
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(name).decode()
    problems, pythons = False, found_pythons()
    with (
        tempfile.TemporaryDirectory(prefix="statsig-export-installed-") as name,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        constraints, free = Path(name) / "constraints.txt", SimpleQueue[Path]()
        _write_locked(constraints, uv)
        for number in range(AT_ONCE):
            free.put(Path(name) / f"place-{number}")

        def at_a_free_place(attempt: Attempt) -> str:
            place = free.get()
            try:
                return tried(attempt, wheel, constraints, uv, place)
            finally:
                free.put(place)

        trials = {pool.submit(at_a_free_place, one): one for one in attempts(metadata, pythons)}
        for done in as_completed(trials):
            attempt, problem = trials[done], done.result()
            problems |= bool(problem)
            label = f"Python {attempt.version}, {attempt.extra or 'no extra'}"
            sys.stdout.write(f"{label}: {f'FAILED{chr(10)}{problem}' if problem else 'works'}\n")
            sys.stdout.flush()
    absent = not_here(metadata, pythons)
    if absent:
        sys.stdout.write(f"NOT TRIED on Python {', '.join(absent)}: not on this machine\n")
    return 1 if problems else NOT_ALL_TRIED if absent else 0


def _write_locked(file: Path, uv: str) -> None:
    """The versions of uv.lock, as constraints. No hashes: the wheel itself has none there."""
    options = ["--frozen", "--no-default-groups", "--all-extras", "--no-emit-project", "--no-hashes", "--quiet"]
    subprocess.run([uv, "export", *options, "-o", str(file)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  ours


if __name__ == "__main__":
    sys.exit(main(str(Path(sys.argv[1]).absolute()), Path(sys.argv[2])))
