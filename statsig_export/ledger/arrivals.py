"""What was sent, for a comparison with what arrived; and what the comparisons found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, Select, and_, case, cast, delete, func, insert, or_, select

from statsig_export.delivery.rules import Outcome, State
from statsig_export.ledger.conditions import of_selection
from statsig_export.ledger.database import LedgerDatabase
from statsig_export.ledger.list_parameters import among
from statsig_export.ledger.pruned import NOT_PRUNED
from statsig_export.ledger.records import Selection
from statsig_export.ledger.stored_files import STORED, stored_file
from statsig_export.ledger.tables import arrival_checks, arrivals, attempts, batches, generations, meta, partitions
from statsig_export.storage.files import StoredFile

SINCE_VERSION: Final = 3
"""Of the schema. A ledger of an earlier one that is only read is read as it is."""
_ACCEPTED = attempts.c.outcome == Outcome.ACCEPTED.value
_DOUBTFUL = or_(
    attempts.c.outcome.is_(None), attempts.c.outcome.in_([Outcome.UNAVAILABLE.value, Outcome.UNKNOWN.value])
)
"""Attempts that may have brought the events there, whatever the ledger says: also one that is under way."""
_MAY_HAVE_ARRIVED = or_(_ACCEPTED, _DOUBTFUL)


class SentBatch(NamedTuple):
    """A batch with what its attempts say together, of those that may have brought its events there."""

    id: int
    partition: int
    generation: int
    first_row: int
    rows: int
    state: str
    parent: int | None
    replay_of: int | None
    accepted: bool
    doubtful: bool
    began_ms: int
    """When the first of them began; 0 where there is none."""
    ended_ms: int
    """When the last one ended."""

    @property
    def end(self) -> int:
        return self.first_row + self.rows

    @property
    def sent(self) -> bool:
        return self.accepted or self.doubtful


@dataclass(frozen=True, slots=True)
class BatchArrivals:
    """What a comparison found of the rows of one batch; all counts are events."""

    batch: int
    arrived: int
    missing: int
    not_yet: int
    repeated_replay: int
    """There more than once, after a replay."""
    repeated_unknown: int
    """Likewise, after an attempt whose result nobody can know."""
    repeated_other: int
    """Likewise, and nothing on record explains it."""
    unconfirmed: int
    """There, and pending or failed for the ledger; not among `arrived`."""
    landed_ms: int | None
    """When the last of them was first there, by the table's own clock."""


class ArrivalCheck(NamedTuple):
    """The latest comparison of a destination."""

    checked_ms: int
    since_ms: int
    """Rows that were synced before are not looked at."""
    landed: int
    """Rows of the table that were read."""
    alien: int
    """Those among them whose id is none of ours."""


class BatchLine(NamedTuple):
    """What the latest comparison found of a delivered batch. A tuple, since notebooks make frames of millions."""

    category: str
    window: str
    batch_id: str
    rows: int
    arrived: int
    missing: int
    not_yet: int
    repeated_replay: int
    repeated_unknown: int
    repeated_other: int
    began_ms: int
    """When the first attempt began that may have brought it there, its replays included."""
    ended_ms: int
    landed_ms: int | None
    checked_ms: int


def sent_since(database: LedgerDatabase, selection: Selection) -> int | None:
    """When the first attempt of these partitions' batches began; None where nothing was sent."""
    wanted = _attempts(func.min(attempts.c.started_ms), selection)
    with database.read() as connection:
        return connection.execute(wanted).scalar()


def accepted_until(database: LedgerDatabase, destination: str, by_ms: int) -> int | None:
    """When the last request that was accepted ended, of those that ended by then; None where there is none."""
    wanted = (
        select(func.max(attempts.c.finished_ms))
        .join(batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(*of_selection(Selection(destination)), _ACCEPTED, attempts.c.finished_ms <= by_ms)
    )
    with database.read() as connection:
        return connection.execute(wanted).scalar()


def unsettled(database: LedgerDatabase, destination: str, horizon_ms: int, grace_ms: int) -> dict[int, int]:
    """Batch -> partition, of those of which something was attempted since `horizon_ms` and which no comparison has
    found whole so long after the last attempt that nothing more of it is to come.
    """
    target = func.coalesce(batches.c.replay_of, batches.c.id)
    last = func.max(func.coalesce(attempts.c.finished_ms, attempts.c.started_ms))
    made = (
        _attempts(target.label("batch"), Selection(destination))
        .add_columns(partitions.c.id.label("partition"), last.label("last"))
        .where(attempts.c.started_ms >= horizon_ms, batches.c.state.not_in([State.SPLIT.value, State.FORGOTTEN.value]))
        .group_by(target, partitions.c.id)
        .subquery()
    )
    settled = and_(arrivals.c.missing == 0, arrivals.c.not_yet == 0, arrivals.c.checked_ms >= made.c.last + grace_ms)
    wanted = (
        select(made.c.batch, made.c.partition)
        .outerjoin(arrivals, arrivals.c.batch == made.c.batch)
        .where(or_(arrivals.c.batch.is_(None), ~settled))
    )
    with database.read() as connection:
        return {row.batch: row.partition for row in connection.execute(wanted)}


def partitions_sent(database: LedgerDatabase, destination: str, since_ms: int, landed_since_ms: int) -> list[int]:
    """The partitions of which something was attempted since the first, or was written to the table since the second, as
    far as a comparison has seen it; pruned ones left out.
    """
    sent = _attempts(partitions.c.id, Selection(destination)).where(attempts.c.started_ms >= since_ms).distinct()
    landed = (
        select(partitions.c.id)
        .join(batches, batches.c.partition == partitions.c.id)
        .join(arrivals, arrivals.c.batch == batches.c.id)
        .where(*of_selection(Selection(destination)), NOT_PRUNED, arrivals.c.landed_ms >= landed_since_ms)
        .distinct()
    )
    with database.read() as connection:
        return sorted({*connection.execute(sent).scalars(), *connection.execute(landed).scalars()})


def sent_of(database: LedgerDatabase, ids: Sequence[int]) -> tuple[list[SentBatch], dict[tuple[int, int], StoredFile]]:
    """Every batch of these partitions, as `sent_batches` has them, and partition and generation -> the file whose rows
    they name: as they go together, whoever is being forgotten.
    """
    with database.read() as connection:
        return sent_batches_of(connection, ids), _sent_files(connection, ids)


def sent_batches(database: LedgerDatabase, ids: Sequence[int]) -> list[SentBatch]:
    """Every batch of these partitions, by partition, generation, first row and id."""
    with database.read() as connection:
        return sent_batches_of(connection, ids)


def sent_batches_of(connection: Connection, ids: Sequence[int]) -> list[SentBatch]:
    """The same, as a transaction sees them."""
    columns = batches.c
    ended = func.coalesce(attempts.c.finished_ms, attempts.c.started_ms)
    counted = [
        func.coalesce(func.max(cast(case((condition, 1), else_=0), Integer)), 0)
        for condition in (_ACCEPTED, and_(attempts.c.id.is_not(None), _DOUBTFUL))
    ]
    times = [
        func.coalesce(func.min(case((_MAY_HAVE_ARRIVED, attempts.c.started_ms))), 0),
        func.coalesce(func.max(case((_MAY_HAVE_ARRIVED, ended))), 0),
    ]
    facts = [columns[name] for name in SentBatch._fields[:8]]
    wanted = (
        select(*facts, *counted, *times)
        .outerjoin(attempts, attempts.c.batch == columns.id)
        .where(among(columns.partition, ids))
        .group_by(columns.id)
        .order_by(columns.partition, columns.generation, columns.first_row, columns.id)
    )
    rows = connection.execute(wanted).all()
    return [SentBatch._make((*row[:8], bool(row[8]), bool(row[9]), *row[10:])) for row in rows]


def _sent_files(connection: Connection, ids: Sequence[int]) -> dict[tuple[int, int], StoredFile]:
    wanted = select(generations.c.partition, generations.c.generation, *STORED).where(
        among(generations.c.partition, ids)
    )
    return {(row.partition, row.generation): stored_file(row) for row in connection.execute(wanted)}


def record(database: LedgerDatabase, destination: str, found: Iterable[BatchArrivals], check: ArrivalCheck) -> None:
    """Keep what a comparison found, in place of what an earlier one did: earlier by when it began, as two may be at
    work at once. None of batches pruned meanwhile, or that have lost rows to somebody who was forgotten meanwhile.
    """
    rows = [{**_columns(one), "checked_ms": check.checked_ms} for one in found]
    with database.write() as connection:
        # One at a time: none of the rows below is there to be locked before the first comparison.
        connection.execute(select(meta).where(meta.c.key == "schema_version").with_for_update())
        ids = [one["batch"] for one in rows]
        mine, earlier = among(arrivals.c.batch, ids), arrivals.c.checked_ms <= check.checked_ms
        held = select(batches.c.id, batches.c.rows).where(among(batches.c.id, ids))
        counted = {one["batch"]: _rows_of(one) for one in rows}
        kept = {row.id for row in connection.execute(held) if counted[row.id] <= row.rows}
        connection.execute(delete(arrivals).where(mine, earlier))
        kept -= set(connection.execute(select(arrivals.c.batch).where(mine)).scalars())
        if present := [row for row in rows if row["batch"] in kept]:
            connection.execute(insert(arrivals), present)
        of_destination = arrival_checks.c.destination == destination
        latest = connection.execute(select(arrival_checks.c.checked_ms).where(of_destination)).scalar()
        if latest is None or latest <= check.checked_ms:
            connection.execute(delete(arrival_checks).where(of_destination))
            connection.execute(insert(arrival_checks).values(destination=destination, **check._asdict()))


def latest_check(database: LedgerDatabase, destination: str) -> ArrivalCheck | None:
    """The latest comparison; None where there was none."""
    columns = arrival_checks.c
    wanted = select(*(columns[name] for name in ArrivalCheck._fields)).where(columns.destination == destination)
    if database.version < SINCE_VERSION:
        return None
    with database.read() as connection:
        row = connection.execute(wanted).one_or_none()
    return None if row is None else ArrivalCheck._make(row)


def batch_lines(database: LedgerDatabase, selection: Selection) -> list[BatchLine]:
    """The delivered batches of these partitions that a comparison has looked at, by window, category and number."""
    if database.version < SINCE_VERSION:
        return []
    target = func.coalesce(batches.c.replay_of, batches.c.id)
    ended = func.coalesce(attempts.c.finished_ms, attempts.c.started_ms)
    made = (
        _attempts(target.label("batch"), selection)
        .add_columns(func.min(attempts.c.started_ms).label("began_ms"), func.max(ended).label("ended_ms"))
        .group_by(target)
        .subquery()
    )
    homes = {
        **dict.fromkeys(("category", "window"), partitions.c),
        **dict.fromkeys(("batch_id", "rows"), batches.c),
        **dict.fromkeys(("began_ms", "ended_ms"), made.c),
    }
    wanted = (
        select(*(homes.get(name, arrivals.c)[name] for name in BatchLine._fields))
        .select_from(arrivals)
        .join(batches, batches.c.id == arrivals.c.batch)
        .join(made, made.c.batch == batches.c.id)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(batches.c.state == State.DELIVERED.value)
        .order_by(partitions.c.window_start_ms, partitions.c.category, batches.c.id)
    )
    with database.read() as connection:
        return [BatchLine._make(row) for row in connection.execute(wanted)]


def _attempts(what: ColumnElement[int], selection: Selection) -> "Select[*tuple[Any, ...]]":
    """`what` of the attempts of these partitions that may have brought something there."""
    return (
        select(what)
        .select_from(attempts)
        .join(batches, batches.c.id == attempts.c.batch)
        .join(partitions, partitions.c.id == batches.c.partition)
        .where(*of_selection(selection), NOT_PRUNED, _MAY_HAVE_ARRIVED)
    )


def _rows_of(columns: Mapping[str, object]) -> int:
    """The rows that a comparison has counted of a batch that is forwarded."""
    return sum(int(str(columns[name])) for name in ("arrived", "missing", "not_yet"))


def _columns(found: BatchArrivals) -> dict[str, object]:
    return {name: getattr(found, name) for name in BatchArrivals.__slots__}
