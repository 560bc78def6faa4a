import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from execution import NOTEBOOK, committed
from home import Home
from matplotlib import pyplot as plt

from statsig_export.config import Config, load_config
from statsig_export.testing.sample.sample import create_sample

EVENTS = 1_500


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
        home = Home(tmp_path, source_url=url, ledger_url=url)
        home.set("windows", every=every)
        home.set("filter", custom_events={"events": {"product_view": False}})
        home.set("webhook", max_events=20)
        start = datetime(2026, 11, 20, tzinfo=UTC)
        home.on_source(lambda engine: create_sample(engine, events=EVENTS, start=start, days=2))
        for name, value in {**home.environ, "HOOK": webhook_url, "STATSIG_EXPORT_CONFIG": str(home.write())}.items():
            monkeypatch.setenv(name, value)
        return load_config()

    return set_up


@pytest.fixture
def run_cells(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a notebook's cells in this process, where a warning is an error, and returns their names.

    Keywords are what somebody types in place of the values of these names.
    """
    mpl.use("Agg")
    monkeypatch.setattr(plt, "show", _draw)

    def run(notebook: Path = NOTEBOOK, **typed: object) -> dict[str, Any]:
        names: dict[str, Any] = {}
        with mpl.rc_context(), pd.option_context("display.max_colwidth", None):
            for cell in committed(notebook).cells:
                if cell.cell_type == "code":
                    exec(compile(cell.source, cell.id, "exec"), names)  # noqa: S102  our own notebook
                    names |= {name: value for name, value in typed.items() if name in names}
        return names

    return run


def _draw() -> None:
    plt.gcf().canvas.draw()
    plt.close()
