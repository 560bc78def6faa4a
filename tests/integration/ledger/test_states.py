"""Changes of a batch's state: one place makes them, as the table of transitions says and never otherwise."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, make_url, select

from statsig_export.delivery.rules import TRANSITIONS, State, Step
from statsig_export.errors import LedgerError
from statsig_export.ledger.database import LedgerDatabase, open_to_write
from statsig_export.ledger.states import move, move_all, state_change
from statsig_export.ledger.tables import batches, partitions

IDS = {state: number for number, state in enumerate(State, start=1)}


def with_a_batch_in_each_state(database: LedgerDatabase) -> None:
    partition = {"id": 1, "destination": "d", "category": "custom_event", "window": "2026-11-20", "window_start_ms": 0}
    batch = {"batch_id": "b", "partition": 1, "generation": 1, "first_row": 0, "rows": 1, "body_bytes": 1}
    with database.write() as connection:
        connection.execute(insert(partitions).values(**partition, export_run="r", filtered_by="{}", failed_by="{}"))
        for state, number in IDS.items():
            row = {**batch, "id": number, "state": state.value, "planned_ms": 0, "due_ms": 0}
            connection.execute(insert(batches).values(row))


def states(connection: Connection) -> dict[State, State]:
    """State at first -> state now."""
    rows = connection.execute(select(batches.c.id, batches.c.state))
    found = {number: State(state) for number, state in rows}
    return {state: found[number] for state, number in IDS.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LedgerDatabase]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/ledger.db" if sqlite else request.getfixturevalue("postgres_url")
    with closing(open_to_write(make_url(url))) as database:
        with_a_batch_in_each_state(database)
        yield database


def test_each_step_takes_the_batches_that_the_table_opens_to_it_and_leaves_all_others(database: LedgerDatabase):
    for step in Step:
        with database.engine.connect() as connection:
            move_all(connection, step)
            changed = {start: end for start, end in states(connection).items() if start is not end}
            connection.rollback()

        assert changed == {start: end for (start, taken), end in TRANSITIONS.items() if taken is step}


def test_a_step_that_is_not_open_to_a_batch_raises_and_changes_nothing(database: LedgerDatabase):
    for step in Step:
        for state in State:
            with database.engine.connect() as connection:
                if (state, step) in TRANSITIONS:
                    move(connection, IDS[state], step)
                    assert states(connection)[state] is TRANSITIONS[state, step]
                else:
                    with pytest.raises(LedgerError, match=f"batch {IDS[state]} cannot {step}"):
                        move(connection, IDS[state], step)
                    assert states(connection)[state] is state
                connection.rollback()


def test_a_step_that_leads_from_two_states_to_two_others_takes_each_batch_to_its_own(database: LedgerDatabase):
    two_targets = {(State.FAILED, Step.REPLAY): State.PLANNED, (State.DELIVERED, Step.REPLAY): State.DEFERRED}
    with database.write() as connection:
        connection.execute(state_change(Step.REPLAY, two_targets))
        after = states(connection)

    assert after == {**{state: state for state in State}, State.FAILED: State.PLANNED, State.DELIVERED: State.DEFERRED}
