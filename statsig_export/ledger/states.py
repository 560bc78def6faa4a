"""Changes of a batch's state: all of them are made here, as TRANSITIONS allows them.

Each UPDATE names the states that its step starts from, so a step that comes too late changes nothing.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, Update, bindparam, case, or_, update

from statsig_export.delivery.rules import TRANSITIONS, State, Step
from statsig_export.errors import LedgerError
from statsig_export.ledger.tables import batches


def open_to(step: Step, transitions: Mapping[tuple[State, Step], State] = TRANSITIONS) -> ColumnElement[bool]:
    """The condition on `batches` that a step can follow the state that they are in."""
    return or_(*(batches.c.state == origin.value for origin in _targets(step, transitions)))


def state_change(step: Step, transitions: Mapping[tuple[State, Step], State] = TRANSITIONS) -> Update:
    """The UPDATE that takes batches one step on, each to the state that follows its own."""
    targets = _targets(step, transitions)
    if len(set(targets.values())) == 1:
        (target,) = set(targets.values())
        return update(batches).where(open_to(step, transitions)).values(state=target.value)
    by_origin = {origin.value: target.value for origin, target in targets.items()}
    return update(batches).where(open_to(step, transitions)).values(state=case(by_origin, value=batches.c.state))


def _targets(step: Step, transitions: Mapping[tuple[State, Step], State]) -> dict[State, State]:
    """Origin -> target of the transitions that the step makes."""
    return {origin: target for (origin, taken), target in transitions.items() if taken is step}


_MOVES: Final = {step: state_change(step).where(batches.c.id == bindparam("moving")) for step in Step}
"""Built once, since they run for every request: SQLAlchemy needs longer to build a statement than to run it."""


def move(connection: Connection, batch: int, step: Step, **changes: object) -> None:
    """Take one batch one step on; `changes` are other columns to set. Raises LedgerError, and changes nothing, when
    the step is not open to it.
    """
    if connection.execute(_MOVES[step], {"moving": batch, **changes}).rowcount != 1:
        raise LedgerError(f"batch {batch} cannot {step}: another shipper moved it", hint="ship again")


def move_all(connection: Connection, step: Step, *which: ColumnElement[bool], **changes: object) -> None:
    """Take every batch that the conditions choose, and that the step is open to, one step on."""
    connection.execute(state_change(step).where(*which).values(**changes))
