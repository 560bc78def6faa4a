from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from home import ExportHome

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


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver) -> ExportHome:
    """Everything in SQLite: for what does not depend on the database."""
    return ExportHome(tmp_path, receiver, f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/ledger.db")


@pytest.fixture
def any_home(tmp_path: Path, receiver: Receiver, databases: Callable[[str], str]) -> ExportHome:
    """Source and ledger both in SQLite, then both in PostgreSQL."""
    return ExportHome(tmp_path, receiver, databases("source"), databases("ledger"))
