"""Scripted faults: what the stand-in webhook does wrong, to which request, how often.

In Python a script is a `Faults` of `Rule`s of `Action`s. In a file it is the same as JSON, with lists for sets:

    {"seed": 7, "max_bytes": 1000000, "max_events": 500,
     "rules": [{"requests": [1, 2], "actions": [{"status": 503, "headers": {"Retry-After": "2"}}]},
               {"time_uuid": "4c1c...", "actions": [{"status": 400}]},
               {"per_batch": true, "actions": [{"reset": "processing"}, {}]},
               {"every": 9, "actions": [{"interim": [102, 103], "delay": 0.2, "status": 500}]},
               {"probability": 0.2, "cycle": true, "actions": [{"status": 500}, {"delay": 2.5, "drip": 0.1}]}]}

Of the rules that match a request the first decides. Its actions are taken in turn, one a matching request; the last
one stays, so an empty action (`{}`, all normal) at the end is how a fault passes.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from statsig_export.testing.webhook.event_reader import Event

Condition = Callable[[Sequence[Event]], bool]


class Stage(StrEnum):
    """Where a connection is reset."""

    ACCEPT = "accept"
    """Before a byte is read, before the TLS handshake. On a connection kept alive: before the next request is read."""
    HEADERS = "headers"
    HALF_BODY = "half_body"
    BODY = "body"
    PROCESSING = "processing"
    """After the events were taken in: the reply is lost."""


class Shape(StrEnum):
    """What the reply looks like on the wire."""

    WHOLE = "whole"
    CHUNKED = "chunked"
    CONTINUE_FIRST = "continue_first"
    """Two `100 Continue` that nobody asked for, then the reply."""
    EARLY_HINTS_FIRST = "early_hints_first"
    """A `103 Early Hints`, then the reply."""
    TRUNCATED_STATUS = "truncated_status"
    """The status line up to the second digit of its status, then the end."""
    TRUNCATED_HEAD = "truncated_head"
    """The status line and some of the headers, then the end."""
    TRUNCATED_BODY = "truncated_body"
    """Half of the body, then the end."""
    LENGTH_TOO_LONG = "length_too_long"
    """Content-Length announces 100 bytes more than ever come; the connection stays open."""
    LENGTH_TOO_SHORT = "length_too_short"
    """Content-Length announces half of the body; the rest lies in the way of the next reply."""
    TRAILING = "trailing"
    """Bytes after the end of the reply, then the end."""
    SECOND_ANSWER = "second_answer"
    """After the reply a `200` that answers nothing; the connection stays open."""
    TWO_LENGTHS = "two_lengths"
    """Two Content-Length, of which the first is too short; the connection stays open."""
    LENGTH_AND_CHUNKS = "length_and_chunks"
    """Chunks, and a Content-Length that is too short; the connection stays open."""
    TRAILERS = "trailers"
    """Chunks with two headers behind the last one, in order."""
    BROKEN_CHUNKS = "broken_chunks"
    """A chunk that is longer than its size says; the connection stays open."""
    GZIP_BOMB = "gzip_bomb"
    """A body of 1 MB that is 1 GiB once `Content-Encoding: gzip` is undone."""
    EARLY = "early"
    """Before the request's body is read, then the end. Events are never taken in."""
    GARBAGE = "garbage"
    """No HTTP at all."""
    HUGE = "huge"
    """A body of 1 GiB."""
    EMPTY = "empty"
    """The connection is closed in order, without a byte."""


class Moment(IntEnum):
    """What is known of a request when a rule is looked for."""

    ACCEPT = 0
    HEAD = 1
    BODY = 2


_STAGE_MOMENT = {Stage.ACCEPT: Moment.ACCEPT, Stage.HEADERS: Moment.HEAD, Stage.HALF_BODY: Moment.HEAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What happens to one request. With everything left as it is: the normal answer."""

    status: int | None = None
    """Answer this status whatever the checks say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """The reply's body instead of the usual JSON object."""
    interim: Sequence[int] = ()
    """Statuses from 100 to 199 that are answered first, before the delay."""
    delay: float = 0
    """Seconds between the stage (the request's end, unless `reset` names another) and what follows."""
    drip: float = 0
    """Seconds before each byte of the reply."""
    reset: Stage | None = None
    """Reset the connection at this stage instead of answering."""
    reply: Shape = Shape.WHOLE
    processed: bool | None = None
    """Whether a good body's events are taken in. Unless said: with a 2xx, and with a reset after processing."""

    @property
    def moment(self) -> Moment:
        """When it must be known that this action is the one."""
        if self.reply is Shape.EARLY:
            return Moment.HEAD
        return Moment.BODY if self.reset is None else _STAGE_MOMENT.get(self.reset, Moment.BODY)

    @property
    def fault(self) -> str:
        """The action in a word or two, for the transcript; empty for the normal answer."""
        words = [f"reset at {self.reset}"] if self.reset else []
        words += [f"interim {status}" for status in self.interim]
        words += [f"status {self.status}"] if self.status else []
        words += [str(self.reply)] if self.reply is not Shape.WHOLE else []
        words += [name for name in ("delay", "drip") if getattr(self, name)]
        return ", ".join(words)


NORMAL = Action()


def answer(status: int, body: str | None = None, **headers: str) -> Action:
    """An answer with this status; `Retry_After="2"` becomes the header Retry-After."""
    return Action(status=status, body=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def redirect(url: str, status: int = 302) -> Action:
    return Action(status=status, headers={"Location": url})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests, and the actions they meet in turn. Conditions left out hold for every request.

    Raises ValueError when an action would come before its condition can be known.
    """

    actions: Sequence[Action]
    requests: Collection[int] | None = None
    """Request numbers, from 1 in the order of arrival."""
    every: int | None = None
    """Each n-th request."""
    webhook_id: str | None = None
    attempts: Collection[int] | None = None
    """What webhook-attempt says."""
    time_uuid: str | None = None
    """A good body that holds the event with this timeUUID."""
    event_name: str | None = None
    """A good body that holds an event of this name."""
    where: Condition | None = None
    """A good body whose events satisfy this."""
    probability: float | None = None
    """This share of the requests, by the script's seed and the request's number."""
    per_batch: bool = False
    """Each webhook-id goes through the actions by itself."""
    cycle: bool = False
    """Begin again after the last action."""

    def __post_init__(self) -> None:
        if not self.actions:
            raise ValueError("a rule without actions")
        if self.every is not None and self.every < 1:
            raise ValueError("every: expected a number of at least 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError("probability: expected a share from 0 to 1")
        for action in self.actions:
            if action.moment < self.moment:
                what = f"a reset at {action.reset}" if action.reset else "an early answer"
                raise ValueError(f"{what} comes before the rule's condition can be known")

    @property
    def moment(self) -> Moment:
        """When its conditions can be known."""
        if self.time_uuid is not None or self.event_name is not None or self.where is not None:
            return Moment.BODY
        if self.webhook_id is not None or self.attempts is not None or self.per_batch:
            return Moment.HEAD
        return Moment.ACCEPT

    def action(self, turn: int) -> Action:
        """The action of the `turn`-th matching request, from 0."""
        return self.actions[turn % len(self.actions) if self.cycle else min(turn, len(self.actions) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """A script: limits that hold for every request, and the rules."""

    rules: Sequence[Rule] = ()
    max_bytes: int | None = None
    """A body of more bytes (on the wire) is answered 413."""
    max_events: int | None = None
    """A body of more events is answered 413."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a request so far."""

    number: int
    webhook_id: str = ""
    attempt: int | None = None
    events: Sequence[Event] = ()


class Script:
    """Plays the faults: numbers the requests and remembers how far each rule has come. Safe between threads."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._lock = threading.Lock()
        self._count = 0
        self._turns: Counter[tuple[int, str]] = Counter()

    def play(self, faults: Faults) -> None:
        """Go on with another script. Requests keep their numbers, rules begin anew."""
        with self._lock:
            self.faults = faults
            self._turns.clear()

    def number(self) -> int:
        """The number of a request that has just come in."""
        with self._lock:
            self._count += 1
            return self._count

    def before_reading(self) -> tuple[int, Action] | None:
        """The reset that the next request meets before it is read, with the number it uses up."""
        with self._lock:
            seen = Seen(self._count + 1)
            action = self._choose(seen, Moment.ACCEPT)
            if action is None:
                return None
            self._count += 1
            return seen.number, action

    def choose(self, seen: Seen, moment: Moment) -> Action | None:
        """The action that is due at this moment, which is thereby used up."""
        with self._lock:
            return self._choose(seen, moment)

    def _choose(self, seen: Seen, moment: Moment) -> Action | None:
        for index, rule in enumerate(self.faults.rules):
            if rule.moment <= moment and _matches(rule, seen) and self._falls_to(rule, index, seen.number):
                turns = (index, seen.webhook_id if rule.per_batch else "")
                action = rule.action(self._turns[turns])
                if action.moment > moment:
                    return None
                self._turns[turns] += 1
                return action
        return None

    def _falls_to(self, rule: Rule, index: int, number: int) -> bool:
        """The same verdict at every moment of a request, whatever other threads do in between."""
        if rule.probability is None:
            return True
        return random.Random(f"{self.faults.seed}:{index}:{number}").random() < rule.probability  # noqa: S311


def _matches(rule: Rule, seen: Seen) -> bool:
    return (
        (rule.requests is None or seen.number in rule.requests)
        and (rule.every is None or seen.number % rule.every == 0)
        and (rule.webhook_id is None or seen.webhook_id == rule.webhook_id)
        and (rule.attempts is None or seen.attempt in rule.attempts)
        and (rule.time_uuid is None or any(event["timeUUID"] == rule.time_uuid for event in seen.events))
        and (rule.event_name is None or any(event["eventName"] == rule.event_name for event in seen.events))
        and (rule.where is None or (bool(seen.events) and rule.where(seen.events)))
    )
