"""The file that remembers beside the ledger: whatever it holds or is, somebody is told."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Any, Self

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
def test_a_disk_on_which_nothing_fits_but_a_name_is_told_before_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class Full:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def write(self, _: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(**_: Any) -> Full:  # noqa: ANN401  what the library takes
        return Full()

    monkeypatch.setattr(tempfile, "TemporaryFile", full)

    with pytest.raises(ConfigError, match=r"cannot be kept .*No space left") as told:
        FileMemory(tmp_path / "alerts.json").require()
    assert told.value.hint == "free space on its disk"
