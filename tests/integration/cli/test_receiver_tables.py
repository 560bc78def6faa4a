"""`receiver --tables`: which databases it writes to, and when."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner
from landing import Landing

from statsig_export.cli.options import cli
from statsig_export.testing.landing.destination import TABLE, Destination

EVENT = {
    "eventName": "page_view",
    "user": {},
    "userID": "u",
    "timestamp": 1,
    "statsigMetadata": {},
    "value": "",
    "metadata": {},
    "timeUUID": "uuid-1",
}


def refused(*words: str, **environ: str) -> str:
    result = CliRunner().invoke(cli, ["receiver", "--port", "0", *words], env=environ)
    assert result.exit_code == 2
    return result.stderr


@pytest.mark.fault("F415")
def test_what_it_accepts_is_in_the_table_of_another_database_once_a_sync_has_been(tmp_path: Path):
    words = ["--tables", str(tmp_path / "landed.duckdb"), "--mode", "unpacked", "--sync-every", "1h"]
    command = [sys.executable, "-m", "statsig_export", "receiver", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[2]
        assert requests.post(url, json=[EVENT], timeout=5).status_code == 200
        landing = Landing("duckdb", str(tmp_path / "landed.duckdb"), "unpacked")
        assert landing.ids() == []
        process.send_signal(signal.SIGINT)

    assert process.returncode == 0
    assert landing.ids() == ["uuid-1"]


def test_a_database_that_it_cannot_write_to_is_refused_without_its_url():
    where = "postgresql://reader:s3cret@127.0.0.1:9/none?connect_timeout=1"
    said = [refused("--tables", "env:PLACE", PLACE=one) for one in ("mysql://reader:s3cret@host/db", where, "")]

    assert "writes to one of sqlite, postgresql, duckdb" in said[0]
    assert "env:PLACE cannot be used (OperationalError)" in said[1]
    assert "variable PLACE is not set" in said[2]
    assert "s3cret" not in "".join(said)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)

    assert "psycopg is not installed" in refused("--tables", "env:PLACE", PLACE="postgresql://host/db")


def test_names_follow_either_of_fivetrans_schemes():
    assert Destination.at(Path("x.db")).database == "sqlite"
    assert Destination("duckdb:///x", "unpacked").column("statsigMetadata") == "statsig_metadata"
    assert Destination("duckdb:///x", "unpacked", "source").column("timeUUID") == "timeUUID"
    assert Destination("duckdb:///x").table == TABLE
