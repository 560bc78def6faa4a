import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated import Warehouse, bigquery, snowflake

sys.path.append(str(Path(__file__).parents[1] / "databases"))  # their rows and columns


@pytest.fixture(scope="session", params=["snowflake", "bigquery"])
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One emulator after the other, each for all tests that ask for it."""
    folder = tmp_path_factory.mktemp(str(request.param))
    log = folder / "emulator.log"
    with snowflake(log) if request.param == "snowflake" else bigquery(folder, log) as warehouse:
        yield warehouse
