"""Whose business Arrow's memory pool is: the command line's, not that of a library call in somebody else's process."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from click.testing import CliRunner

import statsig_export
from statsig_export.cli.options import cli

DAY = "2026-11-20"


@pytest.fixture(autouse=True)
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The host has chosen its own pool, by a call."""
    monkeypatch.delenv("ARROW_DEFAULT_MEMORY_POOL", raising=False)
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    yield
    pa.set_memory_pool(before)


def test_library_calls_leave_the_hosts_memory_pool_alone(home):
    window = statsig_export.window_from_key(DAY, home.config.windows)
    statsig_export.plan(home.config, window)
    statsig_export.export_window(home.config, window)
    statsig_export.ship(home.config)
    statsig_export.read_events(home.config)

    assert pa.default_memory_pool().backend_name == "system"


@pytest.mark.skipif("jemalloc" not in pa.supported_memory_backends(), reason="Arrow was built without jemalloc here")
def test_the_command_line_takes_arrows_memory_from_jemalloc(home):
    file = home.folder / "export.toml"
    urls = {"source": "DB", "webhook": "HOOK", "ledger": "LEDGER"}
    lines = [f'[{section}]\nurl = "env:{name}"\n' for section, name in urls.items()]
    file.write_text("".join(lines) + '[storage]\nurl = "files"\n')

    assert CliRunner().invoke(cli, ["--config", str(file), "ship"], env=home.environ).exit_code == 0
    assert pa.default_memory_pool().backend_name == "jemalloc"
