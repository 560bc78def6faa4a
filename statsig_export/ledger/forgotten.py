"""Who is forgotten, as the ledger remembers it, and what that has changed of partitions, batches and attempts.

A ledger of an earlier schema version knows nobody who is; what is only read is read as it is.
"""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, literal, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from statsig_export.errors import StalePlanError
from statsig_export.events.people import NOBODY, Forgotten, digest
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.identities import one_plan_at_a_time
from statsig_export.ledger.list_parameters import among, among_given
from statsig_export.ledger.tables import (
    attempts,
    batches,
    forgotten_rows,
    former_requests,
    meta,
    partitions,
    shortened_batches,
    tombstones,
)

SINCE_VERSION: Final = 5
"""Of the schema."""
_KEY: Final = "forget_key"
_AT_ONCE: Final = 1_000
Identity = tuple[str, str]
"""A unit type, as events.people.plain writes it, and an id."""
_KEY_OF_DIGESTS: Final = select(meta.c.value).where(meta.c.key == _KEY)
_EVERYBODY: Final = select(tombstones.c.id, tombstones.c.unit_type, tombstones.c.digest).where(
    tombstones.c.destination == bindparam("named")
)
_UNFINISHED: Final = _EVERYBODY.where(tombstones.c.done_ms.is_(None))
_LATEST: Final = select(func.max(tombstones.c.id)).where(tombstones.c.destination == bindparam("named"))
_REWRITTEN: Final = select(forgotten_rows.c.partition, forgotten_rows.c.rewritten_ms).where(
    among_given(forgotten_rows.c.partition, "of"), forgotten_rows.c.rewritten_ms.is_not(None)
)
_ROWS_SEEN: Final = select(forgotten_rows.c.partition, forgotten_rows.c.rows).where(
    among_given(forgotten_rows.c.partition, "of")
)
"""Built once, since most of them run for every window."""


def remember(database: LedgerDatabase, destination: str, people: Iterable[Identity], now_ms: int) -> None:
    """Write down who is to be forgotten, those that were before once more.

    From then on no export plans an event of theirs: one that has read without knowing them plans nothing.
    """
    with database.write() as connection:
        one_plan_at_a_time(connection, destination)
        key, people = _made_key(connection), iter(people)
        while several := list(islice(people, _AT_ONCE)):
            digests = {(unit_type, digest(key, unit_type, identity)) for unit_type, identity in several}
            rows = [
                {"destination": destination, "unit_type": unit_type, "digest": found, "made_ms": now_ms}
                for unit_type, found in sorted(digests)
            ]
            again = tombstones.c.destination, tombstones.c.unit_type, tombstones.c.digest
            statement = _inserting(connection, tombstones).on_conflict_do_update(
                index_elements=again, set_={"made_ms": now_ms, "done_ms": null()}
            )
            connection.execute(statement, rows)


def forgotten_no_more(database: LedgerDatabase, destination: str, people: Iterable[Sequence[Identity]]) -> int:
    """Take these people, each by all spellings of the id, off the record. Returns how many were on it."""
    columns, count = tombstones.c, 0
    with database.write() as connection:
        one_plan_at_a_time(connection, destination)
        key = _made_key(connection)
        for spellings in people:
            digests = [digest(key, unit_type, identity) for unit_type, identity in spellings]
            mine = (columns.destination == destination, columns.unit_type == spellings[0][0])
            found = connection.execute(delete(tombstones).where(*mine, columns.digest.in_(digests)))
            count += found.rowcount > 0
    return count


def forgotten_people(database: LedgerDatabase, destination: str, *, unfinished: bool = False) -> Forgotten:
    """Everybody who is forgotten; or those of whom some file may still have events."""
    if database.version < SINCE_VERSION:
        return NOBODY
    wanted = _UNFINISHED if unfinished else _EVERYBODY
    digests: dict[str, set[str]] = defaultdict(set)
    latest = 0
    with database.read() as connection:
        for number, unit_type, found in connection.execute(wanted, {"named": destination}):
            digests[unit_type].add(found)
            latest = max(latest, number)
        key = connection.execute(_KEY_OF_DIGESTS).scalar()
    return Forgotten(bytes.fromhex(key or ""), digests, latest)


def latest_forgotten(connection: Connection, destination: str) -> int:
    """The number of the last one who was remembered."""
    return int(connection.execute(_LATEST, {"named": destination}).scalar() or 0)


def refuse_forgotten_since(database: LedgerDatabase, destination: str, people: Forgotten) -> None:
    """Raises StalePlanError where somebody was forgotten since these were looked up: before a file with their events
    has its name, which nobody would remove for a day.
    """
    with database.read() as connection:
        if latest_forgotten(connection, destination) != people.latest:
            raise StalePlanError("somebody was forgotten since this run began to read", hint="export it again")


def finished(database: LedgerDatabase, destination: str, people: Forgotten, now_ms: int, began_ms: int) -> None:
    """No file has events of these people any more: none of whom somebody asked again since `began_ms`."""
    columns = tombstones.c
    with database.write() as connection:
        connection.execute(
            update(tombstones)
            .where(columns.destination == destination, columns.done_ms.is_(None))
            .where(columns.id <= people.latest, columns.made_ms <= began_ms)
            .values(done_ms=now_ms)
        )


def counts(database: LedgerDatabase, destination: str) -> list[tuple[str, int, int, int]]:
    """Unit type, how many of its ids are forgotten, how many of them not in every file yet, and since when (ms)."""
    if database.version < SINCE_VERSION:
        return []
    columns = tombstones.c
    wanted = (
        select(columns.unit_type, func.count(), func.count() - func.count(columns.done_ms), func.max(columns.made_ms))
        .where(columns.destination == destination)
        .group_by(columns.unit_type)
        .order_by(columns.unit_type)
    )
    with database.read() as connection:
        return [(str(name), int(n), int(left), int(ms)) for name, n, left, ms in connection.execute(wanted)]


def forgotten_elsewhere(database: LedgerDatabase, destination: str) -> int:
    """How many ids are forgotten for other destinations, and not for this one."""
    if database.version < SINCE_VERSION:
        return 0
    columns = tombstones.c
    here = select(columns.digest).where(columns.destination == destination)
    wanted = select(func.count(columns.digest.distinct())).where(columns.digest.not_in(here))
    with database.read() as connection:
        return int(connection.execute(wanted).scalar_one())


def size(database: LedgerDatabase, destination: str) -> tuple[int, int]:
    """How many ids are forgotten, and the number of the last one who was remembered."""
    if database.version < SINCE_VERSION:
        return 0, 0
    wanted = select(func.count(), func.max(tombstones.c.id)).where(tombstones.c.destination == destination)
    with database.read() as connection:
        count, latest = connection.execute(wanted).one()
        return int(count), int(latest or 0)


def key_of(database: LedgerDatabase) -> bytes:
    """The key of the digests; none where nobody was ever forgotten."""
    with database.read() as connection:
        return bytes.fromhex(connection.execute(_KEY_OF_DIGESTS).scalar() or "")


def digests(database: LedgerDatabase, destination: str, at_once: int) -> Iterator[list[tuple[int, str, str]]]:
    """Number, unit type and digest of everybody who is forgotten, so many at a time."""
    streamed = _EVERYBODY.order_by(tombstones.c.id).execution_options(stream_results=True, yield_per=at_once)
    with database.read() as connection, connection.execute(streamed, {"named": destination}) as found:
        for rows in found.partitions(at_once):
            yield [(row.id, row.unit_type, row.digest) for row in rows]


def adopt(database: LedgerDatabase, destination: str, people: Iterable[tuple[int, str, str]], now_ms: int) -> int:
    """Write down those of them (number, unit type, digest) who are not on record. Returns how many. Nobody knows
    whether a file has their events.
    """
    rows = [
        {"destination": destination, "unit_type": unit_type, "digest": found, "made_ms": now_ms}
        for _, unit_type, found in people
    ]
    count = 0
    with database.write() as connection:
        one_plan_at_a_time(connection, destination)
        for begin in range(0, len(rows), _AT_ONCE):
            before = connection.execute(select(func.count()).select_from(tombstones)).scalar_one()
            several = rows[begin : begin + _AT_ONCE]
            connection.execute(_inserting(connection, tombstones).on_conflict_do_nothing(), several)
            count += connection.execute(select(func.count()).select_from(tombstones)).scalar_one() - before
    return count


def rows_forgotten(connection: Connection, database: LedgerDatabase, ids: object) -> dict[int, int]:
    """Partition -> its forgotten rows, where there are any; `ids` is a collection or a subquery."""
    if database.version < SINCE_VERSION:
        return {}
    columns = forgotten_rows.c
    wanted = select(columns.partition, columns.rows).where(columns.partition.in_(ids))  # type: ignore[arg-type]
    return {partition: int(rows) for partition, rows in connection.execute(wanted)}


def categories_forgotten(connection: Connection, database: LedgerDatabase, destination: str) -> dict[str, int]:
    """Category -> its forgotten rows, where there are any."""
    if database.version < SINCE_VERSION:
        return {}
    wanted = (
        select(partitions.c.category, func.sum(forgotten_rows.c.rows))
        .join(partitions, partitions.c.id == forgotten_rows.c.partition)
        .where(partitions.c.destination == destination)
        .group_by(partitions.c.category)
    )
    return {category: int(rows) for category, rows in connection.execute(wanted)}


def rewritten_ms(connection: Connection, of: Collection[int]) -> dict[int, int]:
    """Partition -> when its files were last written again without somebody, of those of which that was done."""
    return {row[0]: int(row[1]) for row in connection.execute(_REWRITTEN, {"of": list(of)})}


def see_forgotten(connection: Connection, seen: Mapping[int, int]) -> None:
    """An export saw so many rows of people who are forgotten in each of these partitions: in place of what was on
    record.
    """
    columns = forgotten_rows.c
    before = {partition: int(rows) for partition, rows in connection.execute(_ROWS_SEEN, {"of": list(seen)})}
    unknown = {partition: rows for partition, rows in seen.items() if rows and partition not in before}
    if unknown:
        new = [{"partition": partition, "rows": rows} for partition, rows in unknown.items()]
        connection.execute(insert(forgotten_rows), new)
    for partition, rows in before.items():
        if rows != seen[partition]:
            connection.execute(
                update(forgotten_rows).where(columns.partition == partition).values(rows=seen[partition])
            )


def add_forgotten(connection: Connection, partition: int, rows: int, now_ms: int) -> None:
    """So many rows were taken out of a partition's files."""
    see_forgotten(connection, {partition: _seen(connection, partition) + rows})
    before = rewritten_ms(connection, [partition]).get(partition, 0)
    mine = forgotten_rows.c.partition == partition
    connection.execute(update(forgotten_rows).where(mine).values(rewritten_ms=max(now_ms, before + 1)))


def shorten(connection: Connection, batch: int, batch_id: str, rows: int) -> None:
    """A batch has lost so many rows; its requests until now bore this id."""
    columns = former_requests.c
    made = select(attempts.c.id, literal(batch_id)).where(
        attempts.c.batch == batch, attempts.c.id.not_in(select(columns.attempt))
    )
    connection.execute(insert(former_requests).from_select(["attempt", "batch_id"], made))
    mine = shortened_batches.c.batch == batch
    more = update(shortened_batches).where(mine).values(rows=shortened_batches.c.rows + rows)
    if not connection.execute(more).rowcount:
        connection.execute(insert(shortened_batches).values(batch=batch, rows=rows))


def shortened(connection: Connection, partition: int) -> dict[int, int]:
    """Batch -> the rows that it has lost, of this partition."""
    columns = shortened_batches.c
    wanted = select(columns.batch, columns.rows).join(batches, batches.c.id == columns.batch)
    return {batch: int(rows) for batch, rows in connection.execute(wanted.where(batches.c.partition == partition))}


def sent_as(connection: Connection, of: Collection[int]) -> dict[int, str]:
    """Attempt -> the id that its request bore, of those attempts whose batch has another one by now."""
    columns = former_requests.c
    wanted = select(columns.attempt, columns.batch_id).where(among(columns.attempt, of))
    return {attempt: str(found) for attempt, found in connection.execute(wanted)}


def _seen(connection: Connection, partition: int) -> int:
    wanted = select(forgotten_rows.c.rows).where(forgotten_rows.c.partition == partition)
    return int(connection.execute(wanted).scalar() or 0)


def _made_key(connection: Connection) -> bytes:
    row = {"key": _KEY, "value": secrets.token_hex(32)}
    connection.execute(_inserting(connection, meta).on_conflict_do_nothing(), row)
    return bytes.fromhex(connection.execute(_KEY_OF_DIGESTS).scalar_one())


def _inserting(connection: Connection, table: Table) -> Any:  # noqa: ANN401  each dialect has an Insert of its own
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
