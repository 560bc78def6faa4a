"""The file that remembers beside the ledger: whatever it holds or is, somebody is told."""

import os
import resource
from pathlib import Path

import pytest

from statsig_export.alerts.memory import FileMemory
from statsig_export.alerts.record import Record
from statsig_export.errors import ConfigError


@pytest.mark.fault("F660")
def test_bytes_that_are_no_text_are_an_empty_record_and_are_written_over(tmp_path: Path):
    memory = FileMemory(tmp_path / "alerts.json")
    memory.file.write_bytes(b"\xff\xfe\x00")
    new = Record().taking(["slack"], 10**12)

    assert memory.read() == Record()
    assert memory.change(lambda _: new) == new
    assert memory.read().text == new.text


@pytest.mark.fault("F660")
def test_what_is_no_file_is_an_error_and_nobody_waits_for_it(tmp_path: Path):
    os.mkfifo(tmp_path / "alerts.json")

    with pytest.raises(ConfigError, match="cannot be kept"):
        FileMemory(tmp_path / "alerts.json").read()


@pytest.mark.fault("F663")
def test_a_disk_on_which_nothing_fits_but_a_name_is_told_before_it_matters(tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # a file may be made, and no byte be written into it
    try:
        with pytest.raises(ConfigError, match=r"cannot be kept \(File too large\)"):
            FileMemory(tmp_path / "alerts.json").require()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
