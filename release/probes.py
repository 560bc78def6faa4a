"""What an installation with one extra can do, tried from inside it: `python -I release/probes.py EXTRA`.

Run as a file by the environment's own Python, in an empty folder: it imports what the wheel has installed there.
Without EXTRA it tries what the wheel does by itself. Nothing leaves the machine.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

VERBS = Path(sysconfig.get_path("scripts")) / "statsig-export"
EVENTS = 300
CONFIG = """\
[source]
url = "env:STATSIG_DATABASE_URL"
[windows]
start = "{start:%Y-%m-%dT00:00:00Z}"
[webhook]
url = "env:FIVETRAN_WEBHOOK_URL"
{more}
"""


def by_itself() -> None:
    """Without an extra: a run from a SQLite source to a webhook, its account, and no heavy guest."""
    brought = [name for name in ("dagster", "psycopg", "matplotlib", "s3fs") if find_spec(name)]
    assert not brought, f"the wheel by itself brings {brought}"
    exported()
    refused = verb("demo", expect=2)
    assert "statsig-export[dagster]" in refused.stderr, refused.stderr


def dagster() -> None:
    """The demo, and the code location that `init` writes."""
    verb("demo", "--home", "a demo", "--events", str(EVENTS))
    exported()
    Path("export.toml").unlink()
    verb("init", "--layout", "native")
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    run(command, os.environ)


def database(url: str, reader: str = "SqlDatabase") -> None:
    """The driver is imported, the dialect made and the database known, by what reads a source."""
    read = import_module("statsig_export.database_urls").read_url(url, "source.url", lambda name: Path(name).absolute())
    backend = import_module("statsig_export.source.backends.known").backend_of(read.get_backend_name())
    opened = import_module("statsig_export.source.readers.factory").open_reader(read)
    assert type(opened).__name__ == reader, type(opened).__name__
    assert backend.extra, url


def bigquery() -> None:
    """As the others, but its client looks for credentials at once: it finds none, by way of the driver."""
    errors = import_module("statsig_export.errors")
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/nowhere.json"
    try:
        database("bigquery://project/events")
    except errors.SourceError as error:
        assert "no driver" not in str(error), error  # noqa: PT017  no test


def duckdb() -> None:
    """A file of its own, read."""
    import_module("duckdb").connect("events.duckdb").execute("CREATE TABLE exposures (id BIGINT)").close()
    database("duckdb:///events.duckdb", "DuckDbDatabase")


def lake(form: str) -> None:
    """A table that the format's own library lays down, read by its log."""
    arrow, pyarrow = import_module(f"statsig_export.source.lakes.{form}"), import_module("pyarrow")
    folder = Path(form).absolute()
    if form == "delta":
        import_module("deltalake").write_deltalake(str(folder), pyarrow.table({"id": [1]}))
    else:
        assert arrow.IcebergLake, form
        return
    files = import_module("statsig_export.source.files").SourceFiles("files", str(folder), {})
    opened = import_module("statsig_export.source.readers.factory").open_files({"exposures": files})
    assert [column.name for column in opened.columns("exposures", None)] == ["id"], form


def storage(url: str, client: str) -> None:
    """The client is imported, and takes the URL and the timeouts."""
    filesystem, _ = import_module("statsig_export.storage.opening").open_filesystem(url)
    assert type(filesystem).__module__.partition(".")[0] == client, type(filesystem)


def gcs() -> None:
    os.environ["FSSPEC_GCS_TOKEN"] = os.environ["FSSPEC_GS_TOKEN"] = "anon"  # noqa: S105  look for none of the machine
    storage("gs://bucket/events", "gcsfs")


def azure() -> None:
    os.environ |= {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_STORAGE_ANON": "true"}
    storage("abfs://container/events", "adlfs")


def notebook() -> None:
    """The notebook on what was exported, cell by cell in IPython, which the kernel is made of."""
    os.environ |= {**exported(), "MPLBACKEND": "agg", "STATSIG_EXPORT_CONFIG": str(Path("export.toml").absolute())}
    verb("notebook", "explore_export")
    import_module("ipykernel")
    shell = import_module("IPython.core.interactiveshell").InteractiveShell.instance()
    for cell in json.loads(Path("explore_export.ipynb").read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            shell.run_cell("".join(cell["source"])).raise_error()


def openlineage() -> None:
    """The events of a run, in the file that the official client was told of."""
    told = Path("openlineage.jsonl").absolute()
    os.environ |= {
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(told),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    exported("[lineage]\nopenlineage = true")
    assert {json.loads(line)["eventType"] for line in told.read_text("utf-8").splitlines()} == {"START", "COMPLETE"}


def fivetran() -> None:
    """It goes with the Dagster that is installed; a connection's table is an asset, and nobody was asked."""
    path = Path("export.toml")
    more = (
        '[arrivals]\nurl = "sqlite:///landed.db"\nschema = "statsig"\ntable = "statsig_events"\nconnection = "some_id"'
    )
    path.write_text(CONFIG.format(start=datetime.now(UTC), more=more), encoding="utf-8")
    joined = import_module("statsig_export.dagster.fivetran")
    (key,) = joined.landed_table_asset(path).keys
    assert key.path == ["statsig", "statsig_events"], key
    joined.joined_translator(path)


def metrics() -> None:
    """The state of a run, for node_exporter."""
    exported()
    verb("metrics", "--to", "export.prom")
    assert 'statsig_export_up{destination="fivetran"} 1.0' in Path("export.prom").read_text("utf-8")


def otel() -> None:
    """The spans of a run, at a collector."""
    sent: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
        exported("[traces]\nopentelemetry = true")
        server.shutdown()
    assert b"export_window" in b"".join(sent)


PROBES: Mapping[str, Callable[[], None]] = {
    "": by_itself,
    "dagster": dagster,
    "fivetran": fivetran,
    "postgres": lambda: database("postgresql://127.0.0.1:1/events"),
    "fast": lambda: database("postgresql://127.0.0.1:1/events", "AdbcDatabase"),
    "duckdb": duckdb,
    "delta": lambda: lake("delta"),
    "iceberg": lambda: lake("iceberg"),
    "mysql": lambda: database("mysql://127.0.0.1:1/events"),
    "snowflake": lambda: database("snowflake://user:secret@account/events/public"),
    "bigquery": bigquery,
    "redshift": lambda: database("redshift://127.0.0.1:1/events"),
    "trino": lambda: database("trino://reader@127.0.0.1:1/events"),
    "athena": lambda: database("awsathena+rest://@athena.eu-west-1.amazonaws.com/events?s3_staging_dir=s3://bucket/"),
    "databricks": lambda: database(
        "databricks://token:secret@127.0.0.1?http_path=/sql&catalog=c&schema=s", "DatabricksDatabase"
    ),
    "clickhouse": lambda: database("clickhouse://127.0.0.1:1/events", "ClickHouseDatabase"),
    "s3": lambda: storage("s3://bucket/events", "s3fs"),
    "gcs": gcs,
    "azure": azure,
    "notebook": notebook,
    "openlineage": openlineage,
    "metrics": metrics,
    "otel": otel,
}


def exported(more: str = "") -> dict[str, str]:
    """A run over a sample in SQLite, whose account balances; the variables of its configuration."""
    create_engine = import_module("sqlalchemy").create_engine
    create_sample = import_module("statsig_export.testing.sample.sample").create_sample
    receiver = import_module("statsig_export.testing.webhook.receiver").Receiver
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    source = f"sqlite:///{Path('source.db').absolute()}"
    engine = create_engine(source)
    create_sample(engine, events=EVENTS, start=start, days=2)
    engine.dispose()
    Path("export.toml").write_text(CONFIG.format(start=start, more=more), encoding="utf-8")
    with receiver() as webhook:
        environ = {"STATSIG_DATABASE_URL": source, "FIVETRAN_WEBHOOK_URL": webhook.url}
        verb("run", "--last", "2d", environ=environ)
        status = json.loads(verb("status", "--json", environ=environ).stdout)
        assert webhook.events(), status
    verb("verify", environ=environ)
    return environ


def verb(*words: str, environ: Mapping[str, str] | None = None, expect: int = 0) -> "subprocess.CompletedProcess[str]":
    return run([str(VERBS), *words], {**os.environ, **(environ or {})}, expect)


def run(command: list[str], environ: Mapping[str, str], expect: int = 0) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  our own programs
    assert done.returncode == expect, f"{command[1:]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


if __name__ == "__main__":
    PROBES[sys.argv[1] if len(sys.argv) > 1 else ""]()
