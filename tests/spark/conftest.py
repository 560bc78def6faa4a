import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from gateway import Gateway, gateway
from spark_server import missing, spark_server

sys.path.append(str(Path(__file__).parents[1] / "databases"))  # their rows and columns


@pytest.fixture(scope="session")
def databricks_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    why = missing()
    if why is not None and os.environ.get("STATSIG_EXPORT_SPARK") != "required":
        pytest.skip(why)
    assert why is None, why
    folder = tmp_path_factory.mktemp("spark")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with spark_server(folder) as port, gateway(port, context, folder / "ca.pem") as made:
        yield made


@pytest.fixture
def databricks(databricks_of_the_session: Gateway) -> Gateway:
    """With a schema `events`, empty."""
    databricks_of_the_session.run("DROP DATABASE IF EXISTS events CASCADE", "CREATE DATABASE events")
    databricks_of_the_session.forget()
    return databricks_of_the_session
