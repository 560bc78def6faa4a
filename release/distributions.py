"""The wheel and the sdist of a commit: the same bytes from every clone, in every folder, at every time. `make dist`.

python -m release.distributions dist
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


class NotReleasable(Exception):  # noqa: N818  says what is wrong with a release, not with this program
    """What would be released is not what the commit says; in one sentence."""


@dataclass(frozen=True, slots=True)
class Distributions:
    """The two files."""

    wheel: Path
    sdist: Path


def build(repository: Path, folder: Path) -> Distributions:
    """Both, of the commit that the repository is at, into the folder. Raises NotReleasable.

    What is not committed is not in them. Built by this environment's hatchling, which uv.lock pins; every time in them
    is the commit's.
    """
    with tempfile.TemporaryDirectory(prefix="statsig-export-dist-") as name:
        tree, again, made = (Path(name) / part for part in ("tree", "again", "made"))
        _unpack_commit(repository, tree)
        epoch = _git(repository, "log", "-1", "--format=%ct").decode().strip()
        _hatchling(tree, made, epoch, "sdist", "wheel")
        built = Distributions(_only(made, "*.whl"), _only(made, "*.tar.gz"))
        _refuse_strays(built.sdist, tree)
        _hatchling(_unpacked(built.sdist, again), again / "made", epoch, "wheel")
        if _only(again / "made", "*.whl").read_bytes() != built.wheel.read_bytes():
            raise NotReleasable("the sdist builds another wheel than the commit does")
        folder.mkdir(parents=True, exist_ok=True)
        return Distributions(*(Path(shutil.copy(file, folder)) for file in (built.wheel, built.sdist)))


def members(sdist: Path) -> set[str]:
    """The files in it, as paths below the folder that all of them are in."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers()}


def _refuse_strays(sdist: Path, tree: Path) -> None:
    generated = {"PKG-INFO"}
    committed = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    if strays := sorted(members(sdist) - committed - generated):
        raise NotReleasable(f"the sdist holds what is not committed: {', '.join(strays)}")


def _unpack_commit(repository: Path, tree: Path) -> None:
    archive = tree.with_suffix(".tar")
    archive.write_bytes(_git(repository, "archive", "--format=tar", "HEAD"))
    _unpack(archive, tree)


def _unpacked(sdist: Path, folder: Path) -> Path:
    _unpack(sdist, folder)
    (root,) = folder.iterdir()
    return root


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(folder)], check=True)  # noqa: S603, S607  made just now


def _git(repository: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(repository), *words], capture_output=True, check=True).stdout  # noqa: S603, S607  our own


def _hatchling(tree: Path, folder: Path, epoch: str, *targets: str) -> None:
    options = [option for target in targets for option in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *options]
    done = subprocess.run(  # noqa: S603  our own program
        command,
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReleasable(f"hatchling builds nothing:\n{done.stderr}")


def _only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


def main(folder: Path) -> int:
    try:
        built = build(ROOT, folder)
    except NotReleasable as error:
        sys.stderr.write(f"dist: {error}\n")
        return 1
    if _git(ROOT, "status", "--porcelain"):
        sys.stderr.write("dist: what is not committed is not in it\n")
    sys.stdout.write(f"{built.wheel}\n{built.sdist}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
