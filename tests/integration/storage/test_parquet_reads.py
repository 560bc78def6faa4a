"""Partition files are read in the thread that asks: Arrow's own would call Python when the interpreter is gone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import statsig_export

PACKAGE = Path(statsig_export.__file__).parent
READS = {"iter_batches", "read_row_group", "read_row_groups"}
OPENS = {"ParquetFile", "ParquetDataset", "read_table", "read_pandas", "read_parquet"}
THE_ONE = "arrow/parquet.py"
READ_EVERYTHING = """\
import os, sys
import numpy, pyarrow.compute
from test_storage import published, table
from statsig_export.storage.storage import Storage

with Storage(sys.argv[1]) as storage:
    file = published(storage, table(12_000))
    before = os.listdir("/proc/self/task")
    assert len(storage.read_events(file, 4_990, 20)) == 20
    assert sum(map(len, storage.read_column(file, "time_uuid"))) == 12_000
    assert sum(len(part) for part in storage.read_chunks(file, ["time_uuid", "event"], 500)) == 12_000
    assert len(storage.read_table(file)) == 12_000
    assert storage.find(file, "time_uuid", ["id-11000"]) == 11_000
    assert storage.read_row(file, 7, ["event"]) == {"event": '{"n":7}'}
    assert os.listdir("/proc/self/task") == before
"""


@pytest.mark.fault("F638")
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="this system does not list the threads of a process")
def test_no_read_of_a_partition_file_starts_a_thread(tmp_path: Path):
    command = [sys.executable, "-c", READ_EVERYTHING, str(tmp_path / "files")]

    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault("F638")
def test_all_parquet_files_are_opened_in_one_place_and_read_without_threads():
    guilty = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            called = node.func.attr
            alone = any(word.arg == "use_threads" and ast.unparse(word.value) == "False" for word in node.keywords)
            of_parquet = ast.unparse(node.func.value) in {"pq", "pd", "pandas"}
            if (called in OPENS and of_parquet and name != THE_ONE) or (called in READS and not alone):
                guilty.append(f"{name}:{node.lineno}")

    assert guilty == []
