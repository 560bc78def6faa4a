from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_of_version_1 import Left, left_in_postgres, left_in_sqlite

from statsig_export.testing.webhook.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(strict_delivery=True) as receiver:
        yield receiver


@pytest.fixture(params=["sqlite", "postgresql"])
def left(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Left:
    """A home whose ledger is of schema version 1, with rows in every table."""
    if request.param == "sqlite":
        return left_in_sqlite(tmp_path, receiver)
    return left_in_postgres(tmp_path, receiver, request.getfixturevalue("postgres_url"))
