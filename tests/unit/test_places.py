"""What may stand in export.toml for a place and for a variable."""

from pathlib import Path

import pytest

from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError

FOLDER = Path("/srv/export")


def parsed(table: str, key: str, value: str, **environ: str) -> Config:
    return parse_config({table: {key: value}}, folder=FOLDER, environ=environ)


def _resolved(config: Config, key: str) -> str | None:
    return config.webhook_ca_bundle() if key == "ca_bundle" else config.storage_url()


def refusal(table: str, key: str, value: str) -> str:
    """What is said of the value, whether it is written out or held by a variable."""
    for written, environ in ((value, {}), ("env:PLACE", {"PLACE": value})):
        with pytest.raises(ConfigError) as caught:
            _resolved(parsed(table, key, written, **environ), key)
        assert f"{table}.{key}" in str(caught.value)
        if environ:
            assert "the variable PLACE" in str(caught.value)
    return str(caught.value)


@pytest.mark.fault("F277")
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file:events", "a URL has ://"),
        ("s3:bucket/events", "a URL has ://"),
        ("s3:/bucket/events", "a URL has ://"),
        (r"C:\data\events", "a path of Windows"),
        ("C:/data/events", "a path of Windows"),
        (r"\\server\share", "a path of Windows"),
        (r"data\events", "a path of Windows"),
        ("file://events", "takes a whole path"),
        ("local://events", "takes a whole path"),
        ("https://host/events", "cannot be written to https://"),
        ("  ", "it is empty"),
        ("events ", "has blanks around it"),
        ("s3://bucket/events\n", "blanks around it"),
        ("eve\0nts", "control character"),
        ("/srv/${STAGE}/events", "a variable stands alone"),
        ("/srv/$STAGE/events", "a variable stands alone"),
        ("~nobody-of-this-name/events", "the whole path"),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused_written_out_or_by_a_variable(place: str, said: str):
    assert said in refusal("storage", "url", place)
    if "://" not in place:
        assert said in refusal("webhook", "ca_bundle", place)


@pytest.mark.fault("F277")
def test_what_a_variable_holds_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        parsed("storage", "url", "env:PLACE", PLACE="s3:canary").storage_url()

    assert "canary" not in str(caught.value)


@pytest.mark.fault("F277")
@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("env:PLACE", "/mnt/events"),
        ("~/events", "/home/somebody/events"),
        ("./a:b", "/srv/export/a:b"),
        ("./~", "/srv/export/~"),
        ("über uns/events", "/srv/export/über uns/events"),
        ("cost$/events", "/srv/export/cost$/events"),
        ("file:///srv/events", "file:///srv/events"),
        ("simplecache::s3://bucket/events", "simplecache::s3://bucket/events"),
    ],
)
def test_a_place_is_taken_as_it_is_meant(place: str, path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/somebody")

    assert parsed("storage", "url", place, PLACE="/mnt/events").storage_url() == path


@pytest.mark.fault("F277")
@pytest.mark.parametrize("database", [r"C:\data\events.db", "C:/data/events.db"])
@pytest.mark.parametrize("table", ["source", "ledger"])
def test_the_file_of_a_database_is_held_to_the_same(table: str, database: str):
    config = parsed(table, "url", f"sqlite:///{database}")

    with pytest.raises(ConfigError, match=rf"{table}.url: this is"):
        config.ledger_url() if table == "ledger" else config.source_url()


@pytest.mark.fault("F277")
def test_the_home_folder_of_a_database_is_expanded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/somebody")

    assert parsed("ledger", "url", "sqlite:///~/ledger.db").ledger_url().database == "/home/somebody/ledger.db"
    assert parsed("source", "url", "env:DB", DB="sqlite:///~/s.db").source_url().database == "/home/somebody/s.db"


@pytest.mark.fault("F277")
def test_the_ca_bundle_may_be_named_by_a_variable(tmp_path: Path):
    (tmp_path / "ca.pem").write_text("none")

    with pytest.raises(ConfigError, match=f"{tmp_path}/ca.pem holds no certificate"):
        parsed("webhook", "ca_bundle", "env:CA", CA=str(tmp_path / "ca.pem")).webhook_ca_bundle()


@pytest.mark.fault("F278")
@pytest.mark.parametrize(
    ("table", "key"),
    [("source", "url"), ("ledger", "url"), ("storage", "url"), ("webhook", "url"), ("webhook", "ca_bundle")],
)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("env:my-db-url", "has a dash"),
        ("env: DB", "has a blank"),
        ("env:DB ", "has a blank"),
        ("env:", "needs the name"),
        ("env:1DB", "no digit first"),
        ("env:$DB", "letters, digits and underscores"),
        ("ENV:DB", "is written env:NAME"),
        (" env:DB", "is written env:NAME"),
        ("env.DB", "is written env:NAME"),
        ("$DB", "is written env:NAME"),
        ("${DB}", "is written env:NAME"),
        ("%DB%", "is written env:NAME"),
    ],
)
def test_the_name_of_a_variable_that_is_none_is_refused_with_its_reason(table: str, key: str, value: str, said: str):
    with pytest.raises(ConfigError, match=f"{table}.{key}: .*{said}"):
        parsed(table, key, value, DB="set")
