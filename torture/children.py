"""The processes that die: each exports, ships, or both, through the library's own verbs.

They come from a fork server that has imported everything and opened nothing, so a child starts within milliseconds; it
is a process like any other, with connections, locks and threads of its own.
"""

import json
import multiprocessing
import os
import resource
import sys
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

from statsig_export import crashpoints
from statsig_export.delivery.rules import RetryPolicy
from statsig_export.errors import StatsigExportError
from statsig_export.export.exporter import Exporter
from statsig_export.forgetting.forget import forget
from statsig_export.shipping.ship import ship
from statsig_export.windows import window_from_key
from torture.home import Home

POLICY: Final = RetryPolicy(
    quick=(0.02, 0.05), schedule=(0.1,), patience=0.2, breaker_pauses=(0.2,), throttled=(0.02, 0.05), longest_wait=0.2
)
"""The retries in a hurry. What is given up is decided as ever: nothing, in so short a time."""

_FORK_SERVER: Final = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class Task:
    """What a child does: export the windows, then ship what is due, then forget people."""

    home: Home
    windows: tuple[str, ...] = ()
    shards: int = 1
    """Into how many each window is split."""
    ship: bool = False
    forget: tuple[str, ...] | None = None
    """Ids of users to forget; empty to go on with those of an earlier child."""
    crash: str = ""
    """The crash point to arm, as `crashpoints.arm` takes it."""
    prepare: str = ""
    """`module:function`, called first: how a test breaks the code in the child and nowhere else."""
    file_limit: int | None = None
    """Bytes that no file of the child grows beyond, as on a full disk: the ledger's neither."""
    may_fail: bool = False
    """Whether the child may end with exit code 5: a file or the disk was taken away from it."""
    report: Path | None = None
    """Where to write what the ship run left to another (`busy`) and what it sent, as JSON."""


def start(task: Task) -> ForkServerProcess:
    """A child at work. Its exit code is 0, that of the error, or -9."""
    return _started(_FORK_SERVER.Process(target=_work, args=(task,), daemon=True))


def warm_up() -> None:
    """Start the fork server and wait until it is there."""
    _started(_FORK_SERVER.Process(target=_nothing, daemon=True)).join()


def _nothing() -> None:
    """Only to be started."""


def _started(child: ForkServerProcess) -> ForkServerProcess:
    _FORK_SERVER.set_forkserver_preload([__name__, "psycopg", "sqlalchemy.dialects.postgresql.psycopg"])
    child.start()
    return child


def _work(task: Task) -> None:
    with task.home.log.open("ab", buffering=0) as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    crashpoints.arm(task.crash)
    if task.prepare:
        module, _, function = task.prepare.partition(":")
        getattr(import_module(module), function)()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if task.file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.file_limit, limits[1]))
    try:
        _export_and_ship(task)
    except StatsigExportError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _export_and_ship(task: Task) -> None:
    config = task.home.config
    windows = config.windows.model_copy(update={"shards": task.shards})
    with Exporter(config.model_copy(update={"windows": windows})) as exporter:
        for key in task.windows:
            exporter.export(window_from_key(key, config.windows))
    if task.ship:
        report = ship(config, policy=POLICY)
        if task.report is not None:
            task.report.write_text(json.dumps({"busy": report.busy, "sent": report.sent}))
    if task.forget is not None:
        forget(config, [("userID", user) for user in task.forget] or None)
