from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from stage import Stage

from statsig_export.testing.receiver import Receiver
from statsig_export.testing.torture.children import warm_up
from statsig_export.testing.torture.home import make_home, scratch_folder


@contextmanager
def staged(ledger_url: str | None) -> Iterator[Stage]:
    warm_up()
    with scratch_folder() as folder, Receiver(strict_delivery=True) as receiver:
        yield Stage(make_home(folder, receiver.url, ledger_url, timeout="10s"), receiver)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Everything in SQLite."""
    with staged(None) as stage:
        yield stage


@pytest.fixture
def postgres_stage(postgres_url: str) -> Iterator[Stage]:
    """The ledger in PostgreSQL."""
    with staged(postgres_url) as stage:
        yield stage


@pytest.fixture(params=["stage", "postgres_stage"])
def any_stage(request: pytest.FixtureRequest) -> Stage:
    """Once with each."""
    stage: Stage = request.getfixturevalue(request.param)
    return stage
