"""A Redis of the system's package on a port of loopback, for as long as a test runs (Debian, Ubuntu: redis-server)."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster_processes import free_port

REQUIRED = "STATSIG_EXPORT_REDIS"
"""Set to `required`, a missing Redis fails the tests instead of skipping them."""
NO_REDIS = "no redis-server here; install it (Debian, Ubuntu: apt-get install redis-server) to test Celery workers"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Its URL, without the number of a database."""
    program = shutil.which("redis-server")
    if program is None:
        (pytest.fail if os.environ.get(REQUIRED) == "required" else pytest.skip)(NO_REDIS)
    port, log = free_port(), folder / "redis.log"
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--logfile", str(log)]
    with subprocess.Popen([program, *settings]) as server:
        try:
            while "Ready to accept connections" not in (log.read_text() if log.exists() else ""):
                assert server.poll() is None, log.read_text()
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.kill()
