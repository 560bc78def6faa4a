"""A MariaDB server of the system's package, on a socket in a folder of its own, for as long as a command runs.

`python tests/builders/mariadb_server.py pytest tests/databases -k mysql` starts it, gives the command its URL as
STATSIG_EXPORT_TEST_DATABASE, stops it and ends with the command's exit code. It runs as `nobody` where root starts it,
and takes no port. Debian, Ubuntu: apt-get install mariadb-server.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "STATSIG_EXPORT_TEST_DATABASE"
ZONES: Final = Path("/usr/share/zoneinfo")
ENDED: Final = 60
"""Seconds that the server has to start, and to stop."""


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of an empty database, whose user may do everything. The server knows time zones by their names."""
    with tempfile.TemporaryDirectory(prefix="statsig-export-mariadb-") as name:
        folder = Path(name)
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        data, socket, log = folder / "data", folder / "socket", folder / "log"
        plain = ["--no-defaults", f"--datadir={data}"]
        made = [_program("mariadb-install-db"), *plain, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **user)
        served = [_program("mariadbd"), *plain, f"--socket={socket}", "--skip-networking"]
        served += [f"--log-error={log}", "--character-set-server=utf8mb4"]  # as Debian configures it
        with subprocess.Popen(served, stderr=subprocess.DEVNULL, **user) as server:
            try:
                _prepare(server, socket, log)
                yield f"mysql+pymysql://root@/scratch?unix_socket={socket}"
            finally:
                server.terminate()
                server.wait(ENDED)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        sys.exit(f"no {name} here; install it (Debian, Ubuntu: apt-get install mariadb-server)")
    return found


def _prepare(server: "subprocess.Popen[bytes]", socket: Path, log: Path) -> None:
    """Wait until it answers; load the time zones, which no installation does by itself; make the database."""
    client = [_program("mariadb"), "--no-defaults", f"--socket={socket}", "--user=root"]
    until = time.monotonic() + ENDED
    while subprocess.run([*client, "--execute=SELECT 1"], capture_output=True, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            sys.exit(f"MariaDB does not start: {log.read_text()}")
        time.sleep(0.05)
    zones = subprocess.run([_program("mariadb-tzinfo-to-sql"), str(ZONES)], capture_output=True, check=True)
    subprocess.run([*client, "mysql"], input=zones.stdout, check=True)
    subprocess.run([*client, "--execute=CREATE DATABASE scratch"], check=True)


def main(command: Sequence[str]) -> int:
    with mariadb() as url:
        return subprocess.run(command, env={**os.environ, VARIABLE: url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
