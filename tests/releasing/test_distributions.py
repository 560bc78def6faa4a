"""The wheel and the sdist: the same bytes from every clone, and nothing in them that is not the package's."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from release.distributions import ROOT, Distributions, NotReleasable, build, members

pytestmark = pytest.mark.acceptance

BESIDE_THE_PACKAGE = {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


@pytest.fixture
def clone(tmp_path: Path) -> Callable[[str], Path]:
    """A clone of what is committed here, in a folder of this name."""

    def make(name: str) -> Path:
        git("clone", "--quiet", str(ROOT), str(tmp_path / name))
        return tmp_path / name

    return make


def git(*words: str, folder: Path = ROOT) -> None:
    identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost")
    subprocess.run(["/usr/bin/env", "git", *identity, *words], cwd=folder, check=True, capture_output=True)


def contents(built: Distributions) -> list[bytes]:
    return [built.wheel.read_bytes(), built.sdist.read_bytes()]


@pytest.mark.fault("F384")
def test_two_clones_build_the_same_bytes_whatever_else_lies_in_them(clone: Callable[[str], Path], tmp_path: Path):
    first = build(clone("first"), tmp_path / "dist")
    before = os.umask(0o077)
    try:
        second = clone("in another/second")
        (second / "notes.txt").write_text("a stray")
        (second / "statsig_export/scratch.py").write_text("a stray")
        for file in (second / "statsig_export").rglob("*.py"):
            os.utime(file, (1, 1))
        again = build(second, tmp_path / "other dist")
    finally:
        os.umask(before)

    assert contents(first) == contents(again)
    assert (first.wheel.name, first.sdist.name) == (again.wheel.name, again.sdist.name)


@pytest.mark.fault("F384")
def test_the_sdist_holds_the_package_and_what_describes_it(clone: Callable[[str], Path], tmp_path: Path):
    built = build(clone("clone"), tmp_path / "dist")

    beside = {name for name in members(built.sdist) if not name.startswith("statsig_export/")}
    assert beside == BESIDE_THE_PACKAGE


@pytest.mark.fault("F384")
def test_an_sdist_that_builds_another_wheel_is_not_released(clone: Callable[[str], Path], tmp_path: Path):
    folder = clone("clone")
    project = folder / "pyproject.toml"
    kept = 'packages = ["statsig_export"]'
    project.write_text(project.read_text().replace(kept, 'packages = ["statsig_export", "dagster_project"]'))
    git("commit", "--quiet", "--all", "--message", "Release what the sdist has not", folder=folder)

    with pytest.raises(NotReleasable, match="builds"):
        build(folder, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()
