"""A result that has no columns is no answer: it must not pass for a window without rows."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from home import Home
from real_databases import RealDatabase
from sqlalchemy import make_url
from test_every_database import with_native_tables
from test_export import exported

from statsig_export.errors import SourceError
from statsig_export.export.export import export_window
from statsig_export.source.readers.factory import open_reader
from statsig_export.source.statement import PlacedTable
from statsig_export.windows import window_from_key

WITHOUT_COLUMNS = {
    "sqlite": "PRAGMA foreign_keys = ON",
    "postgresql": "SELECT",  # one row of no columns, of which SQL knows no name
    "duckdb": "-- nothing",
    "mysql": "SET @nothing = 1",
}


@pytest.fixture(params=["plain", "fastest"])
def plain(request: pytest.FixtureRequest) -> Iterator[bool]:
    return request.param == "plain"


@pytest.mark.fault("F465")
def test_a_result_without_columns_is_an_error_from_every_reader(database: RealDatabase, *, plain: bool):
    with_native_tables(database)
    with (
        closing(open_reader(make_url(database.url), plain=plain)) as reader,
        pytest.raises(SourceError, match="answered a SELECT without a single column"),
    ):
        list(reader.chunks(WITHOUT_COLUMNS[database.kind], 10))


def test_a_window_without_rows_is_empty_from_every_reader(database: RealDatabase, *, plain: bool):
    with_native_tables(database)
    with closing(open_reader(make_url(database.url), plain=plain)) as reader:
        assert list(reader.chunks("SELECT id FROM exposures", 10)) == []


@pytest.mark.fault("F465")
def test_a_window_that_is_answered_without_columns_is_not_taken_for_an_empty_one(
    database_of: Callable[[str], RealDatabase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A driver, a pooler or an emulator that answers so says nothing about the rows."""
    database = with_native_tables(database_of("sqlite"))
    config = Home(tmp_path, source_url=database.url).config
    with monkeypatch.context() as patch:
        patch.setattr(PlacedTable, "select_rows", lambda *_: ("PRAGMA foreign_keys = ON", ()))
        with pytest.raises(SourceError, match="without a single column"):
            export_window(config, window_from_key("2026-11-01", config.windows))

    assert exported(config).empty  # only now is the window known to be empty
