"""An empty database of each kind that is run for real; and, where the environment names one, a server by its URL."""

from collections.abc import Callable
from pathlib import Path

import pytest
from real_databases import SERVER, RealDatabase

EMBEDDED = ("sqlite", "postgresql", "duckdb")


@pytest.fixture
def database_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], RealDatabase]:
    """A database by its kind."""

    def made(kind: str) -> RealDatabase:
        if kind == "postgresql":
            return RealDatabase(kind, request.getfixturevalue("postgres_url"))
        if kind == "mysql":
            database = RealDatabase(kind, SERVER)
            database.empty()
            return database
        return RealDatabase(kind, f"{kind}:///{tmp_path}/{kind}.db")

    return made


@pytest.fixture(params=EMBEDDED + (("mysql",) if SERVER else ()))
def database(request: pytest.FixtureRequest, database_of: Callable[[str], RealDatabase]) -> RealDatabase:
    return database_of(request.param)
