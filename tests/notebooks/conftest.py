import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from execution import committed
from matplotlib import pyplot as plt
from sqlalchemy import create_engine

from statsig_export.config import Config, load_config
from statsig_export.testing.sample.sample import create_sample

EVENTS = 1_500
EXPORT_TOML = """\
[source]
url = "env:DATABASE"
[windows]
every = "{every}"
[filter.custom_events]
events = {{ product_view = false }}
[webhook]
url = "env:HOOK"
max_events = 20
[storage]
url = "files"
[ledger]
url = "env:DATABASE"
"""


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh demo."""
    home = tmp_path_factory.mktemp("demo") / "home"
    command = [sys.executable, "-m", "statsig_export", "demo", "--home", str(home), "--events", str(EVENTS)]
    subprocess.run(command, check=True, capture_output=True)
    return home


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/export.db"


@pytest.fixture
def postgresql_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def export_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Sets up the export that the notebook will find: a sample of two days, nothing exported yet."""

    def set_up(url: str, webhook_url: str = "", every: str = "day") -> Config:
        engine = create_engine(url)
        create_sample(engine, events=EVENTS, start=datetime(2026, 11, 20, tzinfo=UTC), days=2)
        engine.dispose()
        path = tmp_path / "export.toml"
        path.write_text(EXPORT_TOML.format(every=every))
        for name, value in {"DATABASE": url, "HOOK": webhook_url, "STATSIG_EXPORT_CONFIG": str(path)}.items():
            monkeypatch.setenv(name, value)
        return load_config()

    return set_up


@pytest.fixture
def run_cells(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """Runs the notebook's cells in this process, where a warning is an error, and returns their names."""
    mpl.use("Agg")
    monkeypatch.setattr(plt, "show", _draw)

    def run() -> dict[str, Any]:
        names: dict[str, Any] = {}
        with mpl.rc_context(), pd.option_context("display.max_colwidth", None):
            for cell in committed().cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, cell.id, "exec"), names)  # noqa: S102  our own notebook
        return names

    return run


def _draw() -> None:
    plt.gcf().canvas.draw()
    plt.close()
