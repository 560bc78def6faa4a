"""When something is told: once it has held, once when it is over, whatever the clock and the receivers do."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.alerts.incidents import OVER, Incident, Observation, Patience, Turn, followed
from statsig_export.alerts.record import PAUSES_MS, TAKEN_MS, Record, Tried
from statsig_export.monitoring.rules import Fault, Level

MINUTE = 60_000
PATIENCE = Patience(2 * MINUTE, 10 * MINUTE)
WHO = ["slack"]


def seen(key: str = "halted", level: Level = Level.WARNING, what: str = "it is halted") -> Observation:
    return Observation(key, level, what, Fault.DESTINATION, "mend it")


class Watch:
    """Looks each minute, and tells whoever can be reached."""

    def __init__(self, receivers: list[str] = WHO, patience: Patience = PATIENCE) -> None:
        self.receivers, self.patience = receivers, patience
        self.record, self.now_ms = Record(), 1_000_000_000_000
        self.told: dict[str, list[str]] = {name: [] for name in receivers}
        self.away: set[str] = set()

    def look(self, *found: Observation, minutes: float = 1) -> None:
        self.now_ms += round(minutes * MINUTE)
        incidents = followed(self.record.incidents, found, self.receivers, self.patience, self.now_ms)
        self.record = Record.of_text(Record(incidents, self.record.tried).text)  # as it is kept
        for name in self.receivers:
            owed = self.record.owed(name, self.now_ms)
            if not owed:
                continue
            if name in self.away:
                self.record = self.record.after_failing(name, self.now_ms)
            else:
                self.told[name] += [f"{turn} {one.seen.key}" for one, turn in owed]
                self.record = self.record.after_telling(name, owed)

    @property
    def heard(self) -> list[str]:
        return self.told["slack"]


@pytest.mark.fault("F555")
def test_an_incident_is_told_once_when_it_has_held_and_once_when_it_is_over():
    watch = Watch()
    for _ in range(200):
        watch.look(seen())
    for _ in range(200):
        watch.look()

    assert watch.heard == ["began halted", "over halted"]
    assert watch.record == Record()


@pytest.mark.fault("F556")
def test_what_does_not_last_is_not_told():
    watch = Watch()
    for _ in range(20):
        watch.look(seen())
        watch.look()

    assert watch.heard == []
    assert watch.record == Record()


@pytest.mark.fault("F556")
def test_what_comes_and_goes_is_one_incident_until_it_has_been_well_for_long_enough():
    watch = Watch()
    for _ in range(3):
        watch.look(seen())
    for _ in range(10):
        for _ in range(9):
            watch.look()
        watch.look(seen())
    assert watch.heard == ["began halted"]
    for _ in range(12):
        watch.look()

    assert watch.heard == ["began halted", "over halted"]


def test_it_is_told_again_where_it_comes_back_after_it_was_over():
    watch = Watch()
    for _ in range(2):
        for _ in range(5):
            watch.look(seen())
        for _ in range(15):
            watch.look()

    assert watch.heard == ["began halted", "over halted"] * 2


def test_a_warning_that_becomes_critical_is_told_once_more_and_not_when_it_falls_back():
    watch = Watch()
    for level in (Level.WARNING, Level.CRITICAL, Level.WARNING, Level.CRITICAL):
        for _ in range(5):
            watch.look(seen(level=level))

    assert watch.heard == ["began halted", "worse halted"]


def test_the_words_change_until_they_were_told_and_are_kept_after():
    watch = Watch()
    watch.look(seen(what="1 event"))
    watch.look(seen(what="2 events"))
    watch.look(seen(what="3 events"))
    watch.look(seen(what="4 events"))

    assert [one.seen.what for one in watch.record.incidents] == ["3 events"]


def test_several_incidents_of_one_look_are_owed_together():
    watch = Watch()
    for _ in range(2):
        watch.look(seen(), seen("pending"))
    watch.now_ms += MINUTE
    incidents = followed(watch.record.incidents, [seen(), seen("pending")], WHO, PATIENCE, watch.now_ms)

    assert [one.seen.key for one, _ in Record(incidents).owed("slack", watch.now_ms)] == ["halted", "pending"]


@pytest.mark.fault("F557")
def test_a_receiver_that_is_away_hears_of_the_beginning_and_the_end_and_the_others_nothing_twice():
    watch = Watch(["slack", "email"])
    watch.away = {"email"}
    for _ in range(30):
        watch.look(seen())
    for _ in range(30):
        watch.look()
    assert watch.told == {"slack": ["began halted", "over halted"], "email": []}
    watch.away = set()
    for _ in range(15):
        watch.look()

    assert watch.told == {"slack": ["began halted", "over halted"], "email": ["over halted"]}
    assert watch.record == Record()


@pytest.mark.fault("F557")
def test_a_receiver_that_was_away_at_the_end_alone_is_told_the_end_and_not_the_beginning_again():
    watch = Watch(["slack", "email"])
    for _ in range(5):
        watch.look(seen())
    watch.away = {"email"}
    for _ in range(20):
        watch.look()
    for _ in range(5):
        watch.look(seen())
    watch.away = set()
    for _ in range(15):
        watch.look(seen())

    assert watch.told["email"] == ["began halted"]  # to it, it has lasted all the while
    assert watch.told["slack"] == ["began halted", "over halted", "began halted"]


def test_a_receiver_that_fails_is_left_alone_for_longer_and_longer_and_not_for_ever():
    watch = Watch()
    watch.away = {"slack"}
    tries = Counter()
    for minute in range(120):
        before = watch.record.tried
        watch.look(seen())
        tries[minute // 60] += watch.record.tried != before

    assert tries[1] <= 60 * MINUTE // PAUSES_MS[-1] + 1
    assert tries[1] >= 5


def test_a_receiver_that_never_comes_back_is_given_up_after_a_week():
    watch = Watch()
    watch.away = {"slack"}
    for _ in range(5):
        watch.look(seen())
    for _ in range(8 * 24):
        watch.look(minutes=60)

    assert watch.record.incidents == []


@pytest.mark.fault("F558")
@pytest.mark.parametrize("back", [3 * 60, 24 * 60 * 365])
def test_a_clock_that_goes_back_neither_repeats_nor_loses_anything(back: int):
    watch = Watch()
    for _ in range(5):
        watch.look(seen())
    watch.look(seen(), minutes=-back)
    for _ in range(20):
        watch.look(seen())
    assert watch.heard == ["began halted"]
    watch.look(minutes=-back)
    for _ in range(20):
        watch.look()

    assert watch.heard == ["began halted", "over halted"]


@pytest.mark.fault("F558")
def test_a_turn_that_was_taken_by_a_clock_far_ahead_is_none():
    ahead = Record().taking(["slack"], 10**13)
    open_one = Incident(seen(), 0, open_ms=0)

    assert Record([open_one], ahead.tried).owed("slack", 10**12) != []
    assert Record([open_one], Record().taking(["slack"], 10**12).tried).owed("slack", 10**12 + TAKEN_MS - 1) == []
    assert Record([open_one], Record().taking(["slack"], 10**12).tried).owed("slack", 10**12 + TAKEN_MS) != []


@pytest.mark.fault("F648")
def test_who_is_being_told_is_written_where_an_earlier_version_passes_over_it():
    record = Record([], Record().taking(["slack"], 10**12).tried | {"email": Tried(2, 10**12)})

    assert Record.of_text(record.text) == record
    assert json.loads(record.text)["tried"] == {"slack": [0, 10**12 + TAKEN_MS], "email": [2, 10**12]}


@pytest.mark.fault("F660")
@pytest.mark.parametrize(
    "text",
    [
        *("", None, "{", "[]", '{"version": 9}', '{"version":1,"incidents":[{}],"tried":{}}'),
        '{"version":1,"incidents":[],"tried":{"slack":["x","y"]}}',
        Record([Incident(seen(), 1)]).text.replace('"since_ms":1', '"since_ms":"x"'),
        pytest.param("[" * 200_000, id="deep"),
    ],
)
def test_a_record_of_another_version_or_a_damaged_one_is_empty(text: str | None):
    assert Record.of_text(text) == Record()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from([0.5, 1, 3, 30, -5])), max_size=80))
def test_beginnings_and_ends_alternate_and_all_is_told_in_the_end(looks: list[tuple[bool, bool, float]]):
    watch = Watch()
    for wrong, reachable, minutes in looks:
        watch.away = set() if reachable else {"slack"}
        watch.look(*([seen()] if wrong else []), minutes=minutes)
    watch.away = set()
    for _ in range(60):
        watch.look()

    assert watch.record == Record()
    turns = [line.split()[0] for line in watch.heard]
    assert all(turn in {Turn.BEGAN, Turn.OVER} for turn in turns)
    assert all(not (one == Turn.BEGAN and other == Turn.BEGAN) for one, other in pairwise(turns))
    assert not turns or turns[-1] == Turn.OVER
    assert OVER not in {Level.WARNING, Level.CRITICAL, Level.UNKNOWN}
