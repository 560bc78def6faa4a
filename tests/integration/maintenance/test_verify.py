"""Verify holds after whatever can happen, and tells every kind of damage."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure
from sqlalchemy import text

from statsig_export.delivery.rules import RetryPolicy
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.verify import Check, VerifyReport, verify
from statsig_export.shipping.replay import replay
from statsig_export.shipping.ship import ship
from statsig_export.testing.webhook.faults import NORMAL, Action, Faults, Rule, Stage, answer
from statsig_export.testing.webhook.receiver import Receiver
from statsig_export.vocabulary import Category
from statsig_export.windows import partition_key

CUSTOM = partition_key(Category.CUSTOM_EVENT, DAY)
QUICK = RetryPolicy(quick=(0.01, 0.01))
POISON = Rule(time_uuid="poison", actions=[answer(400)])


def lived(home: ExportHome) -> ExportHome:
    """Two generations; batches delivered, deferred, throttled, split, failed, replayed and planned."""
    home.set("webhook", max_events=8, concurrency=1)
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.begin("lived, and not all is sent", lambda: live(home))
    home.receiver.play([POISON])
    return home


def live(home: ExportHome) -> None:
    home.add([custom_event(key, time_uuid="poison" if key == 3 else f"e{key:03}") for key in range(1, 41)])
    home.add([custom_event(90, "debug_ping"), custom_event(91, None)], [exposure(1), exposure(2, "layer")])
    home.export()
    home.receiver.play([POISON, Rule(actions=[answer(500), answer(429), Action(reset=Stage.PROCESSING), NORMAL])])
    ship(home.config, policy=QUICK)
    replay(home.config, [CUSTOM], policy=QUICK)
    home.add([custom_event(key, time_uuid=f"late{key}") for key in range(50, 70)])
    home.export()
    home.receiver.play([Rule(actions=[answer(503)])])
    ship(home.config, policy=QUICK)


BATCHES = {
    "split": "SELECT min(id) FROM batches WHERE state = 'split'",
    "first": "SELECT min(id) FROM batches WHERE state = 'delivered' AND rows = 8",
    "half": "SELECT min(id) FROM batches WHERE parent IS NOT NULL AND state = 'delivered'",
    "copy": "SELECT min(id) FROM batches WHERE replay_of IS NOT NULL AND parent IS NULL",
}
RANDOM = "0123456789abcdef" * 4


def change(home: ExportHome, statement: str) -> None:
    """Damage the ledger of a home behind its back; the statement may name one of BATCHES, or :random."""
    with ledger_of(home.config) as ledger, ledger.database.write() as connection:
        named = {name: connection.execute(text(query)).scalar() for name, query in BATCHES.items()}
        values = {name: value for name, value in {**named, "random": RANDOM}.items() if f":{name}" in statement}
        assert connection.execute(text(statement), values).rowcount


def record_as_written(home: ExportHome, file: Path) -> None:
    """Make the ledger agree with a file that was changed: what else differs can then be seen."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    facts = f"digest = '{digest}', bytes = {file.stat().st_size}"
    change(home, f"UPDATE generations SET {facts} WHERE file LIKE '%/{file.name}'")  # noqa: S608  our own texts


def found(home: ExportHome) -> list[tuple[Check, str]]:
    return [(difference.check, str(difference)) for difference in verify(home.config).differences]


def file_of(home: ExportHome) -> Path:
    return min((home.folder / "files" / "events" / "category=custom_event").rglob("*.parquet"))


def test_all_holds_after_all_that_can_happen(any_home: ExportHome):
    report = verify(lived(any_home).config)

    assert report.differences == ()
    assert (report.partitions, report.files) == (6, 4)
    assert report.batches > 12
    assert report.account == any_home.account()
    assert report.account.failed == 2
    assert 0 < report.account.pending < report.account.events


def test_there_is_nothing_to_say_of_an_empty_ledger_and_none_is_made(home: ExportHome):
    assert verify(home.config) == VerifyReport()
    assert not (home.folder / "ledger.db").exists()


def test_verifying_changes_nothing(home: ExportHome):
    lived(home)
    files = {path: path.read_bytes() for path in (home.folder / "files").rglob("*.parquet")}
    account = home.account()
    verify(home.config)

    assert {path: path.read_bytes() for path in (home.folder / "files").rglob("*.parquet")} == files
    assert home.account() == account


DAMAGES = [
    ("UPDATE batches SET state = 'planned' WHERE id = :first", Check.STATE, "is planned, its attempts say delivered"),
    (
        "UPDATE batches SET state = 'delivered' WHERE state = 'failed'",
        Check.STATE,
        "is delivered, its attempts say failed",
    ),
    (
        "UPDATE batches SET state = 'planned' WHERE state = 'failed'",
        Check.STATE,
        "is planned, its attempts say failed",
    ),
    (
        "UPDATE batches SET state = 'failed' WHERE state = 'deferred'",
        Check.STATE,
        "is failed, its attempts say deferred",
    ),
    (
        "UPDATE attempts SET outcome = 'unknown' WHERE outcome = 'accepted' AND batch = :first",
        Check.STATE,
        "is delivered, its attempts say deferred",
    ),
    ("UPDATE attempts SET finished_ms = NULL WHERE batch = :first", Check.STATE, "its attempts say"),
    ("UPDATE attempts SET outcome = 'fine' WHERE batch = :first", Check.STATE, "its attempts say"),
    ("DELETE FROM attempts WHERE batch = :first AND number = 1", Check.STATE, "are on record"),
    ("UPDATE batches SET attempts = attempts + 1 WHERE id = :first", Check.STATE, "are on record"),
    ("UPDATE batches SET outcome = 'unknown' WHERE id = :first", Check.STATE, "its last attempt says accepted"),
    ("UPDATE batches SET replayed_after = 1 WHERE id = :copy", Check.STATE, "its attempts say"),
    ("UPDATE batches SET throttled = NOT throttled", Check.STATE, "whether it met a rate limit"),
    ("DELETE FROM attempts WHERE batch = :half", Check.STATE, "0 are on record"),
    ("UPDATE batches SET parent = NULL WHERE id = :half", Check.STATE, "was split into other rows than its own"),
    ("UPDATE batches SET parent = 4711 WHERE id = :half", Check.STATE, "is a half of batch 4711, which is not there"),
    ("UPDATE batches SET parent = :first WHERE id = :copy", Check.STATE, "has halves, but was not split"),
    ("UPDATE batches SET replay_of = :split WHERE id = :copy", Check.STATE, "which was not delivered"),
    ("UPDATE batches SET rows = rows - 1 WHERE id = :copy", Check.BODY, "is not named after the body its rows make"),
    ("UPDATE batches SET first_row = first_row + rows WHERE id = :copy", Check.STATE, "but not of its rows"),
    ("UPDATE batches SET rows = rows - 1 WHERE id = :first", Check.ROWS, "are in no batch"),
    ("UPDATE batches SET rows = rows + 1 WHERE id = :first", Check.ROWS, "are in two batches, or not in the file"),
    ("UPDATE batches SET replay_of = NULL", Check.ROWS, "are in two batches, or not in the file"),
    ("UPDATE batches SET batch_id = :random WHERE id = :first", Check.BODY, "is not named after the body"),
    ("UPDATE batches SET body_bytes = 7 WHERE id = :first", Check.BODY, "has 7 bytes, its body"),
    ("UPDATE generations SET digest = :random", Check.FILE, "its digest differs"),
    ("UPDATE generations SET rows = rows + 1", Check.FILE, "rows, the ledger says"),
    ("UPDATE generations SET rows = rows + 1", Check.ACCOUNT, "the account has"),
]


@pytest.fixture(scope="module")
def lived_home(tmp_path_factory: pytest.TempPathFactory):
    """One ledger that has lived, for all damages: each is taken back."""
    folder = tmp_path_factory.mktemp("lived")
    with Receiver(path="/webhooks/lived", strict_delivery=True) as receiver:
        yield lived(ExportHome(folder, receiver, f"sqlite:///{folder}/source.db", f"sqlite:///{folder}/ledger.db"))


@pytest.fixture
def damaged(lived_home: ExportHome):
    ledger = lived_home.folder / "ledger.db"
    whole = ledger.read_bytes()
    yield lived_home
    for rest in lived_home.folder.glob("ledger.db-*"):
        rest.unlink()
    ledger.write_bytes(whole)


@pytest.mark.parametrize(("damage", "check", "words"), DAMAGES, ids=[f"{d[:50]} {w}" for d, _, w in DAMAGES])
def test_a_ledger_that_was_changed_is_told(damaged: ExportHome, damage: str, check: Check, words: str):
    change(damaged, damage)

    assert any(kind is check and words in line for kind, line in found(damaged)), found(damaged)


def test_a_file_that_is_gone_is_told_and_the_rest_is_verified(any_home: ExportHome):
    file_of(lived(any_home)).unlink()

    assert [check for check, _ in found(any_home)] == [Check.FILE]
    assert "cannot be read" in found(any_home)[0][1]


def test_a_file_that_was_written_anew_is_told_even_with_the_same_rows(home: ExportHome):
    file = file_of(lived(home))
    pq.write_table(pq.read_table(file, partitioning=None), file, compression="none")

    assert [check for check, _ in found(home)] == [Check.FILE]


def test_an_event_that_was_changed_in_its_file_is_told(home: ExportHome):
    file = file_of(lived(home))
    table = pq.read_table(file, partitioning=None)
    events = pc.replace_substring(table["event"], "page_view", "page_viel")
    pq.write_table(table.set_column(5, table.schema.field("event"), events), file)
    assert {check for check, _ in found(home)} == {Check.FILE}

    record_as_written(home, file)
    assert {check for check, _ in found(home)} == {Check.BODY}


def test_a_file_that_was_cut_is_told(home: ExportHome):
    file = file_of(lived(home))
    size = file.stat().st_size
    pq.write_table(pq.read_table(file, partitioning=None).slice(0, 12), file)
    assert f"has {file.stat().st_size} bytes, {size} were written" in " ".join(line for _, line in found(home))

    record_as_written(home, file)
    assert "holds 12 rows, the ledger says 40" in " ".join(line for _, line in found(home))


def test_a_time_uuid_in_two_generations_is_told(home: ExportHome):
    lived(home)
    first, second = sorted((home.folder / "files" / "events" / "category=custom_event").rglob("*.parquet"))
    old, new = (pq.read_table(file, partitioning=None) for file in (first, second))
    ids = pa.chunked_array([*old["time_uuid"].slice(0, 1).chunks, *new["time_uuid"].slice(1).chunks])
    pq.write_table(new.set_column(0, new.schema.field("time_uuid"), ids), second)
    record_as_written(home, second)

    assert "generation 2 repeats 1 timeUUIDs" in " ".join(line for _, line in found(home))


def test_a_shipper_at_work_is_no_difference(any_home: ExportHome):
    any_home.set("webhook", max_events=5)
    any_home.add([custom_event(key) for key in range(1, 21)])
    any_home.export()
    seen: list[VerifyReport] = []

    def look(_: object) -> bool:
        seen.append(verify(any_home.config))
        return False

    any_home.receiver.play(Faults(rules=[Rule(where=look, actions=[NORMAL])]))
    any_home.ship()

    assert len(seen) >= 4  # each of the requests; one that a busy machine was too slow for is made again
    assert {report.differences for report in seen} == {()}


def test_a_difference_is_told_in_ids_and_counts_only(home: ExportHome):
    lived(home)
    change(home, "UPDATE batches SET rows = rows - 1, batch_id = 'x', state = 'planned'")
    change(home, "UPDATE generations SET digest = :random")
    lines = " ".join(line for _, line in found(home))

    for secret in ("example.org", "user-", "page_view", "poison", "secret_endpoint"):
        assert secret not in lines
