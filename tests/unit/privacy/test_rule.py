"""The rule by itself: which member it drops, keeps and hashes, and which of several paths decides."""

import hashlib
import hmac
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from statsig_export.config import Config, parse_config
from statsig_export.errors import ConfigError
from statsig_export.privacy.hashing import hashed
from statsig_export.privacy.paths import parse_path
from statsig_export.privacy.presets import PRESETS
from statsig_export.privacy.rule import Rule

KEY = "0123456789abcdef0123456789abcdef"


def config_of(environ: dict[str, str] | None = None, **privacy: Any) -> Config:  # noqa: ANN401
    found = {"KEY": KEY} if environ is None else environ
    return parse_config({"privacy": privacy}, folder=Path("/nowhere"), environ=found)


def rule_of(**privacy: Any) -> Rule:  # noqa: ANN401
    rule = config_of(hash_key="env:KEY", **privacy).privacy_rule()
    assert rule is not None
    return rule


def refused(environ: dict[str, str] | None = None, **privacy: Any) -> str:  # noqa: ANN401
    with pytest.raises(ConfigError) as error:
        config_of(environ, **privacy).privacy_rule()
    return str(error.value)


def test_a_digest_is_hmac_sha_256_in_hexadecimal_of_the_text_in_utf_8():
    assert hashed("é@x", KEY.encode()) == hmac.new(KEY.encode(), "é@x".encode(), hashlib.sha256).hexdigest()
    assert hashed(" É@X ", KEY.encode(), "trim_lower") == hashed("é@x", KEY.encode())
    assert hashed(" É@X ", KEY.encode(), "lower") == hashed(" é@x ", KEY.encode())
    assert hashed("", KEY.encode()) == hashed("  ", KEY.encode(), "trim_lower") == ""


def test_an_id_is_told_as_events_hold_it():
    rule = rule_of(hash=["userID", "user.customIDs.company*"], drop=["user.customIDs.deviceID"])

    assert rule.stored_id("userID", "u") == hashed("u", KEY.encode())
    assert rule.stored_id("companyID", "c") == hashed("c", KEY.encode())
    assert rule.stored_id("deviceID", "d") is None
    assert rule.stored_id("stableID", "s") == "s"
    assert rule_of(keep_user=["country"]).stored_id("userID", "u") is None
    assert rule_of(keep_user=["*.x"]).stored_id("userID", "u") is None
    assert rule_of(drop=["user"]).stored_id("userID", "u") is None
    assert rule_of(hash=["user.userID"]).stored_id("userID", "") == ""


@pytest.mark.fault("F426")
@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("email", "did you mean user.email?"),
        ("usr.email", "did you mean user.email?"),
        ("User.email", "did you mean user.email?"),
        ("stableID", "did you mean user.customIDs.stableID?"),
        ("customIDs.*", "did you mean user.customIDs.*?"),
        ("user.Email", 'did you mean user.email? If a row really has Email, write user."Email"'),
        ("user.user_agent", "did you mean user.userAgent?"),
        ("user.customIds.*", "did you mean user.customIDs.*?"),
        ("statsigMetadata.sessionId", "did you mean statsigMetadata.sessionID?"),
        ("statsig_metadata.x", "did you mean statsigMetadata.x?"),
        ("*.email", "paths begin with user, userID, value, metadata or statsigMetadata"),
        ("eventName", "every event needs eventName"),
        ("time", "every event needs time"),
        ("timestamp", "every event needs timestamp"),
        ("timeUUID", "every event needs timeUUID"),
        ("unitID", "every event needs unitID"),
        ("metadata.gateValue", "it says what an exposure is of"),
        ("user.privateAttributes.x", "never leaves in any case"),
        ("userID.x", "userID is one text"),
        ("user.userID.x", "userID is one text"),
        ("user.", "a name is missing at its end"),
        ("", "a name is missing at its end"),
        ("user..email", "a name is missing at character 6"),
        ('user."email', "the quoted name at character 6 does not end"),
        ('user."email"x', "a dot is expected"),
        ("user. email", "blanks around a name"),
        (".".join(["user", *"a" * 40]), "at most 32 steps"),
    ],
)
def test_a_path_that_can_never_match_is_refused_with_what_was_perhaps_meant(path: str, meant: str):
    assert meant in refused(drop=[path])
    assert meant in refused(hash=[path], hash_key="env:KEY")


def test_keep_user_speaks_of_the_inside_of_the_user():
    assert "did you mean email?" in refused(keep_user=["user.email"])
    assert "did you mean customIDs?" in refused(keep_user=["custom_ids"])
    assert "userID is one text" in refused(keep_user=["userID.x"])


@pytest.mark.fault("F427")
def test_a_key_is_named_never_written_long_enough_and_never_shown():
    short, long = "k" * 31, "k" * 40
    literal = refused(hash=["userID"], hash_key=long)
    assert "name the environment variable" in literal
    assert "hashing needs a key" in refused(hash=["userID"])
    assert "hashing needs a key" in refused(preset="strict")
    assert "is not set" in refused(hash=["userID"], hash_key="env:NOTHING")
    for text, words in ((short, "fewer than 32 bytes"), (f" {long}", "begins or ends with"), (f'"{long}"', "quotes")):
        message = refused({"KEY": text}, hash=["userID"], hash_key="env:KEY")
        assert words in message
        assert "kkk" not in message
    assert long not in literal
    rule = rule_of(hash=["userID"])
    assert KEY not in repr(rule) + repr(vars(config_of(hash=["userID"], hash_key="env:KEY")))


def test_what_privacy_says_is_named_without_its_key_and_an_empty_one_changes_no_fingerprint():
    nothing, dropping = config_of(), config_of(drop=["user.ip"])

    assert nothing.privacy_rule() is None
    assert nothing.privacy_fingerprint() is None
    assert config_of({}, hash=["userID"], hash_key="env:KEY").privacy_fingerprint()
    assert parse_config({}, folder=Path("/nowhere"), environ={}).fingerprint() == nothing.fingerprint()
    assert dropping.fingerprint() != nothing.fingerprint()
    assert dropping.privacy_fingerprint() != config_of(drop=["user.email"]).privacy_fingerprint()
    assert rule_of(hash=["userID"]).key_check != _other_key().key_check


def _other_key() -> Rule:
    rule = config_of({"KEY": KEY[::-1]}, hash=["userID"], hash_key="env:KEY").privacy_rule()
    assert rule is not None
    return rule


@pytest.mark.parametrize("path", ["user.custom.a*", 'user."a.b".*', r'metadata."say \"x\\y\""', "value", 'user."a*"'])
def test_a_path_is_written_as_it_was_read(path: str):
    assert ".".join(map(str, parse_path(path))) == path


def test_the_page_on_personal_data_shows_the_preset_as_it_is_and_an_example_that_is_read():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "personal-data.md").read_text(encoding="utf-8")
    example, preset = (tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL))

    key = {"STATSIG_EXPORT_HASH_KEY": KEY}
    shown = config_of(key, **preset["privacy"]).privacy
    assert (shown.drop, tuple(each.path for each in shown.hash), shown.keep_user) == PRESETS["strict"]
    assert config_of(key, **example["privacy"]).privacy_rule()


@pytest.mark.parametrize(
    ("pattern", "keys", "others"),
    [
        ("*", ["", "a", "a\n"], []),
        ("phone*", ["phone", "phone1"], ["a phone", "Phone"]),
        ("*mail*", ["mail", "e-mail 2"], ["mai l"]),
        ("a*a", ["aa", "aba", "aaa"], ["a", "ab"]),
        ("a*bc*c", ["abcc", "axbcxc"], ["abc", "acbc"]),
        ("*a" * 20 + "*b", ["a" * 20 + "b"], ["a" * 100_000]),
    ],
)
def test_a_star_is_any_part_of_a_key_and_takes_no_time(pattern: str, keys: list[str], others: list[str]):
    (step,) = parse_path(pattern)

    assert all(map(step.matches, keys))
    assert not any(map(step.matches, others))


def test_misspelled_keys_of_the_section_are_told():
    assert "did you mean hash?" in refused(hashes=["userID"])
    assert "did you mean normalize?" in refused(hash=[{"path": "userID", "normalise": "lower"}], hash_key="env:KEY")
    assert "'none', 'lower' or 'trim_lower'" in refused(hash=[{"path": "userID", "normalize": "l"}], hash_key="env:KEY")
