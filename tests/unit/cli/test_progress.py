"""What a log says of a verb that takes long."""

from collections.abc import Sequence

from statsig_export.cli.progress import LOG_EVERY, LogLines


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines_of(steps: Sequence[tuple[float, int]]) -> list[str]:
    """The lines that are printed while so many seconds pass, each time before so many events."""
    clock, lines = Clock(), []
    log = LogLines("export", clock, lines.append)
    for seconds, events in steps:
        clock.now += seconds
        log.advance(events)
    return lines


def test_a_short_run_says_nothing():
    assert lines_of([(1.0, 100)] * 29) == []


def test_a_long_run_says_where_it_is_each_half_minute():
    assert lines_of([(LOG_EVERY, 3_000), (1.0, 1), (LOG_EVERY, 2_999)]) == [
        "export: 3,000 events, 100 per second",
        "export: 6,000 events, 98 per second",
    ]
