from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from home import ExportHome
from kept_homes import KeptHomes

from statsig_export.testing.webhook.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(path="/webhooks/secret_endpoint", strict_delivery=True) as receiver:
        yield receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """A URL for a database by name, once on each kind of server."""
    if request.param == "sqlite":
        return lambda name: f"sqlite:///{tmp_path / name}.db"
    url: str = request.getfixturevalue("postgres_url")
    return lambda _: url


@pytest.fixture(scope="session")
def kept_homes(tmp_path_factory: pytest.TempPathFactory) -> KeptHomes:
    return KeptHomes(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, kept_homes: KeptHomes) -> ExportHome:
    """Everything in SQLite: for what does not depend on the database."""
    return ExportHome(tmp_path, receiver, kept=kept_homes)


@pytest.fixture
def any_home(tmp_path: Path, receiver: Receiver, databases: Callable[[str], str], kept_homes: KeptHomes) -> ExportHome:
    """Source and ledger both in SQLite, then both in PostgreSQL."""
    return ExportHome(tmp_path, receiver, databases("source"), databases("ledger"), kept=kept_homes)
