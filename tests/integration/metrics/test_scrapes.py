"""A scrape of a ledger that cannot be read: up is 0, the log says why, and nothing of the inside is shown."""

import http.client
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIServer

import psycopg
import pytest
from home import ExportHome
from rows import custom_event
from scrapes import Scrape, of_registry, scraped
from sqlalchemy import make_url

from statsig_export.errors import ConfigError, LedgerError
from statsig_export.ledger.transactions import ledger_place
from statsig_export.metrics import collector, observed, textfile
from statsig_export.metrics import server as metrics_server
from statsig_export.metrics.collector import registry_of
from statsig_export.metrics.server import answer_until, serving
from statsig_export.metrics.textfile import write_textfile

SECRET = "token-9f31"


def assert_down(scrape: Scrape, told: list[Exception | None], words: str) -> None:
    assert scrape.up == 0
    assert scrape.of("scrape_duration_seconds")
    assert scrape.of("build_info") == [1]
    assert not scrape.of("events")
    (error,) = told
    assert isinstance(error, LedgerError)
    assert words in str(error)


@pytest.mark.fault("F500", "F662")
def test_a_ledger_that_is_not_there_yet_is_down(home: ExportHome):
    told: list[Exception | None] = []

    assert_down(scraped(home, told), told, f"there is no ledger yet at {home.folder / 'ledger.db'}")
    assert not (home.folder / "ledger.db").exists()


@pytest.mark.fault("F662")
def test_where_a_ledger_should_be_is_told_without_what_signs_in_there(home: ExportHome):
    home.environ["LEDGER"] = f"postgresql+psycopg://duty:{SECRET}@db.example:5433/exports"

    assert ledger_place(home.config) == "db.example:5433/exports"


@pytest.mark.fault("F500")
def test_a_newer_ledger_is_down(home: ExportHome):
    home.export()
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    told: list[Exception | None] = []

    assert_down(scraped(home, told), told, "schema version 99")


@pytest.mark.fault("F500")
def test_a_damaged_ledger_is_down(home: ExportHome):
    (home.folder / "ledger.db").write_bytes(b"no database" * 100)
    told: list[Exception | None] = []

    assert_down(scraped(home, told), told, "SQLITE_NOTADB")


@pytest.mark.fault("F500")
def test_a_locked_ledger_is_down_before_prometheus_gives_up(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    assert observed.WAIT_MS < 10_000
    monkeypatch.setattr(observed, "WAIT_MS", 50)
    home.export()
    told: list[Exception | None] = []
    with closing(sqlite3.connect(home.folder / "ledger.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")

        assert_down(scraped(home, told), told, "SQLITE_BUSY")
    assert scraped(home).up == 1


@pytest.mark.fault("F500")
def test_a_locked_table_in_postgresql_is_down_too(home: ExportHome, postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(observed, "WAIT_MS", 50)
    home.environ["LEDGER"] = postgres_url
    home.export()
    told: list[Exception | None] = []
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as other:
        other.execute("LOCK TABLE batches IN ACCESS EXCLUSIVE MODE")

        assert_down(scraped(home, told), told, "55P03")
    assert scraped(home).up == 1


@pytest.mark.fault("F500")
def test_a_server_that_takes_the_connection_and_says_nothing_is_down(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    """The driver waits for two seconds at least; a minute later it would be the server that ends it."""
    monkeypatch.setattr(observed, "WAIT_MS", 50)
    told: list[Exception | None] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        home.environ["LEDGER"] = f"postgresql+psycopg://127.0.0.1:{silent.getsockname()[1]}/ledger"
        gone = threading.Timer(60, silent.close)
        gone.start()
        try:
            assert_down(scraped(home, told), told, "ETIMEDOUT")
        finally:
            gone.cancel()


@pytest.mark.fault("F500")
def test_an_error_of_our_own_is_down_as_well(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    home.export()
    monkeypatch.setattr(collector, "observe", fail)
    told: list[Exception | None] = []
    scrape = scraped(home, told)

    assert scrape.up == 0
    assert SECRET not in scrape.text
    home.write()
    result = home.verb("metrics")
    assert result.exit_code == 6
    assert SECRET not in result.output


@pytest.mark.fault("F501")
def test_the_file_is_whole_or_as_before_and_open_to_node_exporter(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    home.export()
    home.write()
    file = home.folder / "export.prom"
    before = os.umask(0o077)
    try:
        result = home.verb("metrics", "--to", str(file))
    finally:
        os.umask(before)

    assert (result.exit_code, result.output) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o644
    assert Scrape(file.read_text()).up == 1

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(textfile.os, "fchmod", full)
    failed = home.verb("metrics", "--to", str(file))
    assert failed.exit_code == 5
    assert "No space left on device" in failed.stderr
    assert Scrape(file.read_text()).up == 1
    assert [path.name for path in home.folder.iterdir() if "export.prom" in path.name] == ["export.prom"]


@pytest.mark.fault("F501")
def test_a_name_that_node_exporter_passes_over_or_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    for file, words in ((tmp_path / "export.txt", "does not end in .prom"), (tmp_path / "none" / "a.prom", "No such")):
        with pytest.raises(ConfigError, match=words):
            write_textfile(file, b"")


@pytest.mark.fault("F501", "F645")
@pytest.mark.parametrize("file", ["export.txt", "none/export.prom"])
def test_of_the_daemons_file_the_setting_is_named_that_names_it(home: ExportHome, file: str):
    home.set("metrics", textfile=file)

    with pytest.raises(ConfigError, match=r"^metrics\.textfile: /"):
        textfile.write_metrics(home.config)


@pytest.mark.fault("F500", "F501")
def test_a_file_says_that_the_ledger_cannot_be_read(home: ExportHome):
    home.write()
    file = home.folder / "export.prom"
    result = home.verb("metrics", "--to", str(file))

    assert result.exit_code == 5
    assert result.stderr.startswith("statsig-export: there is no ledger yet")
    assert Scrape(file.read_text()).up == 0


@pytest.mark.fault("F502")
def test_without_the_extra_it_says_what_to_install(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    home.write()
    for name in [*sys.modules]:
        if name.startswith(("prometheus_client", "statsig_export.metrics")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    result = home.verb("metrics")

    assert result.exit_code == 2
    assert "pip install 'statsig-export[metrics]'" in result.stderr


@pytest.mark.parametrize("words", [["--serve", ":9464"], ["--serve", "x"], ["--serve", "1.2.3.4:99999"]])
def test_an_address_that_is_none_is_a_wrong_command_line(home: ExportHome, words: list[str]):
    home.write()
    result = home.verb("metrics", *words)

    assert result.exit_code == 2
    assert "is no port" in result.stderr


@pytest.mark.fault("F503")
def test_a_taken_port_and_two_ways_at_once_are_refused(home: ExportHome):
    home.write()
    with serving(registry_of(home.config, lambda _: None), "127.0.0.1", 0) as server:
        taken = home.verb("metrics", "--serve", str(server.server_port))
    both = home.verb("metrics", "--serve", "0", "--to", "a.prom")

    assert (taken.exit_code, both.exit_code) == (2, 2)
    assert "cannot be served on (Address already in use)" in taken.stderr


@pytest.mark.fault("F503")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_reader_that_leaves_early_or_says_nothing_leaves_no_traceback(
    home: ExportHome, host: str, capfd: pytest.CaptureFixture[str]
):
    with serving(registry_of(home.config, lambda _: None), host, 0) as server, answering(server):
        for request in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""):
            with closing(http.client.HTTPConnection(host, server.server_port)) as leaving:
                leaving.connect()
                leaving.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
                leaving.sock.sendall(request)
        with closing(http.client.HTTPConnection(host, server.server_port)) as staying:
            staying.request("GET", "/metrics")
            assert staying.getresponse().status == 200

    assert capfd.readouterr().err == ""


@pytest.mark.fault("F503")
def test_a_connection_that_says_nothing_is_closed(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    assert 0 < metrics_server._Handler.timeout <= 10
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.05)
    with (
        serving(registry_of(home.config, lambda _: None), "127.0.0.1", 0) as server,
        answering(server),
        socket.create_connection(server.server_address[:2], timeout=10) as silent,
    ):
        assert silent.recv(1) == b""


@pytest.mark.fault("F503")
def test_scrapes_that_come_together_read_the_ledger_once(home: ExportHome):
    home.export()
    told: list[Exception | None] = []
    registry = registry_of(home.config, told.append, fresh=60)
    first, second = of_registry(registry), of_registry(registry)

    assert told == [None]
    assert first.text == second.text


@contextmanager
def answering(server: WSGIServer) -> Iterator[None]:
    """In another thread."""
    over = threading.Event()
    thread = threading.Thread(target=answer_until, args=(server, over.is_set))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def get(port: int) -> tuple[int, Scrape]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/metrics")
        answered = connection.getresponse()
        return answered.status, Scrape(answered.read().decode())


@pytest.mark.fault("F500", "F503")
def test_a_server_outlives_its_ledger_tells_once_what_is_wrong_and_ends_when_it_is_told(home: ExportHome):
    home.add([custom_event(key) for key in range(3)])
    home.export()
    home.ship()
    path = home.write()
    command = [sys.executable, "-m", "statsig_export", "--config", str(path), "metrics", "--serve", "0"]
    environ = {**os.environ, "LEDGER": home.ledger_url, "PYTHONUNBUFFERED": "1"}  # neither the source nor the webhook
    served = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        port = int(served.stdout.readline().partition("127.0.0.1:")[2].partition("/")[0])
        status, scrape = get(port)
        assert (status, scrape.up, scrape.sum("forwarded_events_total")) == (200, 1, 3)
        (home.folder / "ledger.db").rename(home.folder / "elsewhere.db")
        answers = [get(port)]
        while answers[-1][1].up:  # it gives an answer of the last second again
            answers.append(get(port))
        assert answers[-1][0] == 200
        served.send_signal(signal.SIGTERM)
        _, errors = served.communicate(timeout=20)
    finally:
        served.kill()
        served.wait()

    assert served.returncode == 0
    assert "Traceback" not in errors
    assert errors.count("there is no ledger yet") == 1
