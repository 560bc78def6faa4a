"""Several runs at once, and a destination that refuses the set-up."""

import time
from concurrent.futures import ThreadPoolExecutor

from home import ExportHome
from rows import custom_event, exposure

from statsig_export.errors import DestinationError
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import halted_reason, resume
from statsig_export.testing.webhook.faults import Action, Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

EVENTS, GATES = "custom_event|2026-11-20", "gate_exposure|2026-11-20"


def filled(home: ExportHome) -> None:
    home.add([custom_event(1)], [exposure(2)])
    home.export()


def refused(home: ExportHome, partition: str) -> DestinationError | None:
    try:
        ship(home.config, [partition])
    except DestinationError as error:
        return error
    return None


def test_of_runs_that_are_refused_at_once_one_halts_the_destination(any_home: ExportHome, receiver: Receiver):
    filled(any_home)
    receiver.play([Rule(actions=(Action(status=401, delay=1.0),))])

    with ThreadPoolExecutor(2) as pool:
        errors = list(pool.map(lambda key: refused(any_home, key), (EVENTS, GATES)))

    assert len(receiver.requests) == 2
    assert sorted(error.halts for error in errors if error) == [False, True]
    assert all(error.report is not None for error in errors if error)


def test_a_run_that_finds_the_destination_halted_did_not_halt_it(home: ExportHome, receiver: Receiver):
    filled(home)
    receiver.play([Rule(actions=(answer(401),))])

    first, second = refused(home, EVENTS), refused(home, GATES)

    assert first is not None
    assert second is not None
    assert (first.halts, second.halts, second.report) == (True, False, None)


def test_after_resume_the_next_refusal_halts_anew(home: ExportHome, receiver: Receiver):
    filled(home)
    receiver.play([Rule(actions=(answer(401),))])
    refused(home, EVENTS)
    resume(home.config)

    error = refused(home, EVENTS)

    assert error is not None
    assert error.halts


def test_a_run_that_ends_well_does_not_lift_the_halt_that_another_has_met_meanwhile(
    home: ExportHome, receiver: Receiver
):
    filled(home)
    slow = Rule(event_name="statsig::gate_exposure", actions=(Action(delay=1.0),))
    receiver.play([slow, Rule(actions=(answer(401),))])

    with ThreadPoolExecutor(2) as pool:
        well = pool.submit(refused, home, GATES)
        while not receiver.connections:
            time.sleep(0.01)
        halting = pool.submit(refused, home, EVENTS)

    assert well.result() is None
    assert halting.result() is not None
    assert halted_reason(home.config) is not None
