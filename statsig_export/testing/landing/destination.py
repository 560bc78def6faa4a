"""Where the stand-in writes and in which form: names, types and connections of the three databases.

Packed: the event is one JSON column, `data`. Unpacked: each key of the event is a column, objects stay JSON. Beside
them are Fivetran's own columns. How Fivetran splits `timeUUID` is not documented: `fivetran` is how it splits other
names, `source` leaves them as they are.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from statsig_export.file_modes import OWN, create

Mode: TypeAlias = Literal["packed", "unpacked"]
Naming: TypeAlias = Literal["fivetran", "source"]

_DRIVERS: Final[Mapping[str, str]] = {"sqlite": "sqlite3", "postgresql": "psycopg", "duckdb": "duckdb"}
TABLE: Final = "statsig_events"
_JSON: Final[Mapping[str, str]] = {"sqlite": "TEXT", "postgresql": "JSONB", "duckdb": "JSON"}
_TIME: Final[Mapping[str, str]] = {"sqlite": "TEXT", "postgresql": "TIMESTAMPTZ", "duckdb": "TIMESTAMPTZ"}
_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_UNPACKED: Final[Mapping[str, str]] = {
    "eventName": "TEXT",
    "user": "JSON",
    "userID": "TEXT",
    "timestamp": "BIGINT",
    "statsigMetadata": "JSON",
    "value": "TEXT",
    "metadata": "JSON",
    "timeUUID": "TEXT",
    "unitID": "TEXT",
}
"""Key of an event -> the type that Fivetran infers; an object is JSON, of which one level alone is unpacked."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One table."""

    url: str
    """As SQLAlchemy has it: sqlite:///FILE, duckdb:///FILE or postgresql://..., whatever its driver."""
    mode: Mode = "packed"
    naming: Naming = "fivetran"
    table: str = TABLE

    def __post_init__(self) -> None:
        if self.database not in _DRIVERS:
            raise ValueError(f"the stand-in writes to one of {', '.join(_DRIVERS)}")

    @classmethod
    def at(cls, place: Path | str, mode: Mode = "packed", naming: Naming = "fivetran") -> "Destination":
        """A file (`*.duckdb` of DuckDB, any other of SQLite), or a URL. Raises ValueError."""
        if isinstance(place, Path):
            place = f"{'duckdb' if place.suffix == '.duckdb' else 'sqlite'}:///{place}"
        return cls(place, mode, naming)

    @property
    def database(self) -> str:
        return self.url.partition("://")[0].partition("+")[0]

    @property
    def columns(self) -> dict[str, str]:
        """Name -> type of the database, in order."""
        time = _TIME[self.database]
        own = {"_id": "TEXT", "_index": "INTEGER", "_created": time}
        if self.mode == "packed":
            kinds = {**own, "event": "TEXT", "data": "JSON"}
        else:
            kinds = {"_fivetran_id": "TEXT", **own, **{self.column(key): kind for key, kind in _UNPACKED.items()}}
        kinds = {**kinds, "_fivetran_synced": time}
        return {name: _JSON[self.database] if kind == "JSON" else kind for name, kind in kinds.items()}

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of an event that are columns of the unpacked form."""
        return tuple(_UNPACKED)

    def column(self, key: str) -> str:
        """What the column of a key is called where it is unpacked."""
        return key if self.naming == "source" else _WORD.sub("_", key).lower()

    def storable(self, value: Any) -> Any:  # noqa: ANN401 - whatever JSON has
        """The value without what the database has no text for, in PostgreSQL a NUL: it would keep out all that is
        written with it.
        """
        match value:
            case _ if self.database != "postgresql":
                return value
            case str():
                return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
            case dict():
                return {self.storable(key): self.storable(inner) for key, inner in value.items()}
            case list():
                return [self.storable(inner) for inner in value]
            case _:
                return value

    @property
    def mark(self) -> str:
        """How a statement marks the place of a value."""
        return "%s" if self.database == "postgresql" else "?"

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A connection; what it did is committed at the end. Raises `errors`, ImportError without the driver."""
        with closing(self._connection()) as connection:
            if self.database != "postgresql":  # which begins one by itself
                connection.execute("BEGIN")
            yield connection
            connection.commit()

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises. Raises ImportError where it is not installed."""
        return import_module(_DRIVERS[self.database]).Error, OSError

    def _connection(self) -> Any:  # noqa: ANN401 - of one of three drivers
        place = self.url.partition("://")[2]
        if self.database == "postgresql":
            return import_module(_DRIVERS[self.database]).connect(f"postgresql://{place}")
        file = place.removeprefix("/")
        if self.database == "duckdb":  # opened only while it is written: its file is of one process at a time
            is_there = Path(file).exists()
            opened = import_module(_DRIVERS[self.database]).connect(file)
            if not is_there:  # it takes no empty file, so a new one is closed to others only now
                Path(file).chmod(OWN)
            return opened
        create(Path(file), OWN)
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection
