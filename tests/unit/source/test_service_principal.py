"""How Databricks is signed in to, and whom it asks first."""

import socket
from contextlib import closing

import pytest
from sqlalchemy import make_url

from statsig_export.errors import ConfigError, SourceError
from statsig_export.source.readers.factory import open_reader
from statsig_export.source.service_principal import Tokens, as_principal

WAREHOUSE = "http_path=/sql/1.0/warehouses/1&catalog=c&schema=s"


@pytest.mark.fault("F532")
@pytest.mark.parametrize(
    ("url", "arguments", "says"),
    [
        (f"databricks://host?{WAREHOUSE}", {}, "neither says how to sign in"),
        (f"databricks://token@host?{WAREHOUSE}", {"oauth_client_id": "only"}, "neither says how to sign in"),
        ("databricks://token:hunter2@host?catalog=c", {}, "it has no http_path"),
    ],
)
def test_where_the_driver_would_wait_for_a_person_in_a_browser_it_is_refused(
    url: str, arguments: dict[str, str], says: str
):
    with pytest.raises(ConfigError, match=says) as raised:
        open_reader(make_url(url), arguments)
    assert "hunter2" not in f"{raised.value} {raised.value.hint}"


@pytest.mark.fault("F532")
@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        (f"databricks://token:dapi@host?{WAREHOUSE}", {}),
        (f"databricks://host?{WAREHOUSE}", {"access_token": "dapi"}),
        (f"databricks://host?{WAREHOUSE}", {"auth_type": "databricks-oauth"}),
        (f"databricks://host?{WAREHOUSE}", {"oauth_client_id": "c", "oauth_client_secret": "s"}),
    ],
)
def test_a_token_a_service_principal_and_a_way_that_is_named_are_taken(url: str, arguments: dict[str, str]):
    with closing(open_reader(make_url(url), arguments)) as reader:
        assert reader.reader == "databricks"


def test_a_service_principal_becomes_what_the_driver_takes_and_its_secret_is_no_argument():
    given = {"oauth_client_id": "c", "oauth_client_secret": "s", "_port": 8443}
    arguments = as_principal(make_url("databricks://host"), given)
    assert isinstance(arguments.pop("credentials_provider"), Tokens)
    assert arguments == {"_port": 8443}
    assert as_principal(make_url("databricks://host"), {**given, "use_kernel": True}) == {**given, "use_kernel": True}


@pytest.mark.fault("F535")
def test_a_host_where_nobody_listens_is_told_at_once_and_the_urls_port_is_the_one():
    """The driver alone asks for a quarter of an hour, at port 443."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = make_url(f"databricks://token:dapi@127.0.0.1:{port}?{WAREHOUSE}")
    with closing(open_reader(url)) as reader, pytest.raises(SourceError, match=f"ECONNREFUSED .*:{port}"):
        list(reader.chunks("SELECT 1", 10))
