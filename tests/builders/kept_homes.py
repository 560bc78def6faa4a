"""Homes at the end of a set-up that many cases begin with: one of them makes it, the others have a copy of it."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from home import Home
from landing import libpq
from psycopg import sql
from sqlalchemy import make_url

from statsig_export.testing.webhook.faults import Faults
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.testing.webhook.transcript import Received

CONFIGURATION = "export.toml"
"""Each home writes its own."""


@dataclass(frozen=True)
class Sent:
    """What a receiver remembers, to know a request again and to number the next."""

    requests: list[Received]
    bytes_of_ids: Mapping[str, str]
    count: int

    @classmethod
    def to(cls, receiver: Receiver) -> "Sent":
        transcript, script = receiver._transcript, receiver._exchange.script
        return cls(transcript.requests, dict(transcript._digests), script._count)

    def tell(self, receiver: Receiver) -> None:
        transcript, script = receiver._transcript, receiver._exchange.script
        transcript._requests, transcript._digests = list(self.requests), dict(self.bytes_of_ids)
        script._count = self.count


@dataclass(frozen=True)
class Kept:
    folder: Path
    database: str
    """The name of the one that was copied in PostgreSQL; empty for a home in SQLite, whose files are in the folder."""
    sent: Sent


@dataclass
class KeptHomes:
    """Those of one process, in `folder`. A home's source and ledger are files in its own folder, or one PostgreSQL."""

    folder: Path
    _kept: dict[str, Kept] = field(default_factory=dict)

    def begin(self, home: Home, name: str, make: Callable[[], object]) -> None:
        """Let a home be as `make` leaves it; one that was used before, meets faults, or is in several
        places, is no copy of another.

        `make` changes no settings and no environment; its name stands for all that it does. Of what its receiver was
        sent the receiver of a copy knows too, but not what it plays.
        """
        new = not home.used and {path.name for path in home.folder.iterdir()} <= {"source.db", CONFIGURATION}
        if not new or not _is_one_piece(home) or home.receiver.requests:
            make()
            return
        if home.receiver._exchange.script.faults != Faults():
            make()
            return
        state = repr((name, home.document, _meant(home), make_url(home.ledger_url).drivername))
        if state in self._kept:
            _copy(self._kept[state], home)
            return
        make()
        self._kept[state] = self._keep(home, f"kept_{len(self._kept)}")

    def _keep(self, home: Home, name: str) -> Kept:
        assert not list(home.folder.rglob("*-wal")), "a database is open still: its file alone is not all of it"
        folder = self.folder / name
        shutil.copytree(home.folder, folder, ignore=shutil.ignore_patterns(CONFIGURATION))
        database = ""
        if make_url(home.ledger_url).get_backend_name() == "postgresql":
            mine, database = str(make_url(home.ledger_url).database), name
            _administer(home, sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"), database, mine)
        return Kept(folder, database, Sent.to(home.receiver))


def _is_one_piece(home: Home) -> bool:
    """Whether source and ledger are what `_keep` copies: files in the home's folder, or one database in PostgreSQL."""
    urls = [make_url(url) for url in (home.source_url, home.ledger_url)]
    if any(url.get_backend_name() == "postgresql" for url in urls):
        return home.ledger_url == home.source_url
    return all(Path(url.database or "").is_relative_to(home.folder) for url in urls)


def _copy(kept: Kept, home: Home) -> None:
    shutil.copytree(kept.folder, home.folder, dirs_exist_ok=True)
    if kept.database:
        mine = str(make_url(home.ledger_url).database)
        _administer(home, sql.SQL("DROP DATABASE {}"), mine)
        _administer(home, sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"), mine, kept.database)
    kept.sent.tell(home.receiver)


def _administer(home: Home, statement: sql.SQL, *databases: str) -> None:
    url = make_url(home.ledger_url).set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(libpq(url), autocommit=True) as admin:
        admin.execute(statement.format(*map(sql.Identifier, databases)))


def _meant(home: Home) -> list[tuple[str, str]]:
    """The environment, but for where this home's own parts are."""
    return sorted(item for item in home.environ.items() if str(home.folder) not in item[1] and item[0] != "HOOK")
