"""Where the record is kept between two looks: in the ledger, and beside it while that is not to be had."""

import errno
import fcntl
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from statsig_export.alerts.record import Record
from statsig_export.config import Config
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.ledger.notes import change_note, read_note
from statsig_export.ledger.transactions import existing_ledger, ledger_place, ledger_to_read
from statsig_export.storage.local_files import NotRegularError, open_regular

_KIND: Final = "alerts"
READ_WAIT_MS: Final = 3_000
"""For a ledger to answer: a tick has a minute for everything."""
_WRITE_WAIT_MS: Final = 8_000
"""For another writer, likewise; three times at most in a look."""
AGAIN_MS: Final = 3_600_000
"""So often somebody is told, at most, what cannot be remembered."""
_LONGEST: Final = 1 << 24
"""Bytes that are read of a file: more than any record has."""
_A_RECORD: Final = 4096
"""Bytes, about."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

Change = Callable[[Record], Record]


class Memory(Protocol):
    """One record, changed by one at a time."""

    def read(self) -> Record: ...

    def change(self, change: Change) -> Record:
        """Put what `change` makes of the record in its place, and return it."""


@dataclass(frozen=True, slots=True)
class LedgerMemory:
    """In the ledger, so that of several processes and daemons only one tells. Raises LedgerError."""

    config: Config

    def read(self) -> Record:
        with ledger_to_read(self.config, READ_WAIT_MS) as ledger:
            text = None if ledger is None else read_note(ledger.database, _KIND, (self.config.webhook.name,))
        return Record.of_text(text)

    def change(self, change: Change) -> Record:
        """No ledger is made by an alert: where it is gone since it was looked at, that is an error."""
        with existing_ledger(self.config, _WRITE_WAIT_MS) as ledger:
            if ledger is None:
                raise LedgerError(f"the ledger at {ledger_place(self.config)} is gone since it was read")
            names = (self.config.webhook.name,)
            text = change_note(ledger.database, _KIND, names, lambda text: change(Record.of_text(text)).text)
        return Record.of_text(text)


@dataclass(slots=True)
class TextMemory:
    """A text that the caller keeps: a sensor's cursor."""

    text: str

    def read(self) -> Record:
        return Record.of_text(self.text)

    def change(self, change: Change) -> Record:
        record = change(self.read())
        self.text = record.text
        return record


@dataclass(frozen=True, slots=True)
class FileMemory:
    """A file beside export.toml. Raises ConfigError where it cannot be kept."""

    file: Path

    def read(self) -> Record:
        try:
            with open_regular(str(self.file)) as file:
                return Record.of_text(file.read(_LONGEST).decode("utf-8", "replace"))
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise self._not_kept(error) from None

    def require(self) -> None:
        """Raises ConfigError where the file cannot be read, or not be written again."""
        self.change(lambda record: record)
        try:
            with tempfile.TemporaryFile(dir=self.file.parent) as file:
                file.write(bytes(_A_RECORD))  # an empty file fits on a full disk, too
        except OSError as error:
            raise self._not_kept(error) from None

    def change(self, change: Change) -> Record:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.file.with_name(f"{self.file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self.read()
                record = change(before)
                if record != before:
                    self._write(record.text)
                return record
            finally:
                os.close(lock)
        except OSError as error:
            raise self._not_kept(error) from None

    def _write(self, text: str) -> None:
        handle, name = tempfile.mkstemp(prefix=f".{self.file.name}.", dir=self.file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as beside:
                beside.write(text)
            Path(name).replace(self.file)
        except BaseException:  # remove it, then re-raise
            with suppress(OSError):
                Path(name).unlink()
            raise

    def _not_kept(self, error: Exception) -> ConfigError:
        why, number = type(error).__name__, None
        if isinstance(error, NotRegularError):
            why = str(error)
        elif isinstance(error, OSError):
            why, number = os.strerror(error.errno or 0), error.errno
        hint = "free space on its disk" if number in _FULL else "name one in [alerts] state that this user may write to"
        return ConfigError(f"alerts.state: {self.file} cannot be kept ({why})", hint=hint)


@dataclass(frozen=True, slots=True)
class LastTold:
    """When somebody was last told what no memory keeps: the time of an empty file beside a FileMemory's. A full disk,
    where no text fits, mostly still takes that. Where it does not, nobody was told lately.
    """

    memory: FileMemory

    def is_lately(self, now_ms: int) -> bool:
        try:
            return 0 <= now_ms - self._file.stat().st_mtime * 1000 < AGAIN_MS
        except OSError:
            return False

    def note(self, now_ms: int) -> None:
        with suppress(OSError):
            self._file.touch(0o600)
            os.utime(self._file, (now_ms / 1000, now_ms / 1000))

    @property
    def _file(self) -> Path:
        return self.memory.file.with_name(f"{self.memory.file.name}.told")
