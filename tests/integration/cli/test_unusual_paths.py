"""A configuration whose path is no text, or that is no file."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from home import ExportHome
from rows import custom_event

from statsig_export.cli.options import cli

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]


@pytest.mark.fault("F688")
@pytest.mark.parametrize("named", ["folder", "file"])
@pytest.mark.parametrize("verb", [["run", *DAY], ["status"], ["status", "--json"], ["verify"], ["ship"]], ids=" ".join)
def test_a_path_that_is_not_utf_8_is_the_operators_error(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, verb: list[str], named: str
):
    other = home.folder / os.fsdecode(b"caf\xe9")
    other.mkdir()
    home.write().rename(other / "export.toml")
    if named == "folder":
        monkeypatch.chdir(other)
    words = ["--config", str(other / "export.toml")] if named == "file" else []

    result = CliRunner().invoke(cli, [*words, *verb], env=home.environ)

    assert result.exit_code == 2
    assert "has bytes that are not UTF-8. rename its folders" in result.output


@pytest.mark.fault("F688")
@pytest.mark.parametrize("verb", [["init"], ["demo", "--home", "home"]], ids=" ".join)
def test_nothing_is_begun_in_a_folder_that_is_not_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: list[str]
):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    monkeypatch.chdir(folder)

    result = CliRunner().invoke(cli, verb)

    assert result.exit_code == 2
    assert "has bytes that are not UTF-8. rename its folders" in result.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.fault("F689")
@pytest.mark.parametrize(
    "script",
    [
        "{command} --config <(cat {file}) {verb}",
        "cat {file} | {command} --config /dev/stdin {verb}",
        "{command} --config /dev/stdin {verb} < {file}",
        "{command} --config /proc/self/fd/0 {verb} < {file}",
        "mkfifo pipe && {command} --config pipe {verb}",
    ],
    ids=["substituted", "piped", "redirected", "of the process", "named pipe"],
)
def test_a_configuration_that_lies_in_no_folder_is_refused(home: ExportHome, script: str):
    home.add([custom_event(1)])
    words = {"command": shlex.join([sys.executable, "-m", "statsig_export"]), "verb": shlex.join(["run", *DAY])}
    script = script.format(**words, file=home.write().name)
    environ = {**os.environ, **home.environ, "LEDGER": "sqlite:///ledger.db"}

    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=home.folder,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "is a pipe or a device" in done.stderr
    assert "write it to a file" in done.stderr
    assert home.receiver.requests == []
