"""`[alerts]` as export.toml has it: each error names the setting as it is written there, and says what fits it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from statsig_export.alerts.senders import senders_of
from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError

ENVIRON = {
    "HOOK": "https://hooks.example/canary",
    "SIGNED": "https://user:canary@hooks.example/x",
    "PASSWORD": "canary",
    "BUNDLE": "gone.pem",
}
EMAIL = {"host": "smtp.example.com", "sender": "a@example.com", "to": ["b@example.com"]}


def parsed(folder: Path, **alerts: object) -> Config:
    return parse_config({"alerts": alerts}, folder=folder, environ=ENVIRON)


@pytest.mark.fault("F645")
@pytest.mark.parametrize("bundle", ["gone.pem", "env:BUNDLE", "env:NOT_SET"])
@pytest.mark.parametrize(
    ("name", "receiver"),
    [("slack", {"url": "env:HOOK"}), ("webhook", {"url": "env:HOOK"}), ("email", EMAIL)],
    ids=["slack", "webhook", "email"],
)
def test_a_ca_bundle_is_named_as_the_file_has_it(
    tmp_path: Path, name: str, receiver: Mapping[str, object], bundle: str
):
    config = parsed(tmp_path, **{name: {**receiver, "ca_bundle": bundle}})

    with pytest.raises(ConfigError) as caught:
        senders_of(config)
    assert str(caught.value).startswith(
        "the environment variable NOT_SET" if bundle == "env:NOT_SET" else f"alerts.{name}.ca_bundle: the CA bundle"
    )


@pytest.mark.fault("F646")
@pytest.mark.parametrize(
    ("name", "advice"),
    [("slack", "Slack's URL is all it takes"), ("webhook", r"\[alerts.webhook\] secret signs what is sent")],
)
def test_a_receivers_url_with_user_and_password_is_refused_with_what_fits_it(tmp_path: Path, name: str, advice: str):
    with pytest.raises(
        ConfigError, match=f"SIGNED holds credentials before the host. leave them out: {advice}"
    ) as caught:
        senders_of(parsed(tmp_path, **{name: {"url": "env:SIGNED"}}))
    assert "canary" not in str(caught.value)
    assert "[webhook] auth" not in str(caught.value)


@pytest.mark.fault("F646")
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:canary@dagster.example", "this holds credentials before the host. leave them out: it stands in"),
        ("", "this is empty"),
        ("dagster.example", "this does not hold an https"),
        ("https://dagster.example/?canary", "this holds a URL with a query"),
    ],
    ids=["credentials", "empty", "no URL", "a query"],
)
def test_a_link_to_dagster_that_can_be_none_is_named_as_the_file_has_it(tmp_path: Path, url: str, said: str):
    with pytest.raises(ConfigError) as caught:
        parsed(tmp_path, slack={"url": "env:HOOK"}, dagster_url=url)
    assert f"alerts.dagster_url: {said}" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.fault("F646")
def test_a_link_to_dagster_may_be_plain_http_since_nothing_is_sent_there(tmp_path: Path):
    settings = parsed(tmp_path, slack={"url": "env:HOOK"}, dagster_url="http://dagster.internal:3000/")

    assert settings.alert_settings().dagster_url == "http://dagster.internal:3000"
