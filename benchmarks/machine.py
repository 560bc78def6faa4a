"""What the figures were taken on."""

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.receiving import ROOT

_PACKAGES = (
    "pandas",
    "pyarrow",
    "sqlalchemy",
    "psycopg",
    "adbc-driver-postgresql",
    "adbc-driver-sqlite",
    "requests",
    "dagster",
)


def machine() -> dict[str, Any]:
    """Cores, memory, load, versions: everything that a figure depends on and that can be asked for."""
    return {
        "cores": os.cpu_count(),
        "processor": _first(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo")),
        "memory_mb": int(_first(r"MemTotal:\s+(\d+)", Path("/proc/meminfo")) or 0) // 1024,
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
        "commit": _commit(),
    }


def _first(pattern: str, path: Path) -> str | None:
    found = re.search(pattern, path.read_text()) if path.exists() else None
    return found[1].strip() if found else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        told = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - whichever git there is
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
    except OSError:
        return None
    return told.stdout.strip() or None
