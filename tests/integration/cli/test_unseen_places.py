"""Places that a verb cannot even look at: folders that this user may not enter, and names that no file can have."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from home import DAY, ExportHome
from rows import custom_event

from statsig_export.testing.webhook.receiver import Receiver

DAYS = ["--from", DAY, "--to", "2026-11-21"]
TOO_LONG = "x" * 300
VERBS = [
    ["status"],
    ["plan", *DAYS],
    ["run", *DAYS],
    ["ship"],
    ["replay", *DAYS],
    ["verify"],
    ["trace", "12345678-1234-5678-1234-567812345678"],
    ["events"],
    ["prune", "--before", DAY],
    ["resume"],
]
NEEDING = {
    "source": {"plan", "run", "events"},
    "ledger": {"status", "plan", "run", "ship", "replay", "verify", "trace", "prune", "resume"},
    "storage": {"plan", "run"},
}


@pytest.fixture
def open_home(receiver: Receiver) -> Iterator[ExportHome]:
    """A home that another user may enter, which the tests' own folder is not, with a shipped window."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = ExportHome(Path(folder), receiver)
        home.add([custom_event(1), custom_event(2, None)])
        home.write()
        for verb in VERBS:
            home.verb(*verb)  # what is imported late is imported now: another user may not read this Python
        yield home


@contextmanager
def kept_out_of(folder: Path) -> Iterator[None]:
    """As a user who may not enter a folder."""
    folder.mkdir()
    folder.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)


def place(home: ExportHome, part: str, path: str) -> None:
    if part == "storage":
        home.set("storage", url=path)
        home.write()
    else:
        home.environ[{"source": "DB", "ledger": "LEDGER"}[part]] = f"sqlite:///{path}"


@pytest.mark.fault("F354")
@pytest.mark.parametrize("part", NEEDING)
def test_a_place_in_a_folder_that_this_user_may_not_enter_is_named_with_the_cause(open_home: ExportHome, part: str):
    closed = open_home.folder / "closed"
    place(open_home, part, f"{closed}/inner")

    with kept_out_of(closed):
        results = {words[0]: open_home.verb(*words) for words in VERBS}

    for verb, result in results.items():
        assert result.exit_code != 6, (verb, result.output)
        if verb in NEEDING[part]:
            assert result.exit_code in {3, 5}, (verb, result.output)
            assert f"{closed}" in result.stderr, (verb, result.output)
            assert "EACCES" in result.stderr or "EPERM" in result.stderr, (verb, result.output)


@pytest.mark.fault("F354")
@pytest.mark.parametrize("part", NEEDING)
def test_a_place_whose_name_is_longer_than_a_files_may_be_is_named_with_the_cause(open_home: ExportHome, part: str):
    place(open_home, part, f"{open_home.folder}/{TOO_LONG}")

    for words in VERBS:
        result = open_home.verb(*words)
        assert result.exit_code != 6, result.output
        if words[0] in NEEDING[part]:
            assert result.exit_code in {3, 5}, result.output
            assert "ENAMETOOLONG" in result.stderr, result.output


@pytest.mark.fault("F354")
@pytest.mark.parametrize("value", [f"~{TOO_LONG}", f"~/{TOO_LONG}", "~root/x"])
def test_a_storage_in_a_home_folder_that_cannot_be_is_no_bug(open_home: ExportHome, value: str):
    place(open_home, "storage", "env:PLACE")
    open_home.environ["PLACE"] = value

    assert open_home.verb("plan", *DAYS).exit_code in {0, 1, 2, 5}


@pytest.mark.fault("F354")
def test_init_names_a_configuration_that_it_cannot_look_at(open_home: ExportHome):
    closed = open_home.folder / "closed"
    init = ["init", "--url", "env:DB", "--layout", "native"]

    with kept_out_of(closed):
        result = open_home.verb("--config", str(closed / "export.toml"), *init)
    too_long = open_home.verb("--config", str(open_home.folder / TOO_LONG), *init)

    assert (result.exit_code, too_long.exit_code) == (2, 2)
    assert "cannot be looked at (Permission denied)" in result.stderr
    assert "cannot be looked at (File name too long)" in too_long.stderr


@pytest.mark.fault("F354")
def test_a_file_for_the_driver_that_nobody_may_look_at_is_left_for_the_driver_to_refuse(open_home: ExportHome):
    closed = open_home.folder / "closed"
    open_home.environ["DB"] = "postgresql://u@127.0.0.1:1/events"
    open_home.settings["source.connect"] = {"sslrootcert": "closed/root.pem"}
    open_home.write()
    open_home.verb("plan", *DAYS)

    with kept_out_of(closed):
        result = open_home.verb("plan", *DAYS)

    assert result.exit_code in {2, 3}, result.output
