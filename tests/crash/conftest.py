from collections.abc import Iterator

import pytest
from stage import Stage, staged


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
