"""What `forget` writes beside its report: the DELETE for the warehouse, and what had been sent."""

import csv
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from statsig_export.config import Config
from statsig_export.errors import ConfigError, LedgerError
from statsig_export.file_modes import OWN
from statsig_export.forgetting.people import spellings
from statsig_export.forgetting.reports import SentEvent
from statsig_export.reconciliation.dedupe_view import Warehouse
from statsig_export.reconciliation.delete_statement import MOST_IDS, delete_statement


@dataclass(frozen=True, slots=True)
class Target:
    """The table of the DELETE."""

    database: Warehouse
    packed: bool
    table: str
    id_column: str
    guessed: bool
    """Whether nobody has said which of the two forms the table has."""


def target_of(
    config: Config, database: str | None, mode: str | None, table: str | None, id_column: str
) -> Target | None:
    """What the options say, and [arrivals] where they do not; None where neither names a database that is known, also
    since a variable of [arrivals] is not set here: nobody is forgotten later for that.
    """
    arrivals = config.arrivals
    if database is None and arrivals is not None:
        with suppress(ConfigError):
            name = config.arrivals_url().get_backend_name()
            database = "mysql" if name == "mariadb" else name
    if database not in set(Warehouse):
        return None
    if table is None and arrivals is not None:
        table = arrivals.table if arrivals.schema_ is None else f"{arrivals.schema_}.{arrivals.table}"
    if mode is None and arrivals is not None:
        mode = arrivals.mode
    guessed = mode not in {"packed", "unpacked"}
    return Target(Warehouse(database), mode != "unpacked", table or "statsig.statsig_events", id_column, guessed)


class Statements:
    """The DELETE statements, MOST_IDS ids each: in a file, or the first of them to be printed."""

    def __init__(self, config: Config, unit_type: str, target: Target | None, file: Path | None) -> None:
        self._rule = config.privacy_rule()
        self._unit_type = unit_type
        self._target = target
        self._waiting: list[str] = []
        self._file = None if file is None or target is None else _opened(file, os.O_TRUNC)
        self.place = file
        self.printed: list[str] = []
        self.left_out = 0
        """Ids that are in no statement that is printed."""
        if target is not None:
            self._statement(["-"])  # what cannot be written is told before anything is changed

    @property
    def has_target(self) -> bool:
        return self._target is not None

    @property
    def guessed(self) -> bool:
        return self._target is not None and self._target.guessed

    def add(self, identity: str) -> None:
        for spelling in spellings(self._rule, self._unit_type, identity) if self._target else ():
            self._waiting.append(spelling)
            if len(self._waiting) == MOST_IDS:
                self._write()

    def close(self) -> None:
        self._write()
        if self._file is not None:
            self._file.close()

    def _write(self) -> None:
        if not self._waiting or self._target is None:
            return
        ids, self._waiting = self._waiting, []
        if self._file is None and self.printed:
            self.left_out += len(ids)
            return
        text = self._statement(ids)
        if self._file is not None:
            self._file.write(f"{text.rstrip()};\n")
        else:
            self.printed.append(text)

    def _statement(self, ids: Sequence[str]) -> str:
        assert self._target is not None  # noqa: S101 - without one no id waits
        target = self._target
        return delete_statement(
            target.database,
            table=target.table,
            packed=target.packed,
            unit_type=self._unit_type,
            ids=ids,
            id_column=target.id_column,
        )


class SentEvents:
    """What had been sent: a CSV that outlasts a kill, and with `keep` a list."""

    def __init__(self, file: Path | None, *, keep: bool) -> None:
        self._keep = keep
        self._file = None if file is None else _opened(file, os.O_APPEND)
        self.kept: list[SentEvent] = []

    def add(self, events: Sequence[SentEvent]) -> None:
        if self._keep:
            self.kept += events
        if self._file is not None and events:
            writer = csv.DictWriter(self._file, SentEvent._fields, lineterminator="\n")
            if not self._file.tell():
                writer.writeheader()
            writer.writerows(event_row(event) for event in events)
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _opened(file: Path, how: int) -> IO[str]:
    """For this user alone: it names people, or their events."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC | how, OWN)
    except OSError as error:
        raise LedgerError(f"{file} cannot be written ({error.strerror})", hint="name another file") from None
    return os.fdopen(handle, "a" if how == os.O_APPEND else "w", encoding="utf-8", newline="")


def event_row(event: SentEvent) -> dict[str, object]:
    times = {name: getattr(event, name).isoformat() for name in ("timestamp", "first_sent", "last_sent")}
    return {**event._asdict(), **times}
