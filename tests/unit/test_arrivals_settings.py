"""`[arrivals]` of export.toml, as far as it names a connection in Fivetran."""

from pathlib import Path

import pytest

from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError

TABLE: dict[str, object] = {"url": "env:WAREHOUSE", "table": "statsig_events"}


def parsed(**settings: object) -> Config:
    return parse_config({"arrivals": {**TABLE, **settings}}, folder=Path("/"), environ=ENVIRON)


ENVIRON = {"FIVETRAN_API_KEY": "key", "FIVETRAN_API_SECRET": "hush ", "OTHER": "other"}


@pytest.mark.fault("F408")
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"api_key": "abcdef"}, r"arrivals.api_key: this holds a secret"),
        ({"connection": "a/../b"}, r"arrivals.connection: String should match pattern"),
        ({"api_url": "http://api.fivetran.com"}, r"arrivals.api_url: .* plain http:// URL"),
        ({"api_url": "https://user:hush@gateway"}, r"arrivals.api_url: .* the host. leave them out: keys have"),
        ({"api_url": ""}, r"arrivals.api_url: this is empty"),
        ({"sync_after_shipment": True}, r'arrivals: name the connection too: connection = "its id"'),
        ({"asset_key": "a/b"}, r"arrivals: name the connection too"),
        ({"connection": "a", "asset_key": "a//b"}, r'arrivals.asset_key: an asset key is "schema/table"'),
        ({"connection": "a", "asset_key": ["a", ""]}, r'arrivals.asset_key: an asset key is "schema/table"'),
        ({"connection": "a", "asset_key": 5}, r"arrivals.asset_key: Input should be a valid tuple"),
        (
            {"connection": "a", "sync_after_shipment": "no"},
            r"arrivals.sync_after_shipment: Input should be a valid bool",
        ),
        ({"connection": "a", "keep_schedule": True}, r"arrivals: keep_schedule is for sync_after_shipment"),
        ({"conection": "a"}, r"unknown key arrivals.conection \(did you mean connection\?\)"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(settings: dict[str, object], why: str):
    with pytest.raises(ConfigError, match=why) as error:
        parsed(**settings)
    assert not {"abcdef", "hush"} & set(str(error.value).replace(":", " ").split())


@pytest.mark.fault("F408")
def test_the_keys_are_looked_up_when_they_are_used_and_checked_as_the_others_are():
    config = parsed(connection="speak_inexpensive", asset_key="warehouse/events")

    assert config.arrivals_settings().asset_key == ("warehouse", "events")
    with pytest.raises(ConfigError, match="FIVETRAN_API_SECRET begins or ends with a blank"):
        config.fivetran_api_keys()
    with pytest.raises(ConfigError, match="the environment variable GONE is not set"):
        parsed(connection="a", api_key="env:GONE", api_secret="env:OTHER").fivetran_api_keys()
    assert parsed(api_secret="env:OTHER").fivetran_api_keys() == ("key", "other")
    assert config.fingerprint() == Config().model_copy(update={"arrivals": None}).fingerprint()
