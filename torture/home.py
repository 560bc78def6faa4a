"""Where the torture happens: a configuration that a child can be handed, in a folder in memory where there is one."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine

from statsig_export.config import Config, parse_config
from statsig_export.layouts.native_tables import create_tables
from torture.rows import RULES

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  kill -9 does not lose the page cache, so nothing is hidden by it


@dataclass(frozen=True, slots=True)
class Home:
    """A configuration that a child can be handed."""

    document: Mapping[str, object]
    folder: Path
    environ: Mapping[str, str]

    @property
    def config(self) -> Config:
        return parse_config(self.document, folder=self.folder, environ=self.environ)

    @property
    def log(self) -> Path:
        """What the children wrote to standard error."""
        return self.folder / "children.log"


def make_home(folder: Path, webhook_url: str, ledger_url: str | None = None, **webhook: object) -> Home:
    """An empty source and a configuration; the ledger, a SQLite file by default, is for the children to make.

    `webhook` sets further keys of its table.
    """
    environ = {
        "DB": f"sqlite:///{folder}/source.db",
        "LEDGER": ledger_url or f"sqlite:///{folder}/ledger.db",
        "HOOK": webhook_url,
    }
    document = {
        "source": {"url": "env:DB"},
        "filter": {"exposures": dict(RULES.exposures), "custom_events": {"events": dict(RULES.custom_events)}},
        "webhook": {"url": "env:HOOK", "timeout": "1s", "max_events": 12, "concurrency": 3, **webhook},
        "storage": {"url": "files"},
        "ledger": {"url": "env:LEDGER"},
    }
    engine = create_engine(environ["DB"])
    try:
        create_tables(engine, "native")
    finally:
        engine.dispose()
    return Home(document, folder, environ)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder, removed in the end."""
    with tempfile.TemporaryDirectory(prefix="torture-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)
