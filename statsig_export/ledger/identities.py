"""What the ledger remembers of the ids and windows of each source table; a run that would make others is refused.

A ledger of schema version 1 remembers nothing. It adopts what the first run finds, as far as the statements that it
has on record agree.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from statsig_export.config import Config
from statsig_export.errors import ConfigError, LedgerError, StalePlanError
from statsig_export.events.table_identity import (
    DERIVATION,
    NUMBERS,
    Change,
    Made,
    Seen,
    TableIdentity,
    adopted,
    categories_of,
    changes,
    continued,
    new_identity,
)
from statsig_export.layouts.identity_names import identity_of
from statsig_export.layouts.model import Role
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.tables import export_runs, identities, partitions
from statsig_export.windows import LENGTH, Window, length_of

_ANEW = "send under new ids from some day on: another [webhook] name, with windows.start after what this one was sent"
_OF_NO_ROW = re.compile(r"WHERE (0 = 1|false)\b", re.IGNORECASE)
"""A statement on a table without a single window: it does not name the window column."""
_PAGE = "docs/sources.md has the whole of it"
_PLANNING_LOCK = 0x504C414E
"""The first half of PostgreSQL's advisory lock under which runs for one destination plan one after another."""


def identities_of(database: LedgerDatabase, config: Config, tables: Mapping[Role, Made]) -> dict[Role, TableIdentity]:
    """The identity of each table that a run is about to read, to be remembered with what the run plans.

    Raises ConfigError where the table would give other ids, or put rows into other windows, than what the ledger knows.
    """
    name = config.webhook.name
    with database.read() as connection:
        known = _known(connection, name) if database.remembers_identities else {}
        unknown = [role for role in tables if role not in known]
        statements = {role: _statements(connection, name, role) for role in unknown}
    found = {}
    for role, made in tables.items():
        if role in known:
            _refuse(role, name, changes(known[role], made, config.source.name))
            found[role] = continued(known[role], made)
        else:
            _refuse(role, name, _from_another_table(role, known))
            others = {made.table for other, made in tables.items() if other is not role}
            others |= {identity.made.table for identity in known.values()}
            found[role] = _adopted_or_new(role, name, made, statements[role], others, config.source.name)
    return found


_OF_DESTINATION: Final = select(identities).where(identities.c.destination == bindparam("named"))
_NEWEST_OF_OTHERS: Final = (
    select(partitions.c.window, partitions.c.window_start_ms)
    .where(partitions.c.destination == bindparam("named"), func.length(partitions.c.window) != bindparam("letters"))
    .order_by(partitions.c.window_start_ms.desc())
    .limit(1)
)
_NEAR: Final = (
    select(partitions.c.window, partitions.c.window_start_ms)
    .where(partitions.c.destination == bindparam("named"))
    .where(partitions.c.window_start_ms > bindparam("after"), partitions.c.window_start_ms < bindparam("before"))
    .distinct()
)
"""Built once, since they run for every window."""


def remember(connection: Connection, destination: str, found: Iterable[TableIdentity]) -> None:
    """Record the identities of a run, in the transaction that plans it.

    Raises ConfigError where another run has made it something else since this one began to read.
    """
    before = _known(connection, destination)
    for identity in found:
        known = before.get(identity.role)
        if known is None:
            connection.execute(insert(identities), [{**_key(destination, identity.role), **_row(identity)}])
            continue
        _refuse(identity.role, destination, changes(known, identity.made, identity.made.source))
        if known.derivation != identity.derivation and known.seen.derived:
            raise LedgerError("another run began with the same table at the same time", hint="export it again")
        merged = identity.having_seen(known.seen)
        if merged != known:
            mine = [identities.c[name] == value for name, value in _key(destination, identity.role).items()]
            connection.execute(update(identities).where(*mine).values(**_row(merged)))


def refuse_respelled_keys(known: TableIdentity, seen: Seen, window: str) -> None:
    """Of a window in which new rows stand and earlier ones are gone: raise ConfigError where its keys, which were
    numbers, are other texts now ('007', '1.0'). What type a column of texts had before, only its values tell.
    """
    was = known.made.key_type
    if was in NUMBERS and known.seen.derived and seen.other_keys:
        raise ConfigError(
            f"[source.{known.role}] is not what was sent: its key {known.made.key} was {was}, and in {window}, of "
            "which rows that were sent are gone, it has keys that are no integers. What was sent would be sent again. "
            "Nothing of this window was sent",
            hint=f"put it back, as numbers, or {_ANEW}; {_PAGE}",
        )


def refuse_overlapping_windows(database: LedgerDatabase, config: Config, windows: Sequence[Window]) -> None:
    """Raise ConfigError where the ledger holds windows of another length that such windows could overlap.

    A window that the ledger knows may be exported again, whatever came after it.
    """
    name, settings = config.webhook.name, config.windows
    keys = [window.key for window in windows]
    if not keys:
        return
    with database.read() as connection:
        newest = connection.execute(_NEWEST_OF_OTHERS, {"named": name, "letters": len(keys[0])}).one_or_none()
        if newest is None:
            return
        theirs = length_of(newest.window)
        end = datetime.fromtimestamp(newest.window_start_ms / 1000, UTC) + theirs
        if end <= settings.start:
            return
        mine = (partitions.c.destination == name, among(partitions.c.window, keys))
        known = set(connection.execute(select(partitions.c.window).where(*mine)).scalars())
    if known.issuperset(keys):
        return
    before = "day" if settings.every == "hour" else "hour"
    article = "a" if before == "day" else "an"
    boundary = end if settings.every == "hour" else _next_day(end)
    raise ConfigError(
        f"{name} was sent windows of {article} {before}, until {end:%Y-%m-%d %H:%M} UTC, and windows.every is "
        f'"{settings.every}" now: rows of windows that overlap would be sent again. Nothing was read or sent',
        hint=f'put windows.every = "{before}" back, or begin where the old windows end: '
        f'windows.start = "{boundary:%Y-%m-%dT%H:%M:%SZ}"',
    )


def one_plan_at_a_time(connection: Connection, destination: str) -> None:
    """Until the transaction ends no other run plans for this destination, so that what it finds in the ledger holds.

    In SQLite it is the one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(:planning, hashtext(:destination))")
        connection.execute(lock, {"planning": _PLANNING_LOCK, "destination": destination})


def refuse_overlapping_plan(connection: Connection, destination: str, window: Window) -> None:
    """In the transaction that plans a window: raise StalePlanError where another run planned windows of another length
    over it since `refuse_overlapping_windows` looked.
    """
    start, end = (round(moment.timestamp() * 1000) for moment in (window.start, window.end))
    longest = round(max(LENGTH.values()).total_seconds() * 1000)
    found = connection.execute(_NEAR, {"named": destination, "after": start - longest, "before": end}).all()
    if any(row.window == window.key for row in found):
        return
    for row in found:
        if row.window_start_ms + round(length_of(row.window).total_seconds() * 1000) > start:
            raise StalePlanError(f"another run planned {row.window}, which overlaps {window.key}", hint="run it again")


def _adopted_or_new(
    role: Role, destination: str, made: Made, statements: Mapping[str, str], others: set[str], source_name: str
) -> TableIdentity:
    """The identity of a table that the ledger remembers nothing of, by what its export runs say was read."""
    if made.table in statements:
        _refuse(role, destination, _not_in(statements[made.table], made))
        return adopted(role, made)
    before = sorted(set(statements) - others)
    if not before:
        return new_identity(role, made)
    now = identity_of((made.source, made.table))
    same = f'identity = "{identity_of((made.source, before[0]), source_name)}"'
    _refuse(role, destination, [Change(f"its table was {' and '.join(before)} and is {now}", same)])
    raise AssertionError("unreachable")


def _not_in(statement: str, made: Made) -> list[Change]:
    """What the statement that read the table last did not name."""
    columns = {"key": made.key, "time_uuid": made.own_id}
    if not _OF_NO_ROW.search(statement):
        columns["window column"] = made.window
    text = statement.casefold()
    return [
        Change(f"its {what} is {column} now, which was not read before", f'renamed = {{ {column} = "..." }}')
        for what, column in columns.items()
        if column is not None and column.casefold() not in text
    ]


def _from_another_table(role: Role, known: Mapping[Role, TableIdentity]) -> list[Change]:
    """Whether the ledger knows events of the same categories from a table that another layout has."""
    others = [
        f"[source.{other}]"
        for other, identity in known.items()
        if other is not role and identity.seen != Seen() and categories_of(other) & categories_of(role)
    ]
    return (
        [Change(f"its events came from {' and '.join(others)} and come from [source.{role}] now", None)]
        if others
        else []
    )


def _statements(connection: Connection, destination: str, role: Role) -> dict[str, str]:
    """Table -> statement, of the latest export runs for the role's categories; empty where there was none."""
    latest = [
        select(export_runs.c.queries)
        .join(partitions, partitions.c.export_run == export_runs.c.id)
        .where(partitions.c.destination == destination, partitions.c.category == category.value)
        .order_by(partitions.c.window_start_ms.desc())
        .limit(1)
        for category in sorted(categories_of(role))
    ]
    found: dict[str, str] = {}
    for wanted in latest:
        for queries in connection.execute(wanted).scalars():
            found |= json.loads(queries)
    return found


def _refuse(role: Role, destination: str, found: Sequence[Change]) -> None:
    if not found:
        return
    same = [change.same for change in found]
    if None in same:
        second = _ANEW
    else:
        second = f"say that it is the same under a new name: {' and '.join(map(str, same))} in [source.{role}]"
    raise ConfigError(
        f"[source.{role}] is not what {destination} was sent events of: "
        f"{'; '.join(change.what for change in found)}. What was sent would be sent again. Nothing was read or sent",
        hint=f"put it back, or {second}; {_PAGE}",
    )


def _known(connection: Connection, destination: str) -> dict[Role, TableIdentity]:
    found = {}
    for row in connection.execute(_OF_DESTINATION, {"named": destination}):
        if row.derivation > DERIVATION:
            raise LedgerError(
                f"the ledger knows [source.{row.role}] by ids of derivation {row.derivation}, "
                f"this statsig-export makes them up to {DERIVATION}: run a newer one"
            )
        seen = Seen(bool(row.own_ids), bool(row.derived_ids), bool(row.other_keys))
        found[Role(row.role)] = TableIdentity(Role(row.role), row.derivation, Made.from_json(row.made_of), seen)
    return found


def _key(destination: str, role: Role) -> dict[str, str]:
    return {"destination": destination, "role": role.value}


def _row(identity: TableIdentity) -> dict[str, object]:
    return {
        "derivation": identity.derivation,
        "made_of": identity.made.to_json(),
        "own_ids": identity.seen.own,
        "derived_ids": identity.seen.derived,
        "other_keys": identity.seen.other_keys,
    }


def _next_day(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == moment else midnight.fromordinal(midnight.toordinal() + 1).replace(tzinfo=UTC)
