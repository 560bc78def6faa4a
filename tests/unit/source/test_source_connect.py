"""[source.connect]: what the driver is given beside the URL, and that no secret of it is shown."""

from pathlib import Path

import pytest
from source_databases import source_at

from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError, SourceError


def configured(folder: Path, environ: dict[str, str] | None = None, **connect: object) -> Config:
    return parse_config({"source": {"connect": connect}}, folder=folder, environ=environ or {})


@pytest.mark.fault("F210")
def test_secrets_are_looked_up_and_files_found_beside_the_configuration(tmp_path: Path):
    (tmp_path / "key.p8").touch()
    given = {
        "private_key_file": "key.p8",
        "private_key_file_pwd": "env:PHRASE",
        "login_timeout": 20,
        "sslrootcert": "system",
        "session_parameters": {"QUERY_TAG": "statsig-export"},
        "ssl": {"key": "key.p8"},
    }
    config = configured(tmp_path, {"PHRASE": "hunter2"}, **given)

    assert config.source_arguments() == {
        **given,
        "private_key_file": f"{tmp_path}/key.p8",
        "private_key_file_pwd": "hunter2",
        "ssl": {"key": f"{tmp_path}/key.p8"},
    }
    assert "hunter2" not in repr(config) + config.fingerprint()


@pytest.mark.fault("F210")
@pytest.mark.parametrize("name", ["password", "private_key", "token", "private_key_file_pwd", "motherduck_token"])
def test_a_secret_that_is_written_out_is_refused_without_it(tmp_path: Path, name: str):
    with pytest.raises(ConfigError, match=f"{name} holds a secret.*env:NAME") as raised:
        configured(tmp_path, **{name: "hunter2"})
    assert "hunter2" not in str(raised.value)


@pytest.mark.fault("F210")
def test_a_variable_that_is_not_set_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="the environment variable PHRASE is not set"):
        configured(tmp_path, password="env:PHRASE").source_arguments()


@pytest.mark.fault("F210")
@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "mysql+pymysql", "postgresql"])
def test_an_argument_that_the_driver_does_not_take_is_named_as_the_configurations_fault(tmp_path: Path, kind: str):
    file = tmp_path / "events.db"
    if kind == "duckdb":
        import duckdb  # noqa: PLC0415 - one case of four

        duckdb.connect(str(file)).close()
    else:
        file.touch()
    url = f"{kind}:///{file}" if kind in {"sqlite", "duckdb"} else f"{kind}://ada@127.0.0.1:1/events"
    with (
        pytest.raises(ConfigError, match=r"source\.connect: the driver does not take.* no_such_thing"),
        source_at(url, connect={"no_such_thing": "1"}) as source,
    ):
        source.check_schema(source.tables[0])


@pytest.mark.fault("F339")
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://ada@127.0.0.1:1/events?sslmod=require&connect_timeout=1", "does not take sslmod,"),
        ("postgresql://ada@127.0.0.1:1/events?sslmode=requir", "does not take sslmode, or not with this value"),
        ("postgresql://ada@127.0.0.1:1/events?connect_timeout=soon", "does not take connect_timeout,"),
        ("postgresql://ada@127.0.0.1:1/events?currentSchema=a", "currentSchema.*schema = "),
        ("mysql://ada@127.0.0.1:1/events?useSSL=true", "does not take useSSL,"),
        ("mysql://ada@127.0.0.1:1/events?charset=utf9", "does not take charset,"),
    ],
)
def test_a_parameter_of_the_url_that_the_driver_does_not_take_is_named(url: str, says: str):
    told = pytest.raises(ConfigError, match=rf"source\.url: the driver .*{says}")
    with source_at(url) as source, told:
        source.check_schema(source.tables[0])


@pytest.mark.fault("F211")
def test_what_snowflakes_dialect_refuses_in_a_url_belongs_in_the_table():
    with pytest.raises(ConfigError, match=r"private_key_file.*belongs in \[source.connect\]"):
        source_at("snowflake://ada@account/db/schema?private_key_file=/run/key.p8")


@pytest.mark.fault("F211")
def test_a_key_that_is_not_there_is_told_before_snowflake_is_asked():
    sign_in = {"private_key_file": "/nowhere/key.p8", "authenticator": "SNOWFLAKE_JWT"}
    told = pytest.raises(SourceError, match=r"251007 .*\[source.connect\]: a file that is not there")
    with source_at("snowflake://ada@account/db/schema", connect=sign_in) as source, told as raised:
        source.check_schema(source.tables[0])
    assert "key.p8" not in raised.value.message
