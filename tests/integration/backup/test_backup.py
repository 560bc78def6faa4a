"""Backup and restore: ledger and storage are lost, brought back, and go on as if nothing had been."""

import json
import shutil
import stat
import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from home import ExportHome
from old_windows import LATER, lived, next_day, pruned, sent
from rows import custom_event
from sqlalchemy import create_engine, inspect, make_url, text

from statsig_export.backup import backup as backing_up
from statsig_export.backup.backup import backup, manifests
from statsig_export.backup.manifest import LONGEST, Manifest, name_at, names_in, path_of
from statsig_export.backup.restore import restore
from statsig_export.errors import ConfigError, LedgerError, PartitionFileError, StorageError
from statsig_export.forgetting.forget import forget
from statsig_export.ledger.database import open_to_write
from statsig_export.ledger.dump import dumped
from statsig_export.ledger.lanes import lanes_of
from statsig_export.ledger.locks import lock_name, open_locks
from statsig_export.ledger.tables import LEDGER, SCHEMA_VERSION
from statsig_export.maintenance.verify import verify
from statsig_export.shipping.status import status
from statsig_export.storage.place import Place

VERSION_1 = Path(__file__).parents[2] / "identity" / "version_1"
ON_POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.acceptance)  # a whole day there takes seconds
SECRET = "wJalrXUtnFEMI-K7MDENG"


def target_of(home: ExportHome) -> str:
    return str(home.folder / "backup")


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a ledger."""
    database = open_to_write(make_url(url))
    try:
        with dumped(database) as dump:
            return {table.name: [row for chunk in table.chunks for row in chunk] for table in dump.tables}
    finally:
        database.close()


def lose(home: ExportHome) -> None:
    """Ledger and storage are gone."""
    shutil.rmtree(home.folder / "files", ignore_errors=True)
    if home.ledger_url.startswith("sqlite"):
        for file in home.folder.glob("ledger.db*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        return
    engine = create_engine(home.ledger_url)
    LEDGER.drop_all(engine)
    engine.dispose()


def untouched(home: ExportHome) -> bool:
    return not (home.folder / "files").exists() and not (home.folder / "ledger.db").exists()


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.fault("F540")
@pytest.mark.parametrize("databases", ["sqlite", ON_POSTGRESQL], indirect=True)
def test_what_was_lost_comes_back_whole_and_nothing_is_sent_twice_that_the_backup_knew(any_home: ExportHome):
    lived(any_home)
    forget(any_home.config, [("userID", "user-7")])
    next_day(any_home)
    before, accounts, sent = rows(any_home.ledger_url), status(any_home.config), len(any_home.receiver.requests)
    report = backup(any_home.config, target_of(any_home))
    lose(any_home)

    back = restore(any_home.config, target_of(any_home))

    assert rows(any_home.ledger_url) == before
    assert [(line.partition, line.account) for line in status(any_home.config)] == [
        (line.partition, line.account) for line in accounts
    ]
    assert verify(any_home.config).differences == ()
    assert (report.files, report.copied_files) == (back.files, back.copied_files)
    assert any_home.ship().sent == 1
    any_home.export()
    any_home.export(LATER)
    assert any_home.ship().sent == 0
    assert len(any_home.receiver.requests) == sent + 1
    any_home.add([custom_event(300)])
    any_home.export()
    assert any_home.ship().sent == 1  # new rows get numbers that nobody has


@pytest.mark.fault("F541")
@pytest.mark.parametrize(
    "back", [False, pytest.param(True, marks=pytest.mark.acceptance)], ids=["to PostgreSQL", "to SQLite"]
)
def test_a_backup_is_restored_into_a_database_of_the_other_kind(home: ExportHome, postgres_url: str, *, back: bool):
    sqlite = home.ledger_url
    first, second = (postgres_url, sqlite) if back else (sqlite, postgres_url)
    home.environ["LEDGER"] = home.ledger_url = first
    lived(home)
    before = rows(first)
    backup(home.config, target_of(home))
    shutil.rmtree(home.folder / "files")
    home.environ["LEDGER"] = home.ledger_url = second
    restore(home.config, target_of(home))

    assert rows(second) == before
    assert verify(home.config).differences == ()
    home.add([custom_event(300)])
    home.export()
    assert home.ship().sent == 1
    assert verify(home.config).differences == ()


@pytest.mark.fault("F542")
def test_a_second_backup_copies_only_what_is_new(home: ExportHome):
    sent(home)
    first = backup(home.config, target_of(home))
    again = backup(home.config, target_of(home))
    next_day(home)
    second = backup(home.config, target_of(home))

    assert (first.copied_files, again.copied_files, second.copied_files) == (first.files, 0, 1)
    assert [manifest.name for manifest in manifests(Place(target_of(home)))] == [first.name, again.name, second.name]


def test_older_backups_are_removed_with_what_nothing_needs_any_more(home: ExportHome):
    sent(home)
    first = backup(home.config, target_of(home))
    forget(home.config, [("userID", "user-7")])
    old = {path for path in files_of(home.folder / "backup") if path.startswith("events/")}
    second = backup(home.config, target_of(home), keep=1)
    left = {path for path in files_of(home.folder / "backup") if path.startswith("events/")}
    lose(home)

    assert second.removed == (first.name,)
    assert second.removed_files == len(old - left) > 0
    assert restore(home.config, target_of(home)).name == second.name
    assert verify(home.config).differences == ()
    assert not any(b"user-7" in content for path, content in files_of(home.folder / "backup").items())


def test_an_earlier_backup_is_restored_by_its_name(home: ExportHome):
    sent(home)
    first = backup(home.config, target_of(home))
    next_day(home)
    backup(home.config, target_of(home))
    lose(home)

    assert restore(home.config, target_of(home), name=first.name).name == first.name
    assert {line.window for line in status(home.config)} == {"2026-11-20"}
    with pytest.raises(LedgerError, match="has no backup 2020"):
        restore(home.config, target_of(home), name="2020")


@pytest.mark.fault("F543")
def test_a_broken_backup_is_refused_before_anything_is_touched(home: ExportHome):
    sent(home)
    backup(home.config, target_of(home))
    folder = home.folder / "backup"
    (manifest,) = (folder / "backups").iterdir()
    table, file = min((folder / "ledger").iterdir()), min((folder / "events").rglob("*.parquet"))
    lose(home)

    for broken, damaged in (
        (manifest, manifest.read_bytes().replace(b'"files": ', b'"files": 1')),
        (manifest, manifest.read_bytes()[:-40]),
        (table, table.read_bytes()[:-1] + b"x"),
        (table, None),
        (file, file.read_bytes()[:-1] + b"x"),
        (file, None),
    ):
        whole = broken.read_bytes()
        broken.unlink() if damaged is None else broken.write_bytes(damaged)
        for dry_run in (True, False):
            with pytest.raises(LedgerError, match=r"damaged|broken"):
                restore(home.config, target_of(home), dry_run=dry_run)
        assert untouched(home)
        broken.write_bytes(whole)
    assert restore(home.config, target_of(home)).copied_files == 1


def test_beside_a_damaged_backup_a_new_one_is_made_and_nothing_is_removed(home: ExportHome):
    sent(home)
    first = backup(home.config, target_of(home))
    forget(home.config, [("userID", "user-7")])
    manifest = home.folder / "backup" / "backups" / f"{first.name}.json"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:100])
    before = set(files_of(home.folder / "backup"))
    second = backup(home.config, target_of(home), keep=1)

    assert (second.damaged, second.removed, second.removed_files) == ((first.name,), (), 0)
    assert before < set(files_of(home.folder / "backup"))
    assert restore(home.config, target_of(home), name=second.name, dry_run=True).name == second.name
    manifest.write_bytes(whole)
    assert restore(home.config, target_of(home), name=first.name, dry_run=True).name == first.name


@pytest.mark.fault("F651")
def test_files_of_others_among_the_manifests_are_named_and_passed_over(
    home: ExportHome, caplog: pytest.LogCaptureFixture
):
    sent(home)
    first = backup(home.config, target_of(home))
    folder = home.folder / "backup" / "backups"
    renamed = folder / "before the upgrade.json"  # is one all the same: what it needs is kept
    renamed.write_bytes((folder / f"{first.name}.json").read_bytes())
    for name in ("notes.json", f"._{first.name}.json"):
        (folder / name).write_bytes(b'{"of": "another program"}')
    (folder / "huge.json").write_bytes(b" " * (LONGEST + 1))
    second = backup(home.config, target_of(home), keep=2)

    assert (second.kept, second.damaged) == (2, ())
    assert restore(home.config, target_of(home), dry_run=True).name == second.name
    said = [record.getMessage() for record in caplog.records if "are passed over" in record.getMessage()]
    assert len(said) == 2
    assert all("huge.json, backups/notes.json" in line and "upgrade" not in line for line in said)
    renamed.write_bytes(renamed.read_bytes()[:-9])
    with pytest.raises(LedgerError, match=r"upgrade\.json is no manifest of a backup of statsig-export, or is damaged"):
        restore(home.config, target_of(home), dry_run=True)


@pytest.mark.fault("F543")
@pytest.mark.parametrize(
    ("words", "said"),
    [('{"kind": "borg"}', "is no manifest"), ("[]", "is no manifest"), ('{"kind": "K", "format": 2}', "newer version")],
)
def test_what_is_no_backup_of_ours_is_refused(home: ExportHome, words: str, said: str):
    (home.folder / "backup" / "backups").mkdir(parents=True)
    manifest = home.folder / "backup" / "backups" / "20261127T030000Z-abcdef.json"
    manifest.write_text(words.replace("K", "statsig-export backup"))

    with pytest.raises(LedgerError, match=said):
        restore(home.config, target_of(home))
    assert untouched(home)
    manifest.unlink()
    with pytest.raises(LedgerError, match="there is no backup in"):
        restore(home.config, target_of(home))
    with pytest.raises(LedgerError, match="there is no backup in"):
        restore(home.config, str(home.folder / "nowhere"))
    assert untouched(home)


def test_a_backup_of_a_newer_version_is_refused(home: ExportHome):
    sent(home)
    backup(home.config, target_of(home))
    (manifest,) = (home.folder / "backup" / "backups").iterdir()
    found = Manifest.from_bytes(manifest.read_bytes(), "it")
    manifest.write_bytes(found.model_copy(update={"schema_version": SCHEMA_VERSION + 1}).to_bytes())
    lose(home)

    with pytest.raises(LedgerError, match=f"schema version {SCHEMA_VERSION + 1}, this statsig-export knows"):
        restore(home.config, target_of(home))
    assert untouched(home)


@pytest.mark.fault("F544")
@pytest.mark.parametrize("databases", ["sqlite", ON_POSTGRESQL], indirect=True)
def test_a_ledger_that_is_not_empty_is_replaced_only_by_force_and_not_while_a_run_holds_it(any_home: ExportHome):
    lived(any_home)
    backup(any_home.config, target_of(any_home))
    before = rows(any_home.ledger_url)
    next_day(any_home)
    changed = rows(any_home.ledger_url)

    with pytest.raises(ConfigError, match="not empty"):
        restore(any_home.config, target_of(any_home))
    database = open_to_write(make_url(any_home.ledger_url))
    locks = open_locks(database.engine)
    assert locks.acquire(lock_name(1))
    with pytest.raises(LedgerError, match="a run is at work"):
        restore(any_home.config, target_of(any_home), force=True)
    assert rows(any_home.ledger_url) == changed
    locks.close()
    database.close()
    restore(any_home.config, target_of(any_home), force=True)
    assert rows(any_home.ledger_url) == before
    assert verify(any_home.config).differences == ()


@pytest.mark.fault("F541")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_an_older_version_is_brought_up_to_date(
    home: ExportHome, kind: str, request: pytest.FixtureRequest, tmp_path: Path
):
    shutil.copy(VERSION_1 / "ledger.sqlite", tmp_path / "ledger.db")
    shutil.copytree(VERSION_1 / "files", tmp_path / "files")
    backup(home.config, target_of(home))
    assert manifests(Place(target_of(home)))[0].schema_version == 1
    lose(home)
    if kind == "postgresql":
        home.environ["LEDGER"] = home.ledger_url = request.getfixturevalue("postgres_url")
    restore(home.config, target_of(home))

    assert verify(home.config).differences == ()
    engine = create_engine(home.ledger_url)
    with engine.connect() as connection:
        version = connection.execute(text("SELECT value FROM meta WHERE key = 'schema_version'")).scalar()
    assert version == str(SCHEMA_VERSION)
    assert set(inspect(engine).get_table_names()) >= set(LEDGER.tables)
    engine.dispose()
    assert home.ship().sent == 2


@pytest.mark.fault("F545")
@pytest.mark.parametrize("by", ["prune", pytest.param("forget", marks=pytest.mark.acceptance)])
def test_a_backup_beside_which_files_are_removed_is_of_a_moment_at_which_none_is_missing(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch, by: str
):
    lived(home)
    next_day(home)
    home.ship()
    removing: list[Callable[[], object]] = [
        lambda: pruned(home) if by == "prune" else forget(home.config, [("userID", "user-7")])
    ]

    def reach(point: str) -> None:
        if point == "backup.dumped" and removing:
            removing.pop()()

    monkeypatch.setattr(backing_up, "reach", reach)
    backup(home.config, target_of(home))
    monkeypatch.undo()
    expected = rows(home.ledger_url)
    lose(home)
    restore(home.config, target_of(home))

    assert rows(home.ledger_url) == expected
    assert verify(home.config).differences == ()


@pytest.mark.fault("F546")
def test_a_file_that_is_lost_is_named_and_no_backup_is_made(home: ExportHome):
    sent(home)
    backup(home.config, target_of(home))
    next_day(home)
    file = min((home.folder / "files" / "events").rglob(f"*window={LATER}/*.parquet"))
    whole = file.read_bytes()
    for damage in (None, whole[:-1] + b"x"):
        file.unlink() if damage is None else file.write_bytes(damage)
        with pytest.raises(PartitionFileError, match="no backup was made"):
            backup(home.config, target_of(home))
    assert len(manifests(Place(target_of(home)))) == 1
    file.write_bytes(whole)
    assert backup(home.config, target_of(home)).copied_files == 1


@pytest.mark.fault("F546")
def test_two_backups_at_once_and_a_target_of_another_ledger_are_refused(home: ExportHome, tmp_path: Path):
    sent(home)
    database = open_to_write(make_url(home.ledger_url))
    locks = open_locks(database.engine)
    assert locks.acquire("backup")
    with pytest.raises(LedgerError, match="another backup of this ledger is under way"):
        backup(home.config, target_of(home))
    locks.close()
    database.close()
    backup(home.config, target_of(home))
    with pytest.raises(ConfigError, match="the storage itself"):
        backup(home.config, home.config.storage_url())
    home.environ["LEDGER"] = f"sqlite:///{tmp_path}/other.db"
    with pytest.raises(LedgerError, match="there is no ledger yet"):
        backup(home.config, target_of(home))
    open_to_write(make_url(home.environ["LEDGER"])).close()
    with pytest.raises(LedgerError, match="holds backups of another ledger"):
        backup(home.config, target_of(home))


def test_the_verbs_report_and_never_show_the_secret_of_a_url(home: ExportHome):
    sent(home)
    home.write()
    made = json.loads(home.verb("backup", target_of(home), "--json").stdout)
    shown = home.verb("backup", "env:BACKUP", BACKUP=target_of(home))
    checked = json.loads(home.verb("restore", target_of(home), "--dry-run", "--json").stdout)
    refused = home.verb("restore", target_of(home))
    plain = f"ftp://me:{SECRET}@127.0.0.1:1/backups"
    outcomes = [home.verb(verb, plain) for verb in ("backup", "restore")]
    hidden = [home.verb(verb, "env:BACKUP", BACKUP=plain) for verb in ("backup", "restore")]
    unset = home.verb("backup", "env:NOT_SET")

    assert made["copied_files"] == made["files"] > 0
    assert "0 files copied" in shown.stdout
    assert (checked["name"], checked["dry_run"], checked["copied_files"]) == (checked["name"], True, 0)
    assert (refused.exit_code, "--force" in refused.stderr) == (2, True)
    assert [result.exit_code for result in outcomes] == [2, 2]
    assert "env:NAME" in outcomes[0].stderr
    assert [result.exit_code for result in hidden] == [5, 5]
    assert (unset.exit_code, "NOT_SET" in unset.stderr) == (2, True)
    assert all(SECRET not in result.output for result in (*outcomes, *hidden))


def test_a_backup_holds_no_secret_and_its_ledger_is_not_for_others_on_the_machine(home: ExportHome):
    lived(home)
    backup(home.config, target_of(home))

    for path, content in files_of(home.folder / "backup").items():
        assert b"secret_endpoint" not in content
        if not path.startswith(("events/", "quarantine/")):
            assert not (home.folder / "backup" / path).stat().st_mode & stat.S_IRWXO


@pytest.mark.fault("F546")
def test_a_target_that_cannot_be_written_is_an_error_that_names_it(home: ExportHome):
    sent(home)
    (home.folder / "backup").write_text("a file")

    with pytest.raises(StorageError, match=r"the backup's target .*backup cannot be read or written \(EEXIST"):
        backup(home.config, target_of(home))


@pytest.mark.acceptance
def test_the_memory_of_a_backup_does_not_grow_with_the_ledger(home: ExportHome):
    peaks = []
    for count in (200, 2_000):
        home.set("webhook", max_events=1)
        home.add([custom_event(key) for key in range(count, 2 * count)])
        home.export()
        tracemalloc.start()
        backup(home.config, target_of(home))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] + 8_000_000, Counter(peaks)


@pytest.mark.fault("F630")
def test_a_target_around_or_inside_a_storage_or_that_is_one_is_refused_and_keeps_its_files(
    home: ExportHome, tmp_path: Path
):
    home.set("storage", url="data/events")
    home.add([custom_event(1)])
    home.export()
    shutil.copytree(tmp_path / "data" / "events", tmp_path / "of_another")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    before = files_of(tmp_path / "data")

    for target in ("data", "link", "data/events/events/mine"):
        with pytest.raises(ConfigError, match="the storage itself, inside it, or around it"):
            backup(home.config, str(tmp_path / target), keep=1)
    with pytest.raises(ConfigError, match="is a storage"):
        backup(home.config, str(tmp_path / "of_another"), keep=1)
    assert files_of(tmp_path / "data") == before
    assert len(files_of(tmp_path / "of_another")) == len(before)
    assert backup(home.config, str(tmp_path / "data_of_backups"), keep=1).files == 1


@pytest.mark.fault("F631")
def test_a_ledger_is_not_replaced_while_a_run_ships_one_shard_of_a_partition(home: ExportHome):
    home.set("windows", shards=4)
    home.add([custom_event(key) for key in range(1, 21)])
    home.export()
    backup(home.config, target_of(home))
    database = open_to_write(make_url(home.ledger_url))
    (lanes,) = [lanes for lanes in lanes_of(database, range(1, 7)).values() if len(lanes) > 1]
    locks = open_locks(database.engine)
    assert locks.acquire(lock_name(lanes[-1]))

    with pytest.raises(LedgerError, match="a run is at work"):
        restore(home.config, target_of(home), force=True)
    locks.close()
    database.close()
    assert restore(home.config, target_of(home), force=True).copied_files == 0


@pytest.mark.fault("F636")
def test_the_newest_backup_is_the_one_that_was_made_last_in_one_second_and_by_a_clock_that_was_put_back():
    noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    names = []
    for moment in (noon, noon, noon + timedelta(microseconds=1), noon - timedelta(days=1), noon + timedelta(seconds=1)):
        names.append(name_at(moment, max(names, default=None)))

    assert names_in([path_of(name) for name in reversed(names)]) == names
    assert len(set(names)) == 5
