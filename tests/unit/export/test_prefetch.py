import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from statsig_export.export.prefetch import read_ahead, write_behind


class Closed(Exception):  # noqa: N818
    pass


def counted(end: int, seen: list[object]) -> Iterator[int]:
    try:
        for number in range(end):
            seen.append(number)
            yield number
    finally:
        seen.append(threading.current_thread().name.rpartition("_")[0])


def test_all_items_come_in_order():
    assert list(read_ahead(counted(100, []))) == list(range(100))
    assert list(read_ahead(counted(0, []))) == []


def test_items_that_are_false_are_items():
    assert list(read_ahead(number for number in (0, None, ""))) == [0, None, ""]


def test_the_next_item_is_read_while_one_is_worked_on():
    begun = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    for item in read_ahead(items()):
        if item == 1:
            assert begun.wait(10)


def test_no_more_than_one_item_is_read_ahead():
    seen: list[object] = []
    ahead = read_ahead(counted(100, seen))
    for item in ahead:
        assert len([each for each in seen if isinstance(each, int)]) <= item + 2


def test_an_error_in_reading_comes_out_after_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise Closed

    ahead = read_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(Closed):
        next(ahead)


def test_a_reader_that_is_left_early_is_closed_in_its_own_thread():
    seen: list[object] = []
    ahead = read_ahead(counted(100, seen))
    assert next(ahead) == 0
    ahead.close()
    assert seen[-1] == "read-ahead"


def test_a_sqlite_cursor_lives_in_the_reading_thread_from_its_beginning_to_its_end():
    def rows() -> Iterator[int]:
        connection = sqlite3.connect(":memory:")
        try:
            for (number,) in connection.execute(
                "WITH n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n LIMIT 9) SELECT i FROM n"
            ):
                yield number
        finally:
            connection.close()

    assert list(read_ahead(rows())) == list(range(1, 10))
    left = read_ahead(rows())
    next(left)
    left.close()


def hand_over_each(write: Callable[[int], None], numbers: Iterable[int]) -> None:
    with write_behind(write) as hand_over:
        for number in numbers:
            hand_over(number)


def test_writes_happen_in_order_and_are_all_done_at_the_end():
    written: list[int] = []
    with write_behind(written.append) as write:
        for number in range(50):
            write(number)
    assert written == list(range(50))


def test_a_write_is_handed_over_while_the_one_before_still_runs_and_no_earlier():
    first_may_end = threading.Event()
    running: list[int] = []

    def write(number: int) -> None:
        running.append(number)
        if number == 0:
            assert first_may_end.wait(10)

    with write_behind(write) as hand_over:
        hand_over(0)
        assert running in ([], [0])
        first_may_end.set()
        hand_over(1)
        hand_over(2)
    assert running == [0, 1, 2]


@pytest.mark.parametrize("failing", [0, 2])
def test_an_error_in_writing_comes_out_at_the_next_write_or_at_the_end(failing: int):
    def write(number: int) -> None:
        if number == failing:
            raise Closed

    with pytest.raises(Closed):
        hand_over_each(write, range(3))


def test_an_error_of_the_work_itself_waits_for_the_write_under_way():
    written: list[int] = []

    def numbers() -> Iterator[int]:
        yield 1
        raise Closed

    with pytest.raises(Closed):
        hand_over_each(written.append, numbers())
    assert written == [1]
