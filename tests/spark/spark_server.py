"""Spark's own Thrift server, out of the package `pyspark`: a Java process on a port of loopback, its files in a folder.

`make spark` makes its environment. Its sessions are in New York, as a server may be whose owner thought of nobody else.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 240
TOOLS = Path(__file__).parents[2] / ".tools" / "spark"
_OPENED = (
    *(f"java.base/java.{name}" for name in ("io", "lang", "lang.invoke", "lang.reflect", "net", "nio", "util")),
    *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic")),
    *(f"java.base/sun.{name}" for name in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
)
"""What Spark's own scripts open to it on Java 17."""


def missing() -> str | None:
    """What keeps it from running here, as a sentence."""
    if shutil.which("java") is None:
        return "there is no java (Debian, Ubuntu: apt-get install openjdk-17-jre-headless)"
    return None if _jars() is not None else f"there is no pyspark in {TOOLS}: `make spark` makes it"


@contextmanager
def spark_server(folder: Path) -> Iterator[int]:
    """The port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    log = folder / "server.log"
    with log.open("w") as said:
        process = subprocess.Popen(_command(port, folder), cwd=folder, env=_environ(), stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Spark did not start: {log.read_text()[-2_000:]}")
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait()


def _jars() -> Path | None:
    return next(TOOLS.glob("lib/python*/site-packages/pyspark/jars"), None)


def _environ() -> dict[str, str]:
    """Nothing of a Spark that the user has."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "HIVE_", "HADOOP_"))}


def _command(port: int, folder: Path) -> list[str]:
    spark = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:memory:metastore;create=true",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
    }
    server = {
        "hive.server2.transport.mode": "http",
        "hive.server2.thrift.bind.host": "127.0.0.1",
        "hive.server2.thrift.http.port": str(port),
        "hive.server2.thrift.http.path": "cliservice",
    }
    java = ["java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
    java += [f"-Djava.io.tmpdir={folder}", f"-Dderby.system.home={folder}"]
    java += [f"--add-opens={module}=ALL-UNNAMED" for module in _OPENED]
    submit = ["-cp", f"{_jars()}/*", "org.apache.spark.deploy.SparkSubmit", "--master", "local[1]"]
    submit += [word for item in spark.items() for word in ("--conf", "=".join(item))]
    submit += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2", "spark-internal"]
    return [*java, *submit, *(word for item in server.items() for word in ("--hiveconf", "=".join(item)))]


def _listens(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
