"""Processes end their windows in any order: they are told in the order that was asked for, and few are begun early."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from statsig_export.config import Config, parse_config
from statsig_export.errors import SourceError
from statsig_export.export import several
from statsig_export.export.processes import Child
from statsig_export.runs import RunContext
from statsig_export.windows import Window, windows_between

CONFIG = parse_config({"windows": {"every": "hour"}}, folder=Path("/nowhere"), environ={})
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOWS = list(windows_between(NOON, NOON + timedelta(hours=20), CONFIG.windows))


class Slow:
    """Children of which the first answers only when no other is at work."""

    def __init__(self) -> None:
        self.at_work: dict[Child, Window] = {}
        self.handed_out: list[Window] = []

    def begin(self, begun: list[Child], _most: int, _does: str, _config: Config, *_: object) -> bool:
        child = Child(Mock(), Mock())
        child.pipe.send.side_effect = lambda asked: self._take(child, asked[0])  # type: ignore[attr-defined]
        begun.append(child)
        return True

    def _take(self, child: Child, window: Window) -> None:
        self.at_work[child] = window
        self.handed_out.append(window)

    def heard(self, begun: list[Child]) -> Iterator[tuple[Child, Any]]:
        child = [child for child in begun if child in self.at_work][-1]
        yield child, (self.at_work.pop(child), SourceError("it is away"))


def test_windows_are_told_in_order_and_few_are_handed_out_before_the_first_is_told(monkeypatch: pytest.MonkeyPatch):
    slow = Slow()
    monkeypatch.setattr(several, "begin", slow.begin)
    monkeypatch.setattr(several, "heard", slow.heard)

    with closing(several.outcomes(CONFIG, dict.fromkeys(WINDOWS), RunContext(), processes=2)) as found:
        first, _ = next(found)
        early = list(slow.handed_out)
        told = [first, *(window for window, _ in found)]

    assert early == WINDOWS[: 2 * several.AHEAD]
    assert told == WINDOWS
    assert sorted(slow.handed_out, key=lambda window: window.start) == WINDOWS
