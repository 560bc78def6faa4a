"""The exceptions of the library in other hands: they cross from a worker process to the one that waits for it."""

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest

from statsig_export import errors
from statsig_export.errors import StatsigExportError

LEAVES: dict[str, Callable[[], StatsigExportError]] = {
    "ConfigError": lambda: errors.ConfigError("what", hint="do"),
    "SourceError": lambda: errors.SourceError("what\nand where", hint="do"),
    "SchemaError": lambda: errors.SchemaError("what"),
    "DestinationError": lambda: errors.DestinationError("what", hint="do", halts=True),
    "LedgerError": lambda: errors.LedgerError("what", hint="do"),
    "StalePlanError": lambda: errors.StalePlanError("what"),
    "OtherHashError": lambda: errors.OtherHashError("what", hint="do"),
    "StorageError": lambda: errors.StorageError("what", hint="do"),
    "PartitionFileError": lambda: errors.PartitionFileError("what", files={"file": "gone"}, hint="do"),
}


def kinds_of(kind: type[StatsigExportError]) -> set[type[StatsigExportError]]:
    return {kind}.union(*(kinds_of(inner) for inner in kind.__subclasses__()))


def raise_one(name: str) -> None:
    error = LEAVES[name]()
    raise error


@pytest.mark.fault("F351")
@pytest.mark.parametrize("name", LEAVES)
def test_an_error_is_the_same_after_it_was_pickled(name: str):
    error = LEAVES[name]()
    error.report = ("a report",)

    loaded = pickle.loads(pickle.dumps(error))  # noqa: S301  our own

    assert (type(loaded), str(loaded), loaded.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.fault("F351")
def test_every_error_of_the_library_is_among_those_that_are_pickled():
    assert {kind.__name__ for kind in kinds_of(StatsigExportError)} - {"StatsigExportError"} == set(LEAVES)


@pytest.mark.fault("F351")
def test_an_error_about_a_file_in_a_worker_process_reaches_the_process_that_waits():
    with ProcessPoolExecutor(1) as pool, pytest.raises(errors.PartitionFileError, match="what") as caught:
        pool.submit(raise_one, "PartitionFileError").result(timeout=30)

    assert caught.value.files == {"file": "gone"}
