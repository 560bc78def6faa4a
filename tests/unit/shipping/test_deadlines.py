"""Deadlines on the real clock: nothing here waits for longer than it has to."""

import threading
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from statsig_export.shipping.deadlines import Deadlines

LONG = 3_600
SOON = 0.01
PATIENCE = 20


@pytest.fixture
def deadlines() -> Iterator[Deadlines]:
    with closing(Deadlines()) as deadlines:
        yield deadlines


def never() -> None:
    raise AssertionError("it ended in time")


def threads() -> int:
    return sum(thread.name == "deadlines" for thread in threading.enumerate())


def test_what_takes_too_long_expires(deadlines: Deadlines):
    late = Event()
    with deadlines.kept(SOON, late.set):
        assert late.wait(PATIENCE)


def test_it_expires_once(deadlines: Deadlines):
    calls: list[int] = []
    late, later = Event(), Event()
    with deadlines.kept(SOON, lambda: (calls.append(1), late.set())):
        assert late.wait(PATIENCE)
        with deadlines.kept(SOON, later.set):
            assert later.wait(PATIENCE)
    assert calls == [1]


def test_a_shorter_deadline_that_begins_later_expires_first(deadlines: Deadlines):
    late = Event()
    with deadlines.kept(LONG, never), deadlines.kept(SOON, late.set):
        assert late.wait(PATIENCE)


def test_one_that_begins_after_all_others_ended_is_kept(deadlines: Deadlines):
    for _ in range(3):
        late = Event()
        with deadlines.kept(LONG, never):
            pass
        with deadlines.kept(SOON, late.set):
            assert late.wait(PATIENCE)


def test_of_several_each_expires_at_its_own_time(deadlines: Deadlines):
    first, second = Event(), Event()
    with deadlines.kept(SOON, first.set), deadlines.kept(LONG, never), deadlines.kept(2 * SOON, second.set):
        assert first.wait(PATIENCE)
        assert second.wait(PATIENCE)


def test_one_thread_keeps_all_of_them_and_ends_with_the_last():
    before = threads()
    with closing(Deadlines()) as deadlines:
        assert threads() == before
        with deadlines.kept(LONG, never), deadlines.kept(LONG, never):
            assert threads() == before + 1
    assert threads() == before
