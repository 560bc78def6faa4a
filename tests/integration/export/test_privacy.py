"""What turning [privacy] on, changing it or its key does to what was exported before: nothing but what is said."""

import json
from pathlib import Path

import pytest
from home import ExportHome
from rows import custom_event, exported_event, exposure, first_exposure
from statsig_tables import Laid

import statsig_export
from statsig_export.config import load_config
from statsig_export.errors import PartitionFileError
from statsig_export.export.plan import plan
from statsig_export.export.repair import CHANGED, repair
from statsig_export.ledger.privacy import rules_of
from statsig_export.ledger.records import PrivacyRecord
from statsig_export.ledger.tables import SCHEMA_VERSION
from statsig_export.ledger.transactions import ledger_to_read
from statsig_export.maintenance.verify import verify
from statsig_export.testing.webhook.receiver import Receiver

KEY = "0123456789abcdef0123456789abcdef"
RANGE = ["--from", "2026-11-20", "--to", "2026-11-21"]
PRIVACY = {"drop": ["user.email"], "hash": ["userID"], "hash_key": "env:HASH_KEY"}


def with_privacy(home: ExportHome | Laid, **changes: object) -> None:
    home.environ["HASH_KEY"] = KEY
    home.set("privacy", **{**PRIVACY, **changes})


def rule_of_run(home: ExportHome, run: str) -> PrivacyRecord | None:
    with ledger_to_read(home.config) as ledger:
        assert ledger is not None
        with ledger.database.read() as connection:
            return rules_of(connection, SCHEMA_VERSION, [run]).get(run)


def ids(home: ExportHome | Laid) -> list[str]:
    return sorted(event["timeUUID"] for event in home.receiver.events())


@pytest.mark.fault("F431")
def test_the_same_rows_have_the_same_ids_with_and_without_privacy(tmp_path: Path):
    found = []
    for privacy in (False, True):
        folder = tmp_path / str(privacy)
        folder.mkdir()
        with Receiver(strict_delivery=True) as own:
            home = ExportHome(folder, own)
            home.add([custom_event(1), custom_event(2, time_uuid="own")], [exposure(3)])
            laid = Laid(folder, own, f"sqlite:///{folder}/keyless.db", "cloud_exports")
            laid.set("webhook", name="keyless")
            laid.create("sqlite")
            laid.add("events", [exported_event(), exported_event()])
            laid.add("exposures", [first_exposure()])
            for each in (home, laid):
                if privacy:
                    with_privacy(each)
                each.export()
                each.ship()
            found.append(ids(home))

    assert found[0] == found[1]
    assert len(found[0]) == len(set(found[0])) == 6


@pytest.mark.fault("F431")
def test_turning_privacy_on_sends_nothing_again_and_late_rows_under_it(any_home: ExportHome):
    home = any_home
    home.add([custom_event(1), custom_event(2)])
    first = home.export()
    home.ship()
    before = verify(home.config)

    with_privacy(home)
    assert plan(home.config, home.window()).to_send == 0
    again = home.export()
    assert (again.account.pending, home.ship().sent) == (0, 0)
    home.add([custom_event(3)])
    late = home.export()
    home.ship()

    emails = [event["user"].get("email") for event in home.receiver.events()]
    assert emails == ["user-1@example.org", "user-2@example.org", None]
    assert [len(event["userID"]) for event in home.receiver.events()] == [6, 6, 64]
    assert (first.privacy_fingerprint, late.privacy_fingerprint) == (None, home.config.privacy_fingerprint())
    assert verify(home.config).differences == before.differences == ()
    assert rule_of_run(home, first.run_id) is None
    record = rule_of_run(home, late.run_id)
    assert record is not None
    assert record.fingerprint == late.privacy_fingerprint
    assert (record.rule["drop"], record.rule["hash_key"]) == (["user.email"], "env:HASH_KEY")
    assert KEY not in repr(record)


def test_a_rotated_key_gives_other_digests_and_is_told_apart_in_the_record(home: ExportHome):
    with_privacy(home)
    home.add([custom_event(1)])
    first = home.export()
    home.ship()
    home.environ["HASH_KEY"] = KEY[::-1]
    home.add([custom_event(2, user_id="user-1")])
    second = home.export()
    home.ship()

    digests = [event["userID"] for event in home.receiver.events()]
    assert len(set(digests)) == 2
    old, new = rule_of_run(home, first.run_id), rule_of_run(home, second.run_id)
    assert old is not None
    assert new is not None
    assert old.fingerprint == new.fingerprint
    assert old.key_check != new.key_check
    home.write()
    late = home.receiver.events()[1]["timeUUID"]
    assert statsig_export.trace(home.config, late).events[0].export.privacy == new
    shown = home.verb("trace", late).output
    assert f"privacy {new.fingerprint} with the key" in shown


@pytest.mark.fault("F432")
def test_a_lost_file_from_before_privacy_is_not_written_again_in_the_clear_nor_redacted(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    (file,) = (home.folder / "files" / "events").rglob("*.parquet")
    file.unlink()

    with_privacy(home)
    report = repair(home.config)
    assert report.repaired == ()
    assert list(report.left.values()) == [f"cannot be read: it is gone, {CHANGED}"]
    assert not file.exists()
    with pytest.raises(PartitionFileError):
        home.export()

    home.settings.pop("privacy")
    assert len(repair(home.config).repaired) == 1


def test_plan_names_the_paths_that_matched_nothing_in_what_would_be_sent(home: ExportHome):
    with_privacy(home, drop=["user.email", "metadata.phone*", "user.custom.*"])
    home.add([custom_event(1)])
    home.write()

    shown = home.verb("plan", *RANGE)
    assert (
        "Paths of [privacy] that matched nothing in what would be sent: metadata.phone*, user.custom.*." in shown.stderr
    )
    assert json.loads(home.verb("plan", *RANGE, "--json").stdout)["unmatched_paths"] == [
        "metadata.phone*",
        "user.custom.*",
    ]
    home.export()
    assert "matched nothing" not in home.verb("plan", *RANGE).stderr  # nothing would be sent


@pytest.mark.fault("F427")
def test_without_its_key_nothing_is_exported_and_what_was_is_still_shipped(home: ExportHome):
    with_privacy(home)
    home.add([custom_event(1)])
    home.export()
    home.add([custom_event(2)])
    del home.environ["HASH_KEY"]
    home.write()

    for words in (["run", *RANGE], ["plan", *RANGE]):
        failed = home.verb(*words)
        assert failed.exit_code == 2
        assert "the environment variable HASH_KEY is not set" in failed.stderr
    assert home.verb("ship").exit_code == 0
    assert home.verb("status").exit_code == 0
    assert len(home.receiver.events()) == 1


@pytest.mark.fault("F436")
def test_what_was_exported_before_privacy_and_is_sent_after_it_is_told_by_every_verb_that_sends(any_home: ExportHome):
    home = any_home
    home.add([custom_event(1), custom_event(2)])
    home.export()
    home.write()
    assert "[privacy]" not in home.verb("status").output
    with_privacy(home)
    home.add([custom_event(3)])
    home.export()
    home.write()

    told = "2 pending events were exported before [privacy] was turned on or changed"
    for words in (["plan", *RANGE], ["status", "--json"], ["ship"]):
        assert told in home.verb(*words).stderr, words
    assert "[privacy]" not in home.verb("status").output
    assert "2 events of these windows were exported before [privacy]" in home.verb("replay", *RANGE).stderr
    with_privacy(home, drop=["user.ip"])
    home.write()
    assert "3 events of these windows" in home.verb("replay", *RANGE, "--dry-run").stderr
    home.set("webhook", name="another")
    home.write()
    assert "[privacy]" not in home.verb("run", *RANGE).output


@pytest.mark.fault("F437")
def test_writing_the_configuration_anew_keeps_privacy(home: ExportHome):
    keyed = {"path": "user.email", "normalize": "lower"}
    with_privacy(home, preset="strict", drop=['metadata."a.b\\""'], hash=["userID", keyed], keep_user=[])
    home.add([custom_event(1)])
    before = home.config.privacy
    home.write()

    said = home.verb("init", "--force", STATSIG_DATABASE_URL=home.source_url)
    assert said.exit_code == 0, said.output
    assert "[privacy] of the file that was there is kept" in said.stderr
    assert load_config(home.config_path).privacy == before
