import copy
import multiprocessing
import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from statsig_export.config import Config, load_config, parse_config
from statsig_export.errors import ConfigError
from statsig_export.vocabulary import Category

CANARY = "https://webhooks.fivetran.com/webhooks/canary_endpoint"


def parsed(document: dict[str, object], **environ: str) -> Config:
    return parse_config(document, folder=Path("/srv/export"), environ=environ)


def message(document: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as caught:
        parsed(document)
    return str(caught.value)


@pytest.mark.fault("F70")
@pytest.mark.fault("F672")
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"webhok": {}}, "unknown key webhok (did you mean webhook?)"),
        ({"webhook": {"max_event": 5}}, "unknown key webhook.max_event (did you mean max_events?)"),
        ({"webhook": {"parallel": 5}}, "unknown key webhook.parallel (known are auth, "),
        ({"source": {"exposures": {"xyz": "x"}}}, "unknown key source.exposures.xyz (known are "),
        ({"filter": {"exposures": {"gates": True}}}, "unknown key filter.exposures.gates (did you mean gate?)"),
        ({"source": {"exposures": {"schem": "x"}}}, "unknown key source.exposures.schem (did you mean schema?)"),
        ({"source": {"layout": "nativ"}}, "source.layout: Input should be 'native'"),
        ({"windows": {"settle": "5 minutes"}}, "windows.settle: a duration is a number and a unit"),
        ({"windows": {"start": "2026-11-01T07:30:00Z"}}, "must be the beginning of a UTC day"),
        ({"webhook": {"auth": {"method": "hmac"}}}, 'auth method "hmac" needs a secret'),
        ({"webhook": {"auth": {"method": "token", "secret": "env:T"}}}, "needs the header"),
        ({"webhook": {"max_events": 0}}, "webhook.max_events: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_key_or_value_is_one_error_that_names_it(document: dict[str, object], said: str):
    assert said in message(document)


@pytest.mark.parametrize(
    "document",
    [
        {"webhook": {"url": CANARY}},
        {"webhook": {"auth": {"method": "token", "header": "X", "secret": "canary"}}},
        {"source": {"url": "postgresql://reader:canary@db/app"}},
        {"ledger": {"url": "postgresql://writer:canary@db/app"}},
    ],
)
def test_a_literal_secret_is_an_error_that_does_not_repeat_it(document: dict[str, object]):
    said = message(document)

    assert "secret" in said
    assert "env:NAME" in said
    assert "canary" not in said


@pytest.mark.fault("F48")
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.org/canary", "plain http"),
        ("https://user:canary@example.org/", r"credentials before the host. use \[webhook\] auth"),
        ("ftp://example.org/canary", "does not hold an https"),
        ("canary", "does not hold an https"),
        ("https://[canary/", "does not hold a URL"),
    ],
)
def test_a_url_that_cannot_be_a_webhook_is_refused_without_showing_it(url: str, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        parsed({}, FIVETRAN_WEBHOOK_URL=url).webhook_url()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://x.example/w", "http://127.0.0.1:8787/w", "http://localhost/w", "http://[::1]:1/w"]
)
def test_https_and_plain_http_on_loopback_are_taken(url: str):
    assert parsed({}, FIVETRAN_WEBHOOK_URL=url).webhook_url() == url


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(ConfigError, match="FIVETRAN_WEBHOOK_URL is not set"):
        parsed({}).webhook_url()


@pytest.mark.fault("F71")
def test_no_representation_of_a_configuration_holds_a_secret():
    config = parsed({}, FIVETRAN_WEBHOOK_URL=CANARY, STATSIG_DATABASE_URL="postgresql://u:canary@db/app")

    for text in (repr(config), str(config), config.model_dump_json(), repr(config.source_url())):
        assert "canary" not in text


def test_relative_paths_start_in_the_configurations_folder():
    config = parsed({})

    assert config.storage_url() == "/srv/export/.statsig_export/events"
    assert config.ledger_url().database == "/srv/export/.statsig_export/ledger.db"
    assert parsed({"storage": {"url": "s3://bucket/events"}}).storage_url() == "s3://bucket/events"


def test_a_bare_postgresql_url_is_read_with_psycopg_3(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")

    assert parsed({}, STATSIG_DATABASE_URL="postgresql://db/app").source_url().drivername == "postgresql+psycopg"
    assert "psycopg" in caplog.text


def test_durations_and_times_are_read_as_utc():
    windows = parsed({"windows": {"settle": "90s", "lookback": "2d", "start": datetime(2026, 11, 2)}}).windows

    assert windows.settle == timedelta(seconds=90)
    assert windows.lookback == timedelta(days=2)
    assert windows.start == datetime(2026, 11, 2, tzinfo=UTC)


def test_exposures_are_switched_as_a_whole_or_by_type():
    off = parsed({"filter": {"exposures": False}}).filter
    by_type = parsed({"filter": {"exposures": {"gate": False}}}).filter

    assert not any(off.exposure_switches().values())
    assert [c for c, on in by_type.exposure_switches().items() if not on] == [Category.GATE_EXPOSURE]
    assert Category.GATE_EXPOSURE not in by_type.enabled_categories()
    assert off.enabled_categories() == (Category.CONFIG_CHANGE, Category.CUSTOM_EVENT)


def test_another_filter_changes_what_it_names_and_leaves_all_else_as_it_is():
    config = parsed(
        {
            "filter": {
                "exposures": {"layer": False},
                "custom_events": {"include_new_by_default": False, "events": {"page_view": True}},
            }
        },
        FIVETRAN_WEBHOOK_URL=CANARY,
    )

    changed = config.with_filter(exposures={"gate": False}, custom_events={"events": {"ping": False}})

    assert changed.filter.exposures.model_dump() == {"gate": False, "experiment": True, "config": True, "layer": False}
    assert changed.filter.custom_events.events == {"page_view": True, "ping": False}
    assert not changed.filter.custom_events.include_new_by_default
    assert config.filter.custom_events.events == {"page_view": True}
    assert (changed.webhook_url(), changed.storage_url()) == (CANARY, config.storage_url())
    assert changed.filter_fingerprint() != config.filter_fingerprint()
    assert config.with_filter() == config
    assert not any(config.with_filter(exposures=False).filter.exposure_switches().values())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exposure": False}, "unknown key filter.exposure (did you mean exposures?)"),
        ({"exposures": {"gates": False}}, "unknown key filter.exposures.gates (did you mean gate?)"),
        ({"custom_events": {"events": {"ping": "perhaps"}}}, "filter.custom_events.events.ping: Input should be a"),
    ],
)
def test_another_filter_is_checked_as_the_file_is(changes: dict[str, object], said: str):
    with pytest.raises(ConfigError, match=re.escape(said)):
        parsed({}).with_filter(**changes)


def test_the_fingerprint_changes_with_any_setting_and_with_no_secret():
    assert parsed({}).fingerprint() == parsed({}, FIVETRAN_WEBHOOK_URL=CANARY).fingerprint()
    assert parsed({}).fingerprint() != parsed({"webhook": {"max_events": 7}}).fingerprint()
    assert parsed({}).filter_fingerprint() == parsed({"webhook": {"max_events": 7}}).filter_fingerprint()


@pytest.mark.fault("F672")
def test_the_file_is_named_by_argument_then_by_environment(tmp_path: Path):
    named, other = tmp_path / "named.toml", tmp_path / "other.toml"
    named.write_text('[webhook]\nname = "named"\n')
    other.write_text('[webhook]\nname = "other"\n')

    assert load_config(named, {"STATSIG_EXPORT_CONFIG": str(other)}).webhook.name == "named"
    assert load_config(None, {"STATSIG_EXPORT_CONFIG": str(other)}).webhook.name == "other"
    with pytest.raises(ConfigError, match=r"no configuration at .* --config or STATSIG_EXPORT_CONFIG"):
        load_config(tmp_path / "none.toml", {})


def test_a_file_that_is_no_toml_is_an_error_with_its_line(tmp_path: Path):
    path = tmp_path / "export.toml"
    path.write_text("[webhook]\nname = \n")

    with pytest.raises(ConfigError, match=r"export\.toml is not valid TOML.*line 2"):
        load_config(path, {})


def test_the_template_is_a_valid_configuration_and_the_one_in_this_folder():
    root = Path(__file__).parents[2]
    template = root / "statsig_export" / "export_template.toml"

    assert load_config(template, {}).webhook.auth.method == "hmac"
    assert template.read_text() == (root / "export.toml").read_text()


def ledger_database(config: Config) -> str | None:
    """Runs in another process."""
    return config.ledger_url().database


@pytest.mark.fault("F259")
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_configuration_holds_no_environment_and_takes_that_of_the_process_that_loads_it(
    protocol: int, monkeypatch: pytest.MonkeyPatch
):
    config = parsed({"ledger": {"url": "env:LEDGER"}}, LEDGER="sqlite:////first.db", OTHER=CANARY)
    written = pickle.dumps(config, protocol)
    monkeypatch.setenv("LEDGER", "sqlite:////second.db")
    loaded = pickle.loads(written)  # noqa: S301  our own

    assert b"canary" not in written
    assert b"first.db" not in written
    assert (loaded.ledger_url().database, loaded.fingerprint()) == ("/second.db", config.fingerprint())
    assert loaded.storage_url() == config.storage_url()
    assert loaded.with_filter(exposures=False).ledger_url().database == "/second.db"


@pytest.mark.fault("F259")
def test_a_configuration_of_the_processs_own_environment_is_pickled_and_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    (tmp_path / "export.toml").write_text("[windows]")
    config = load_config(tmp_path / "export.toml")
    written = pickle.dumps(config)

    assert b"canary" not in written
    assert pickle.loads(written) == config  # noqa: S301  our own
    assert pickle.loads(pickle.dumps(Config())) == Config()  # noqa: S301  likewise


@pytest.mark.fault("F259")
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, Config.model_copy, lambda c: c.model_copy(deep=True)])
def test_a_copy_of_a_configuration_looks_its_variables_up_where_the_original_does(copied):
    environ = {"LEDGER": "sqlite:////first.db"}
    config = parse_config({"ledger": {"url": "env:LEDGER"}}, folder=Path("/srv"), environ=environ)
    other = copied({"of": config} if copied is copy.deepcopy else config)
    other = other["of"] if isinstance(other, dict) else other
    environ["LEDGER"] = "sqlite:////second.db"

    assert other == config
    assert other.ledger_url().database == "/second.db"


@pytest.mark.fault("F259")
def test_a_configuration_goes_to_a_process_that_is_spawned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LEDGER", "sqlite:////spawned.db")
    config = parsed({"ledger": {"url": "env:LEDGER"}}, LEDGER="sqlite:////first.db")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(ledger_database, (config,)) == "/spawned.db"


@pytest.mark.fault("F260")
@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Content_Length", "TRANSFER-ENCODING", "Connection", "keep-alive", "TE", "Upgrade"),
        *("webhook-id", "Webhook_Id", "webhook-timestamp", "Proxy-Connection", "Content-Type", "Expect", ":authority"),
    ],
)
@pytest.mark.parametrize("method", ["token", "hmac"])
def test_a_token_cannot_take_the_place_of_a_header_that_every_request_has(name: str, method: str):
    assert "header" in message({"webhook": {"auth": {"method": method, "secret": "env:T", "header": name}}})
