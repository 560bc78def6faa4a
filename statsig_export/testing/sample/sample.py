"""A realistic source: the native tables, filled with some days of a shop's exposures and custom events.

    summary = create_sample(engine, events=50_000, start=datetime(2026, 11, 1, tzinfo=UTC), days=3)

Users are skewed as they are in life, traffic follows the hours and the weekends, events arrive seconds to hours after
they happened, and a few rows are bad. Equal arguments make equal rows. Memory stays flat: rows are made and written
in blocks, through COPY on PostgreSQL.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, Engine, Table, func, select, text

from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.testing.sample.bad_rows import BadRow, kinds_for
from statsig_export.testing.sample.custom_events import CONFIG_CHANGE, custom_event_columns
from statsig_export.testing.sample.exposures import Columns, exposure_columns
from statsig_export.testing.sample.times import (
    DAY_US,
    Arrivals,
    event_times,
    ingestion_times,
    moment_texts,
    plan_arrivals,
)
from statsig_export.testing.sample.users import Indexes, Texts, Users, make_users
from statsig_export.vocabulary import Category

BLOCK_ROWS = 20_000
BAD_SHARE = 0.001
_EXPOSURE_SHARE = 0.55
_GIVEN_ID_SHARE = 0.03

_TYPES = {
    "gate": Category.GATE_EXPOSURE,
    "config": Category.CONFIG_EXPOSURE,
    "experiment": Category.EXPERIMENT_EXPOSURE,
    "layer": Category.LAYER_EXPOSURE,
}


@dataclass(slots=True)
class SampleSummary:
    """What a naive reader of the tables should find. Days are UTC dates of `ingested_at`, such as "2026-11-01"."""

    rows: Counter[tuple[str, Category]] = field(default_factory=Counter)
    """(day, category) -> rows, bad ones included. Rows without a category count where their table counts them."""
    bad: Counter[tuple[str, Category, str]] = field(default_factory=Counter)
    """(day, category, reason) -> rows."""
    event_names: Counter[str] = field(default_factory=Counter)
    """Event name -> good rows of custom_events, SDK telemetry and configuration changes included."""

    @property
    def events(self) -> int:
        """All rows."""
        return self.rows.total()

    @property
    def bad_by_reason(self) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for (_, _, reason), count in self.bad.items():
            found[reason] += count
        return found


def create_sample(
    engine: Engine, *, events: int, start: datetime, days: int, seed: int = 7, bad_rows: int | None = None
) -> SampleSummary:
    """Create the native tables where they are missing and add `events` rows, ingested in [start, start + days).

    `bad_rows` of them (one in a thousand unless said) are bad, spread over the faults that the database lets in.
    A `start` without a zone is UTC.
    """
    create_tables(engine, "native")
    users = make_users(max(40, min(20_000, events // 25)), seed)
    bad = min(events, round(events * BAD_SHARE) if bad_rows is None else bad_rows)
    exposures = round(events * _EXPOSURE_SHARE)
    bad_exposures = min(exposures, (bad + 1) // 2)
    bad_custom = min(events - exposures, bad - bad_exposures)
    summary = SampleSummary()
    for table, rows, spoilt in (
        (EXPOSURES, exposures, bad - bad_custom),
        (CUSTOM_EVENTS, events - exposures, bad_custom),
    ):
        kinds = kinds_for(table.name, loose=engine.dialect.name == "sqlite")
        plan = _Plan(table, rows, spoilt, kinds, users, plan_arrivals(rows, start, days, seed), seed)
        with engine.begin() as connection:
            first_id = 1 + (connection.scalar(select(func.max(table.c.id))) or 0)
        for block in _blocks(plan, first_id, summary):
            with engine.begin() as connection:
                _insert(connection, table, block)
        _continue_numbering(engine, table)
    return summary


@dataclass(frozen=True, slots=True)
class _Plan:
    """One table's share of the sample."""

    table: Table
    rows: int
    bad: int
    kinds: list[BadRow]
    users: Users
    arrivals: Arrivals
    seed: int

    def bad_in(self, first: int, end: int) -> Iterator[tuple[int, BadRow]]:
        """The bad rows from `first` to before `end`: evenly spread, the kinds in turn."""
        number = max(0, first * self.bad // max(1, self.rows) - 1)
        while number < self.bad:
            row = (2 * number + 1) * self.rows // (2 * self.bad)
            if row >= end:
                return
            if row >= first:
                yield row, self.kinds[number % len(self.kinds)]
            number += 1


def _blocks(plan: _Plan, first_id: int, summary: SampleSummary) -> Iterator[Columns]:
    """The table's rows, block by block, in the order of arrival; counted in `summary` as they go."""
    is_exposures = plan.table is EXPOSURES
    for first in range(0, plan.rows, BLOCK_ROWS):
        end = min(first + BLOCK_ROWS, plan.rows)
        rng = np.random.default_rng([plan.seed, int(is_exposures), first])
        ingested = ingestion_times(plan.arrivals, first, end, rng)
        happened = event_times(ingested, rng)
        who = plan.users.pick(rng, end - first)
        columns: Columns = {
            "id": np.array(range(first_id + first, first_id + end), dtype=np.object_),
            "time_uuid": _given_ids(rng, end - first),
            "user_id": plan.users.user_id[who],
            "user": plan.users.user[who],
            "statsig_metadata": plan.users.statsig_metadata[who],
            "timestamp": moment_texts(happened),
            "ingested_at": moment_texts(ingested),
        }
        if is_exposures:
            columns |= exposure_columns(rng, plan.users, who, happened // 1_000)
        else:
            columns |= custom_event_columns(rng, plan.users, who)
        _spoil(plan, columns, first, end)
        _count(plan, columns, ingested, first, summary)
        yield columns


def _given_ids(rng: np.random.Generator, count: int) -> Texts:
    """Mostly NULL, as no SDK sends a timeUUID."""
    ids: Texts = np.full(count, None, dtype=np.object_)
    for row in np.flatnonzero(rng.random(count) < _GIVEN_ID_SHARE).tolist():
        digits = rng.bytes(16).hex()
        ids[row] = f"{digits[:8]}-{digits[8:12]}-1{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
    return ids


def _spoil(plan: _Plan, columns: Columns, first: int, end: int) -> None:
    for row, kind in plan.bad_in(first, end):
        if plan.table is CUSTOM_EVENTS:
            columns["event_name"][row - first] = "product_view"
        kind.spoil(columns, row - first)


def _count(plan: _Plan, columns: Columns, ingested: Indexes, first: int, summary: SampleSummary) -> None:
    bad = {row - first: kind for row, kind in plan.bad_in(first, first + len(ingested))}
    days = np.datetime_as_string((ingested // DAY_US).astype("datetime64[D]")).tolist()
    if plan.table is EXPOSURES:
        categories = [_TYPES.get(kind, Category.GATE_EXPOSURE) for kind in columns["exposure_type"]]
    else:
        names = columns["event_name"].tolist()
        categories = [Category.CONFIG_CHANGE if name == CONFIG_CHANGE else Category.CUSTOM_EVENT for name in names]
        summary.event_names.update(name for row, name in enumerate(names) if row not in bad)
    summary.rows.update(zip(days, categories, strict=True))
    for row, kind in bad.items():
        summary.bad[days[row], categories[row], kind.reason] += 1


def _insert(connection: Connection, table: Table, columns: Columns) -> None:
    """Write a block. JSON and times go in as the text they are: a driver would build them anew, or refuse the bad."""
    names = [column.name for column in table.columns]
    rows = zip(*(columns[name].tolist() for name in names), strict=True)
    preparer = connection.dialect.identifier_preparer
    target = f"{preparer.format_table(table)} ({', '.join(preparer.quote(name) for name in names)})"
    if connection.dialect.driver == "psycopg":
        driver = connection.connection.driver_connection
        if driver is None:
            raise ConnectionError("the database connection was lost")
        with driver.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    statement = f"INSERT INTO {target} VALUES ({', '.join(f':{name}' for name in names)})"  # noqa: S608 - own names
    connection.execute(text(statement), [dict(zip(names, row, strict=True)) for row in rows])


def _continue_numbering(engine: Engine, table: Table) -> None:
    """PostgreSQL counts its keys in a sequence, which knows nothing of keys that were given."""
    if engine.dialect.name == "postgresql":
        newest = select(func.setval(func.pg_get_serial_sequence(table.name, "id"), func.max(table.c.id)))
        with engine.begin() as connection:
            connection.execute(newest)
