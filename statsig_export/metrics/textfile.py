"""A file for node_exporter's textfile collector: whole or not at all, and open to whoever runs node_exporter."""

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from prometheus_client import generate_latest

from statsig_export.config import Config
from statsig_export.errors import ConfigError, LedgerError, StatsigExportError
from statsig_export.metrics.collector import registry_of

SUFFIX: Final = ".prom"
"""Of the files that node_exporter reads; it passes over all others without a word."""
OPEN_TO_READ: Final = 0o644
"""Whatever the umask: node_exporter runs as another user, and there is no secret in it."""
_OF_THE_DISK: Final = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def write_metrics(config: Config) -> tuple[Path, str | None]:
    """Write the file that [metrics] names. Returns it, and why the ledger could not be read, None where it could: the
    file then says so. Raises ConfigError, also where none is named, and LedgerError as `write_textfile`.
    """
    if config.metrics.textfile is None:
        raise ConfigError("export.toml names no [metrics] textfile", hint="docs/how-to/metrics.md")
    wrong: list[str] = []

    def ended(error: Exception | None) -> None:
        if error is not None:
            wrong.append(error.message if isinstance(error, StatsigExportError) else type(error).__name__)

    file = config.file_of("metrics.textfile", config.metrics.textfile)
    write_textfile(file, generate_latest(registry_of(config, ended)), named="metrics.textfile: ")
    return file, wrong[0] if wrong else None


def write_textfile(file: Path, text: bytes, *, named: str = "") -> None:
    """Put the text in the file's place. Raises ConfigError, LedgerError where the disk is full or fails; `named` is
    what they begin with.
    """
    if file.suffix != SUFFIX:
        raise ConfigError(
            f"{named}{file} does not end in {SUFFIX}", hint="node_exporter reads no other file: rename it"
        )
    try:
        _replace(file, text)
    except OSError as error:
        cause = os.strerror(error.errno or 0)
        if error.errno in _OF_THE_DISK:
            raise LedgerError(f"{named}{file} cannot be written ({cause})", hint="check its disk") from None
        hint = "name a file in a folder that this user may write to"
        raise ConfigError(f"{named}{file} cannot be written ({cause})", hint=hint) from None


def _replace(file: Path, text: bytes) -> None:
    """By way of a file whose name node_exporter passes over."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".tmp", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as beside:
            beside.write(text)
            beside.flush()
            os.fchmod(beside.fileno(), OPEN_TO_READ)
        Path(name).replace(file)
    except BaseException:  # remove it, then re-raise
        Path(name).unlink(missing_ok=True)
        raise
