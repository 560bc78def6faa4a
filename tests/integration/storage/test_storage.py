import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from statsig_export.errors import LedgerError
from statsig_export.storage.schemas import EVENTS, ROW_GROUP
from statsig_export.storage.storage import Storage
from statsig_export.vocabulary import Category

GATE = Category.GATE_EXPOSURE


def table(rows: int, first: int = 0) -> pa.Table:
    numbers = range(first, first + rows)
    return pa.table(
        {
            "row_key": [str(n) for n in numbers],
            "time_uuid": [f"id-{n}" for n in numbers],
            "event_name": ["e"] * rows,
            "timestamp": list(numbers),
            "user_id": [""] * rows,
            "unit_id": pa.nulls(rows, pa.string()),
            "event": [f'{{"n":{n}}}' for n in numbers],
        }
    )


def published(storage: Storage, *tables: pa.Table):
    file = storage.new_file(EVENTS)
    for part in tables:
        file.add(part)
    return file.publish("events", GATE, "2026-11-20", 1)


@pytest.fixture
def storage(tmp_path: Path):
    with Storage(str(tmp_path / "files")) as storage:
        yield storage


def test_a_file_is_named_by_generation_and_content_and_its_digest_is_that_of_its_bytes(
    storage: Storage, tmp_path: Path
):
    stored = published(storage, table(5))
    path = tmp_path / "files" / stored.path

    assert stored.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stored.path == f"events/category=gate_exposure/window=2026-11-20/0001-{stored.digest[:16]}.parquet"
    assert (stored.rows, stored.bytes) == (5, path.stat().st_size)


def test_equal_events_make_an_equal_file_under_an_equal_name(storage: Storage, tmp_path: Path):
    assert published(storage, table(5)) == published(storage, table(2), table(3, first=2))
    assert len(list((tmp_path / "files").rglob("*.parquet"))) == 1


def test_nothing_shows_before_a_file_is_published_and_nothing_stays_of_a_discarded_one(
    storage: Storage, tmp_path: Path
):
    file = storage.new_file(EVENTS)
    file.add(table(ROW_GROUP))
    assert list((tmp_path / "files").rglob("category=*")) == []
    file.discard()

    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_many_small_chunks_become_few_row_groups(storage: Storage, tmp_path: Path):
    stored = published(storage, *(table(100, first=100 * n) for n in range(120)))
    metadata = pq.ParquetFile(tmp_path / "files" / stored.path).metadata

    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 2_000]


@pytest.mark.parametrize(
    ("first", "rows"), [(0, 1), (0, 25_000), (9_999, 2), (10_000, 1), (24_999, 1), (5_000, 15_000)]
)
def test_any_range_of_rows_is_read_across_row_groups(storage: Storage, first: int, rows: int):
    stored = published(storage, *(table(ROW_GROUP, first=row) for row in range(0, 25_000, ROW_GROUP)))

    assert storage.read_events(stored, first, rows).to_pylist() == [f'{{"n":{n}}}' for n in range(first, first + rows)]


def test_rows_beyond_the_end_are_an_error(storage: Storage):
    stored = published(storage, table(5))

    with pytest.raises(LedgerError, match="0001-"):
        storage.read_events(stored, 4, 2)


def test_a_file_cut_short_is_an_error_that_names_it(storage: Storage, tmp_path: Path):
    stored = published(storage, table(500))
    path = tmp_path / "files" / stored.path
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(LedgerError, match=stored.path.split("/")[-1]):
        storage.read_events(stored, 0, 1)


def test_a_storage_that_is_no_local_folder_works_the_same():
    with Storage("memory://bucket/files") as storage:
        stored = published(storage, table(5))

        assert storage.read_events(stored, 1, 2).to_pylist() == ['{"n":1}', '{"n":2}']
        assert [part.to_pylist() for part in storage.read_column(stored, "time_uuid")] == [
            ["id-0", "id-1", "id-2", "id-3", "id-4"]
        ]


def test_a_storage_url_nobody_knows_is_an_error():
    with pytest.raises(LedgerError, match=r"check \[storage\] url"):
        Storage("nosuch://bucket")
