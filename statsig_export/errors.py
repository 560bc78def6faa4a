"""The exceptions, by whose fault it is and so by who can mend it.

    StatsigExportError          never raised itself
    ├── ConfigError             the configuration or the command line: edit export.toml           exit code 2
    ├── SourceError             the database: mend it, then run the window again                   exit code 3
    │   └── SchemaError         a table is not there, or not as the layout says: mend or map it
    ├── DestinationError        the webhook refuses the set-up: mend it, then `resume`            exit code 4
    └── LedgerError             our own record or the partition files: look at the disk first     exit code 5
        ├── StalePlanError      another run planned the same partition first: export it again
        │   └── OtherHashError  the source told shards apart by another hash: export it without that
        ├── StorageError        the storage as a whole: away, full, or it refuses; the next try may do
        └── PartitionFileError  single files are gone or damaged: the others go on
    any other exception         an error of our own: report it                                    exit code 6

A bad row is not an exception: it is a failed row with a reason, counted and kept in quarantine.
An answer of the webhook is not one either: it is a Reply or a Failure, judged in delivery/rules.py.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

OWN_ERROR = 6
"""The exit code of any other exception: a bug of this library."""


class StatsigExportError(Exception):
    """The root. Carries the one sentence that says what to do, apart from what happened.

    Messages never hold a secret or a payload: build them from names, positions and counts.
    """

    exit_code: ClassVar[int]

    def __init__(self, message: str, *, hint: str = "") -> None:
        if type(self) is StatsigExportError:
            raise TypeError("raise one of the leaves: they say whose fault it is")
        between = ".\n" if "\n" in message or "\n" in hint else ". "
        super().__init__(f"{message}{between}{hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.report: object = None
        """The report of the run that this error ended, if it did anything before. `shipping.reports.report_of` returns
        it with its type."""

    def __reduce__(self) -> tuple[Any, ...]:
        """To be pickled whatever `__init__` takes: a pool of processes waits for ever for an error that cannot be."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[StatsigExportError], args: tuple[object, ...], state: dict[str, object]) -> StatsigExportError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigError(StatsigExportError):
    """The configuration, the environment it names, or the command line is wrong."""

    exit_code = 2


class SourceError(StatsigExportError):
    """The source database cannot be read as the layout says. Nothing of the window was planned."""

    exit_code = 3


class SchemaError(SourceError):
    """A table of the source is not there, or its columns are not what the layout reads."""


class DestinationError(StatsigExportError):
    """The webhook refuses the set-up (URL, secret, certificate). Everything undelivered stays pending."""

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "", halts: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.halts = halts
        """Whether this run halted the destination: one of several runs that are refused at once."""


class LedgerError(StatsigExportError):
    """The ledger or the storage of partition files failed, or what it says does not hold."""

    exit_code = 5


class StalePlanError(LedgerError):
    """Another export planned a generation of the same partition between our reading and our planning."""


class OtherHashError(StalePlanError):
    """The source database hashes ids in a way of its own: what was read by its hash counts for nothing."""


class StorageError(LedgerError):
    """The storage cannot be reached, read or written at all. Nothing is known of any single file."""


class PartitionFileError(LedgerError):
    """Partition files are gone or are not what was written; the storage itself answers."""

    def __init__(self, message: str, *, files: Mapping[str, str], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.files = dict(files)
        """File, relative to the storage's root -> what is wrong with it."""
