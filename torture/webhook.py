"""What the webhook does wrong while the torture lasts: to about four requests in ten, and to one event always."""

from typing import Final

from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Shape, Stage, answer, redirect
from torture.rows import HOPELESS

REJECTED: Final = Rule(event_name=HOPELESS, actions=[answer(400)])
"""First of all rules: whatever else befalls a request that holds such an event, its events are never taken in."""


def _some(share: float, *actions: Action) -> Rule:
    return Rule(probability=share, actions=actions, cycle=True)


_LEFTOVERS: Final = (Shape.SECOND_ANSWER, Shape.LENGTH_TOO_SHORT, Shape.LENGTH_AND_CHUNKS, Shape.BROKEN_CHUNKS)
"""After these something lies in the connection that the next request could take for its answer."""
_TOO_LARGE: Final = Rule(where=lambda events: len(events) > 1, probability=0.03, actions=[answer(413)])
_USUAL: Final = (
    REJECTED,
    _some(0.02, Action(reset=Stage.ACCEPT)),
    _some(0.02, Action(reset=Stage.HEADERS)),
    _some(0.02, Action(reset=Stage.HALF_BODY)),
    _some(0.04, Action(reset=Stage.BODY)),
    _some(0.06, Action(reset=Stage.PROCESSING)),
    _some(0.03, answer(500), answer(502)),
    _some(0.03, Action(status=500, processed=True)),
    _some(0.03, answer(429, Retry_After="0"), answer(503, Retry_After="0"), answer(429, Retry_After="1")),
    _TOO_LARGE,
    _some(0.02, Action(reply=Shape.TRUNCATED_HEAD), Action(reply=Shape.TRUNCATED_STATUS), Action(reply=Shape.EMPTY)),
    _some(0.05, Action(delay=0.05), Action(delay=0.15)),
    _some(
        0.05,
        Action(interim=(103,)),
        Action(interim=(102, 103), status=500),
        Action(interim=(103,), delay=0.03, status=503),
        Action(interim=(101,)),
    ),
    _some(0.05, *(Action(reply=shape, status=status) for shape in _LEFTOVERS for status in (500, None))),
    _some(0.02, Action(reply=Shape.EARLY, status=503), Action(reply=Shape.TRUNCATED_BODY)),
    _some(
        0.005, redirect("/elsewhere"), Action(status=302, reply=Shape.HUGE), Action(status=307, reply=Shape.GZIP_BOMB)
    ),
)


def quiet() -> Faults:
    """No fault but the event that is always rejected."""
    return Faults(rules=[REJECTED])


def usual(seed: int) -> Faults:
    return Faults(rules=_USUAL, seed=seed)


def down(seed: int) -> Faults:
    """Answers 500 to everything, and takes in some of it all the same: the breaker opens."""
    rules = (REJECTED, _some(0.3, Action(status=500, processed=True)), Rule(actions=[answer(500)]))
    return Faults(rules=rules, seed=seed)


def rejecting(_: int) -> Faults:
    """The set-up is wrong, and it says so as if every event were: 400 to everything."""
    return Faults(rules=[Rule(actions=[answer(400, "bad signature")])])


def limited(seed: int) -> Faults:
    """Three requests, then a rate limit."""
    limit = answer(429, Retry_After="1")
    return Faults(rules=(REJECTED, Rule(actions=[NORMAL, NORMAL, NORMAL, limit, limit], cycle=True)), seed=seed)


PHASES: Final = (rejecting, limited, down)
"""What comes over the webhook for a while."""


def narrow(seed: int) -> Faults:
    """Half of the requests are too large: batches are split, and split again."""
    too_large = Rule(where=lambda events: len(events) > 1, probability=0.5, actions=[answer(413)])
    return Faults(rules=(REJECTED, too_large, *_USUAL[1:]), seed=seed)
