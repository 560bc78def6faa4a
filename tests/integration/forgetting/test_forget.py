"""Forgetting a person: nothing of theirs is left, and everything else is as it was, is sent and can be proven."""

import hashlib
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from home import DAY, ExportHome
from old_windows import CUSTOM, GATE, QUICK, count, files, lived, moment, next_day
from rows import custom_event, exposure
from sqlalchemy import Engine

import statsig_export
import statsig_export.forgetting.forget as forgetting_people
import statsig_export.lineage.trace as tracing
from statsig_export.crashpoints import CrashPoint
from statsig_export.errors import ConfigError, PartitionFileError, StorageError
from statsig_export.export import exporter
from statsig_export.export.export import export_window
from statsig_export.export.plan import plan
from statsig_export.export.repair import repair
from statsig_export.forgetting.forget import forget, forgotten_units
from statsig_export.forgetting.reports import ForgetReport, SentEvent
from statsig_export.forgetting.rewriting import changed_batches
from statsig_export.ledger.forgetting import Rows
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.queries import partition_ids
from statsig_export.ledger.replays import plan_replays
from statsig_export.ledger.tables import replaced_files, tombstones
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.prune import prune
from statsig_export.maintenance.verify import verify
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import status
from statsig_export.testing.webhook.faults import Action, Rule, Stage, answer
from statsig_export.vocabulary import Category


def forgotten(home: ExportHome, *ids: str, unit_type: str = "userID", **options: object) -> ForgetReport:
    report = forget(home.config, [(unit_type, identity) for identity in ids], **options)
    assert verify(home.config).differences == ()
    return report


def users(home: ExportHome) -> Counter[str]:
    return Counter(statsig_export.read_events(home.config)["user_id"])


def received(home: ExportHome) -> Counter[str]:
    return Counter(event["userID"] for event in home.receiver.events())


def holds(folder: Path, text: str) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.fault("F445")
def test_a_person_is_taken_out_of_every_file_and_the_account_stays_true(any_home: ExportHome):
    before = lived(any_home).account()
    left = Counter({user: times for user, times in users(any_home).items() if user != "user-1"})
    old = {path.name for path in files(any_home, "events")}
    report = forgotten(any_home, "user-1")

    assert users(any_home) == left
    assert report.partitions == (CUSTOM, GATE)
    assert (report.people, report.events, report.delivered, report.perhaps_delivered) == (1, 2, 2, 0)
    assert (report.files, report.removed_files, report.complete) == (2, 2, True)
    now = any_home.account()
    assert (now.events, now.forgotten, now.forwarded) == (before.events, 2, before.forwarded - 2)
    assert now.balances
    assert report.account == now
    assert len({path.name for path in files(any_home, "events")} - old) == 2
    assert count(any_home, replaced_files) == [0]
    assert forgotten(any_home, "user-1").events == 0


def test_what_is_left_of_its_batches_is_sent_again_under_ids_of_their_own(any_home: ExportHome):
    lived(any_home)
    forgotten(any_home, "user-1", "user-7", *(f"user-{key}" for key in range(17, 25)))
    left = users(any_home)
    any_home.receiver.play([])
    before = len(any_home.receiver.requests)
    report = replay(any_home.config, [CUSTOM, GATE])
    again = Counter(event["userID"] for one in any_home.receiver.requests[before:] for event in one.events)

    assert (report.failed, report.pending) == (0, 0)
    del left["user-3"]  # it failed in delivery
    assert again == left
    ids = {request.webhook_id: request.sha256 for request in any_home.receiver.requests}
    assert len(set(ids.values())) == len(ids)
    assert verify(any_home.config).differences == ()


def test_every_earlier_request_is_found_under_the_id_that_it_had(home: ExportHome):
    lived(home)
    bore = {(one.webhook_id, one.attempt) for one in home.receiver.requests}
    kept = next(event for event in home.receiver.events() if event["userID"] == "user-2")
    forgotten(home, "user-1")

    frame = statsig_export.deliveries(home.config)
    assert set(zip(frame["batch_id"], frame["attempt"], strict=True)) == bore
    event = statsig_export.trace(home.config, kept["timeUUID"]).events[0]
    assert [attempt.sent_as for attempt in event.attempts if attempt.batch == event.batches[0].number] != [None]


@pytest.mark.fault("F446")
def test_a_batch_of_unknown_result_is_taken_from_nobody_and_sent_on_without_them(any_home: ExportHome):
    any_home.set("webhook", max_events=4, concurrency=1)
    any_home.add([custom_event(key) for key in range(1, 9)])
    any_home.export()
    any_home.receiver.play([Rule(actions=[Action(reset=Stage.PROCESSING)])])
    ship(any_home.config, policy=QUICK)
    sent: list[SentEvent] = []
    report = forget(any_home.config, [("userID", "user-2")], on_sent=sent.extend)

    assert (report.events, report.delivered, report.perhaps_delivered) == (1, 0, 1)
    assert [(event.delivered, event.category, event.window) for event in sent] == [(False, "custom_event", DAY)]
    assert sent[0].first_sent <= sent[0].last_sent <= datetime.now(UTC)
    assert verify(any_home.config).differences == ()
    any_home.receiver.play([])
    before = len(any_home.receiver.requests)
    ship(any_home.config, now=True)
    after = [event["userID"] for one in any_home.receiver.requests[before:] for event in one.events]
    assert sorted(after) == [f"user-{key}" for key in (1, 3, 4, 5, 6, 7, 8)]
    assert any_home.account().pending == 0
    assert verify(any_home.config).differences == ()


def test_what_was_never_sent_is_not_sent_and_is_not_among_what_was(home: ExportHome):
    home.set("webhook", max_events=2)
    home.add([custom_event(key, user_id="gone" if key < 4 else "stays") for key in range(1, 8)])
    home.export()
    sent: list[SentEvent] = []
    report = forgotten(home, "gone", on_sent=sent.extend)
    home.ship()

    assert (report.events, report.delivered, report.perhaps_delivered, sent) == (3, 0, 0, [])
    assert received(home) == {"stays": 4}
    assert (home.account().forwarded, home.account().forgotten, home.account().pending) == (4, 3, 0)
    assert verify(home.config).differences == ()


@pytest.mark.fault("F447")
def test_no_later_export_brings_a_person_back(any_home: ExportHome):
    lived(any_home)
    forgotten(any_home, "user-1", "user-5")
    left = users(any_home)
    any_home.add(
        [custom_event(301, user_id="user-5"), custom_event(302, user_id="new")], [exposure(303, user_id="user-1")]
    )
    to_come = plan(any_home.config, any_home.window())
    report = any_home.export()

    assert (to_come.to_send, to_come.account.forgotten) == (1, 5)
    assert report.account.forgotten == 5  # three that were taken out, two that came late
    assert users(any_home) == left + Counter({"new": 1})
    assert (any_home.account().forgotten, any_home.account().balances) == (5, True)
    next_day(any_home)
    any_home.add([custom_event(400, user_id="user-1", ingested_at=datetime(2026, 11, 21, 10))])
    assert any_home.export("2026-11-21").account.forgotten == 1
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F447")
def test_an_export_that_began_before_somebody_was_forgotten_plans_nothing_of_them(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(1, 6)])
    told: list[int] = []

    def forget_meanwhile(_: int) -> None:
        if not told:
            told.append(1)
            forget(any_home.config, [("userID", "user-3")])

    report = export_window(any_home.config, any_home.window(), on_progress=forget_meanwhile)
    assert (report.account.pending, report.account.forgotten) == (4, 1)
    any_home.add([custom_event(key) for key in range(6, 9)])
    told.clear()

    def forget_another(_: int) -> None:
        if not told:
            told.append(1)
            forget(any_home.config, [("userID", "user-4")])

    export_window(any_home.config, any_home.window(), on_progress=forget_another)
    assert sorted(users(any_home)) == [f"user-{key}" for key in (1, 2, 5, 6, 7, 8)]
    assert (any_home.account().events, any_home.account().forgotten) == (8, 2)
    assert len(files(any_home, "events")) == len(statsig_export.partition_files(any_home.config))
    assert verify(any_home.config).differences == ()


@pytest.mark.parametrize(("spelled", "identity"), [('"acme"', "acme"), ("42.0", "42"), ('"a\\u0063me"', "acme")])
def test_a_custom_id_is_found_in_the_json_however_it_is_written(home: ExportHome, spelled: str, identity: str):
    home.add([custom_event(1), custom_event(2), custom_event(3, user={"customIDs": {"other": "acme"}})])
    home.add([custom_event(4, user={"custom": {"companyID": "acme"}}), custom_event(5, user={"customIDs": ["acme"]})])
    text = f'{{"customIDs":{{"x":null,"company\\u0049D":{spelled}}}}}'

    def write(engine: Engine) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql('UPDATE custom_events SET "user" = ? WHERE id = 1', (text,))

    home.on_source(write)
    home.export()
    report = forgotten(home, identity, unit_type="company_id")

    assert report.events == 1
    assert sorted(users(home)) == [f"user-{key}" for key in (2, 3, 4, 5)]
    assert home.export().account.forgotten == 1


def test_a_stable_id_is_found_where_sdks_write_it(home: ExportHome):
    home.add(
        [
            custom_event(1, statsig_metadata={"stableID": "s-1"}),
            custom_event(2, user={"customIDs": {"stableID": "s-1"}}),
        ]
    )
    home.add([custom_event(3, statsig_metadata={"stableID": "s-2"})])
    home.export()
    assert forgotten(home, "s-1", unit_type="stableID").events == 2
    assert home.export().account.forgotten == 2


def test_neither_another_persons_mention_nor_the_address_is_the_person(home: ExportHome):
    home.add([custom_event(1, user_id="1"), custom_event(2, metadata={"friend": "1"}), custom_event(3, user_id="01")])
    home.export()
    assert forgotten(home, "1", "user-2@example.org").events == 1


@pytest.mark.fault("F448")
def test_the_id_is_in_no_file_that_is_left(home: ExportHome):
    canary = "canary-7f3a@person.example"
    home.set("webhook", max_events=3)
    home.add(
        [
            custom_event(key, user_id=canary if key == 2 else f"u-{key}", user={"email": canary} if key == 2 else {})
            for key in range(1, 9)
        ]
    )
    home.export()
    home.ship()
    (home.folder / "source.db").unlink()
    (home.folder / "files" / "x").mkdir()
    result = home.write() and home.verb("forget", "--user-id", canary, "--sent", str(home.folder / "sent.csv"))

    assert result.exit_code == 0, result.output
    assert canary not in result.output
    assert holds(home.folder, canary) == []
    left = [pq.read_table(path).to_pylist() for path in files(home)]  # which are compressed
    assert len(left[0]) == 7
    assert canary not in str(left)
    assert count(home, tombstones) == [1]
    assert [(unit.unit_type, unit.ids, unit.unfinished) for unit in forgotten_units(home.config)] == [("userid", 1, 0)]


def test_a_dry_run_says_what_would_be_and_changes_nothing(home: ExportHome):
    lived(home)
    with ledger_of(home.config):
        pass
    before = {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file() and "-" not in path.suffix}
    sent: list[SentEvent] = []
    report = forget(home.config, [("userID", "user-1"), ("userID", "nobody")], dry_run=True, on_sent=sent.extend)

    assert (report.people, report.events, report.delivered, report.partitions) == (2, 2, 2, (CUSTOM, GATE))
    assert (report.remembered, report.files, report.removed_files) == (False, 0, 0)
    assert {path: path.read_bytes() for path in before} == before
    real = forgotten(home, "user-1")
    assert (real.events, real.delivered) == (report.events, report.delivered)


def test_nobody_is_forgotten_without_an_id(home: ExportHome):
    home.add([custom_event(1, user_id=""), custom_event(2)])
    home.export()
    with pytest.raises(ConfigError, match="an id to forget is empty"):
        forget(home.config, [("userID", "user-2"), ("userID", "")])

    assert len(users(home)) == 2
    assert forgotten_units(home.config) == []


@pytest.mark.fault("F449")
def test_a_partition_that_a_shipper_holds_is_left_to_it_and_done_by_the_next_run(any_home: ExportHome):
    lived(any_home)
    with ledger_of(any_home.config) as ledger, ledger.database.read() as connection:
        ids = [
            row[0] for row in connection.exec_driver_sql("SELECT id FROM partitions WHERE category = 'custom_event'")
        ]
    with ledger_of(any_home.config) as ledger:
        locks = open_locks(ledger.database.engine)
        assert locks.acquire(lock_name(ids[0]))
        report = forgotten(any_home, "user-1")
        locks.close()

    assert (report.busy, report.partitions, report.complete) == ((CUSTOM,), (GATE,), False)
    assert forgotten_units(any_home.config)[0].unfinished == 1
    rest = forget(any_home.config)
    assert (rest.people, rest.events, rest.partitions, rest.complete) == (0, 1, (CUSTOM,), True)
    assert "user-1" not in users(any_home)
    assert forgotten_units(any_home.config)[0].unfinished == 0


@pytest.mark.fault("F450")
def test_a_damaged_file_keeps_its_own_partition_alone(home: ExportHome):
    lived(home)
    lost = files(home, "events/category=custom_event")[0]
    kept = lost.read_bytes()
    lost.write_bytes(kept[:-9] + b"x" + kept[-8:])
    report = forget(home.config, [("userID", "user-1")])

    assert list(report.unreadable) == [str(lost.relative_to(home.folder / "files"))]
    assert (report.partitions, report.complete) == ((GATE,), False)
    lost.write_bytes(kept)
    assert forget(home.config).partitions == (CUSTOM,)
    assert verify(home.config).differences == ()


def test_who_reads_while_somebody_is_taken_out_is_told_to_read_again(home: ExportHome):
    home.add([custom_event(1)], [exposure(2), exposure(3)])
    home.export()
    frames = statsig_export.event_chunks(home.config, rows=1)
    next(frames)
    forgotten(home, "user-2")
    with pytest.raises(PartitionFileError, match=r"written again without somebody who is forgotten.*read again"):
        next(frames)
    assert len(users(home)) == 2


def test_a_trace_that_meets_a_file_that_is_replaced_searches_again(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    home.add([custom_event(key, time_uuid=f"id-{key}") for key in range(1, 4)])
    home.export()
    listed = tracing.event_files

    def forget_then(*args: object, **options: object) -> object:
        found = listed(*args, **options)
        forget(home.config, [("userID", "user-2")])
        return found

    monkeypatch.setattr(tracing, "event_files", forget_then)
    assert statsig_export.trace(home.config, "id-3").found


def test_a_storage_that_is_not_there_is_one_error(home: ExportHome):
    lived(home)
    (home.folder / "files").rename(home.folder / "away")
    with pytest.raises(StorageError):
        forget(home.config, [("userID", "user-1")])
    (home.folder / "away").rename(home.folder / "files")
    assert forget(home.config).events == 2


def test_a_file_without_somebody_is_written_again_from_the_source_when_it_is_lost(home: ExportHome):
    lived(home)
    forgotten(home, "user-1")
    for path in files(home, "events"):
        path.unlink()
    (home.folder / "files" / "events").mkdir(exist_ok=True)
    assert repair(home.config).left == {}
    assert verify(home.config).differences == ()
    assert "user-1" not in users(home)


def test_an_old_file_that_another_destination_has_too_is_kept_for_it(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 6)])
    home.export()
    home.set("webhook", name="second")
    home.export()
    report = forgotten(home, "user-2")

    assert (report.removed_files, report.shared_files, report.other_destinations) == (0, 1, ("fivetran",))
    assert "user-2" not in users(home)
    home.set("webhook", name="fivetran")
    assert len(users(home)) == 5
    assert forgotten(home, "user-2").removed_files == 1
    assert len(files(home, "events")) == 1


def test_a_prune_of_what_somebody_was_taken_out_of_keeps_the_account(any_home: ExportHome):
    lived(any_home)
    forgotten(any_home, "user-1", "user-7")
    before = any_home.account()
    report = prune(any_home.config, moment("2026-11-21"), datetime(2027, 1, 5, tzinfo=UTC))

    assert report.account == any_home.account() == before
    assert before.forgotten == 3
    assert files(any_home) == []
    assert forgotten(any_home, "user-2").events == 0


def test_status_and_json_say_how_many_are_forgotten(home: ExportHome):
    lived(home)
    home.write()
    assert "Forgotten" not in home.verb("status").stdout
    forgotten(home, "user-1")
    shown = home.verb("status", "--from", DAY, "--to", "2026-11-21").stdout
    assert "Forgotten" in shown
    assert '"forgotten": 2' in home.verb("status", "--json").stdout
    assert [line.account.forgotten for line in status(home.config) if line.account.forgotten] == [1, 1]


@pytest.mark.fault("F456")
def test_all_spellings_that_are_hashed_as_one_are_forgotten_as_one(home: ExportHome):
    ids = [{"path": path, "normalize": "trim_lower"} for path in ("userID", "user.customIDs.*")]
    home.environ["KEY"] = "0123456789abcdef0123456789abcdef"
    home.set("privacy", hash=ids, hash_key="env:KEY")
    spelled = [("Ada", "Acme"), ("ada ", "ACME"), ("ada", "other"), ("eve", "acme")]
    users = [{"userID": user, "customIDs": {"companyID": company}} for user, company in spelled]
    home.add([custom_event(key, user_id=user["userID"], user=user) for key, user in enumerate(users, 1)])
    home.export()

    assert forgotten(home, "ADA").events == 3
    assert forgotten(home, "aCMe", unit_type="company_id").events == 1
    home.add([custom_event(5, user_id="aDa", user={"userID": "aDa"})])
    home.export()
    assert (home.account().forgotten, home.account().pending) == (5, 0)


@pytest.mark.fault("F449")
def test_a_replay_that_is_planned_while_the_files_are_written_again_goes_without_the_person(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    home.add([custom_event(key) for key in range(1, 6)])
    home.export()
    home.ship()
    with ledger_of(home.config) as ledger:
        mine = partition_ids(ledger.database, home.config.webhook.name, [(Category.CUSTOM_EVENT, DAY)]).values()
    written: list[object] = []

    def meanwhile(*asked: Any) -> list[Rows]:  # noqa: ANN401  as it is asked
        changed = changed_batches(*asked)
        if not written:
            with ledger_of(home.config) as ledger:
                plan_replays(ledger.database, list(mine), REAL_TIME.now_ms(), failed_only=False)
        written.append(asked)
        return changed

    monkeypatch.setattr(forgetting_people, "changed_batches", meanwhile)
    assert forgotten(home, "user-2").events == 1
    assert len(written) == 2
    before = len(home.receiver.requests)
    home.ship()
    assert [e["userID"] for one in home.receiver.requests[before:] for e in one.events] == [
        "user-1",
        "user-3",
        "user-4",
        "user-5",
    ]


@pytest.mark.fault("F446")
def test_a_batch_that_was_split_and_has_one_event_left_is_still_explained_by_its_attempts(home: ExportHome):
    home.set("webhook", max_events=2)
    home.add([custom_event(1), custom_event(2, time_uuid="poison")])
    home.receiver.play([Rule(time_uuid="poison", actions=[answer(400)])])
    home.export()
    ship(home.config, policy=QUICK)

    assert forgotten(home, "user-1").delivered == 1
    assert (home.account().failed, home.account().forgotten) == (1, 1)


@pytest.mark.fault("F457")
def test_an_export_that_has_written_its_files_when_somebody_is_forgotten_leaves_none_of_theirs(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    home.add([custom_event(1), custom_event(2)], [exposure(3)])
    reached: list[CrashPoint] = []

    def meanwhile(point: CrashPoint) -> None:
        reached.append(point)
        if reached.count(CrashPoint.FILES_PUBLISHED) == 1 and point is CrashPoint.FILES_PUBLISHED:
            assert forget(home.config, [("userID", "user-1")]).unnamed_of_theirs

    monkeypatch.setattr(exporter, "reach", meanwhile)
    report = home.export()
    assert (report.account.forgotten, report.account.pending) == (1, 2)
    assert len(files(home, "events")) == 2
    assert forgotten(home, "user-1").complete
    assert not forgotten_units(home.config)[0].unfinished


@pytest.mark.fault("F458")
def test_a_file_that_a_killed_export_left_is_named_until_it_is_gone(home: ExportHome):
    home.add([custom_event(1), custom_event(2)])
    home.export()
    (named,) = files(home, "events")
    left = named.with_name("0002-" + hashlib.sha256(named.read_bytes()).hexdigest()[:16] + ".parquet")
    shutil.copy(named, left)
    (home.folder / "files" / ".new-1234.parquet").write_bytes(b"PAR1")
    home.write()

    said = home.verb("forget", "--user-id", "user-1")
    assert said.exit_code == 1, said.output
    assert "1 files in no record of this ledger have events of theirs" in said.stderr
    assert f"In no record: {left.relative_to(home.folder / 'files')}" in said.stderr
    assert "1 files are unfinished" in said.stderr
    assert forgotten_units(home.config)[0].unfinished == 1
    assert forgotten(home, "user-9").unnamed_of_theirs
    left.unlink()
    assert home.verb("forget").exit_code == 0
    assert forgotten_units(home.config)[0].unfinished == 0
