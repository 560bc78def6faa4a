"""One soak for all of this folder's tests: what it saw is a record, and each test asks it one question."""

import os
from pathlib import Path

import pytest
from soak_record import Record
from soak_stage import soaked

MINUTES = float(os.environ.get("STATSIG_EXPORT_SOAK_MINUTES", "30"))


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Runs it, for `STATSIG_EXPORT_SOAK_MINUTES`. `STATSIG_EXPORT_SOAK_REPORT` names a file for what it saw."""
    found = soaked(tmp_path_factory.mktemp("soak"), MINUTES * 60)
    if report := os.environ.get("STATSIG_EXPORT_SOAK_REPORT"):
        Path(report).write_text(found.as_json())
    return found
