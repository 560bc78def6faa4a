"""A real PgBouncer in front of the tests' PostgreSQL, in the mode that a test asks for.

It is a package of the system (Debian, Ubuntu: pgbouncer). Without it the tests that need it are skipped, unless
STATSIG_EXPORT_PGBOUNCER=required says that they must run.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

REQUIRED = "STATSIG_EXPORT_PGBOUNCER"
"""Set to `required`, a missing PgBouncer fails the tests instead of skipping them."""
NO_PGBOUNCER = "no pgbouncer here; install it (Debian, Ubuntu: apt-get install pgbouncer) to test ledgers behind one"
PORT = 6432
"""Of its socket, in a folder of its own: no port of the machine is taken."""


def pgbouncer() -> str:
    """The program, which on Debian is not on everybody's PATH."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is not None:
        return found
    if os.environ.get(REQUIRED) == "required":
        pytest.fail(NO_PGBOUNCER)
    pytest.skip(NO_PGBOUNCER)


@contextmanager
def pooled(url: str, mode: str, **settings: object) -> Iterator[str]:
    """`url` (SQLAlchemy's, of a server that listens at a socket) by way of a PgBouncer in this pool mode."""
    program, server = pgbouncer(), make_url(url)
    with tempfile.TemporaryDirectory(prefix="statsig-export-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # as root it gives up its rights, and makes its socket here all the same
        said = {
            "pool_mode": mode,
            "listen_port": PORT,
            "unix_socket_dir": folder,
            "auth_type": "any",
            "default_pool_size": 20,
            "logfile": folder / "log",
            **settings,
        }
        target = f"host={server.query['host']} dbname={server.database} user={server.username}"
        lines = ["[databases]", f"* = {target}", "[pgbouncer]", *(f"{key} = {value}" for key, value in said.items())]
        config = folder / "pgbouncer.ini"
        config.write_text("\n".join(lines))
        owner = Path(str(server.query["host"])).owner()  # to whom the server's socket is open; never root
        drop = ["-u", owner] if os.geteuid() == 0 else []
        process = subprocess.Popen([program, "-q", *drop, str(config)], stderr=subprocess.DEVNULL)
        try:
            through = server.update_query_dict({"host": str(folder)}).set(port=PORT)
            _wait_until_it_answers(through, process, folder / "log")
            yield through.render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _wait_until_it_answers(url: URL, process: "subprocess.Popen[bytes]", log: Path) -> None:
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    for _ in range(500):
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(plain, autocommit=True, connect_timeout=10).close()
        except psycopg.OperationalError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError(log.read_text())
