"""A file that is gone since its partition was pruned, or somebody was taken out of it, while it was read: told apart
from one that was lost.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from statsig_export.config import Config
from statsig_export.errors import PartitionFileError
from statsig_export.ledger.history import PrunedFiles, pruned_files
from statsig_export.ledger.listings import event_files
from statsig_export.ledger.records import Selection
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key


@contextmanager
def reading_files_of(config: Config, selection: Selection, category: Category, window: str) -> Iterator[None]:
    """Raises PartitionFileError that says so, instead of one that asks for a backup, where the partition was pruned, or
    written again without somebody, since the ledger named its files.
    """
    try:
        yield
    except PartitionFileError as error:
        key = partition_key(category, window)
        with ledger_to_read(config) as ledger:
            pruned = () if ledger is None else pruned_files(ledger.database, selection)
            named = set() if ledger is None else {file.path for file in event_files(ledger.database, selection)}
        for of in pruned:
            if of.partition == key:
                raise _pruned(of, error) from error
        if not named.issuperset(path for path in error.files if path.startswith("events/")):
            raise PartitionFileError(
                f"{key} was written again without somebody who is forgotten, while its files were read",
                files=error.files,
                hint="read again",
            ) from error
        raise


def _pruned(partition: PrunedFiles, error: PartitionFileError) -> PartitionFileError:
    return PartitionFileError(
        f"{partition.partition} was pruned ({partition.pruned:%Y-%m-%d %H:%M:%S} UTC) while its files were read",
        files=error.files,
        hint="read again: what was pruned is left out, and `status` has its account",
    )
