"""A read that fails half-way leaves nothing open, even while somebody holds its error."""

import threading
from collections.abc import Callable

import pytest
from home import ExportHome
from test_shards import fill

from statsig_export import plan
from statsig_export.export.judge import Judge


class FailedError(Exception):
    """An error of our own."""


@pytest.mark.fault("F624")
@pytest.mark.parametrize("step", ["_mine_of", "judge"])
@pytest.mark.parametrize("run", [ExportHome.export, lambda home: plan(home.config, home.window())], ids=["run", "plan"])
def test_no_thread_or_cursor_of_a_failed_read_is_left_to_the_garbage_collector(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, step: str, run: Callable[[ExportHome], object]
):
    def fail(*_: object, **__: object) -> None:
        raise FailedError

    fill(home)
    monkeypatch.setattr(Judge, step, fail)

    with pytest.raises(FailedError) as held:
        run(home)

    assert held.traceback
    assert [thread.name for thread in threading.enumerate() if "read-ahead" in thread.name] == []
