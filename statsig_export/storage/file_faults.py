"""The error about damaged or missing partition files, and its words."""

from collections.abc import Mapping, Sequence
from typing import Final

from statsig_export.errors import PartitionFileError
from statsig_export.storage.errors import cause_of, error_number
from statsig_export.storage.local_files import NotRegularError

RESTORE: Final = (
    "put them back from a backup, or let `statsig-export verify --repair` write them again from the source, where it"
    " still has the same rows"
)
GONE: Final = "cannot be read: it is gone"
REPLACED: Final = "is not the file that was written: its digest differs"
_NAMED: Final = 20
"""Maximum files named in a message; `PartitionFileError.files` has all of them."""


def fault_of_file(error: Exception) -> str:
    """What is wrong with a file that cannot be read although the storage answers."""
    if isinstance(error, FileNotFoundError):
        return GONE
    if isinstance(error, IsADirectoryError) or "is a directory" in str(error):
        return "cannot be read: it is a directory"
    if isinstance(error, NotRegularError):
        return f"cannot be read: it is {error}"
    words = cause_of(error).words
    if error_number(error) is None and type(error).__module__.startswith("pyarrow"):
        return f"cannot be read: it is damaged ({words})"
    return f"cannot be read ({words})"


def damaged(files: Mapping[str, str], consequence: str = "", *, hint: str = RESTORE) -> PartitionFileError:
    """The error about these files: file -> what is wrong with it. The message ends with `consequence`."""
    named = [f"{file} {fault}" for file, fault in list(files.items())[:_NAMED]]
    if len(files) > _NAMED:
        named.append(f"and {len(files) - _NAMED:,} more")
    if hint == RESTORE and all(file.startswith("quarantine/") for file in files):
        hint = "export its window again: that writes it anew"
    message = "; ".join(named)
    return PartitionFileError(f"{message}{consequence}", hint=hint, files=files)


def joined(errors: Sequence[PartitionFileError]) -> PartitionFileError:
    """Several errors as one; for each file the fault of the first error that names it."""
    if len(errors) == 1:
        return errors[0]
    files: dict[str, str] = {}
    for error in errors:
        files |= {file: fault for file, fault in error.files.items() if file not in files}
    return damaged(files, hint=errors[0].hint)
