"""The files of pruned partitions go, and what killed exports left; no file that is needed does."""

from home import DAY, ExportHome
from old_windows import LATER, NOW, age, count, files, lines, lived, moment, next_day, pruned

import statsig_export
from statsig_export.ledger import retention as ledger_pruning
from statsig_export.ledger.tables import LEDGER
from statsig_export.ledger.transactions import ledger_of
from statsig_export.maintenance.prune import PruneReport, prune
from statsig_export.maintenance.verify import verify
from statsig_export.storage.storage import Storage


def test_a_dry_run_says_the_same_and_changes_nothing(any_home: ExportHome):
    lived(any_home)
    stray = files(any_home)[0].with_name("0009-stray.parquet")
    stray.write_bytes(b"x")
    age([stray], 2)
    before = (lines(any_home), files(any_home), count(any_home, *LEDGER.sorted_tables))
    dry = pruned(any_home, dry_run=True, orphans=True)
    after = (lines(any_home), files(any_home), count(any_home, *LEDGER.sorted_tables))
    real = pruned(any_home, orphans=True)

    assert before == after
    assert dry.orphans == 1
    assert {name: getattr(dry, name) for name in PruneReport.__slots__ if name != "dry_run"} == {
        name: getattr(real, name) for name in PruneReport.__slots__ if name != "dry_run"
    }


def test_what_a_killed_prune_left_is_removed_by_the_next(any_home: ExportHome):
    before = lines(lived(any_home))
    with ledger_of(any_home.config) as ledger:
        for partition in ledger_pruning.candidates(ledger.database, "fivetran", moment(LATER)):
            ledger_pruning.prune_partition(ledger.database, partition.id, 0)
    files(any_home)[0].unlink()
    assert (lines(any_home), verify(any_home.config).differences) == (before, ())
    dry, first, second = pruned(any_home, dry_run=True, orphans=True), pruned(any_home, DAY), pruned(any_home)

    assert (dry.files, first.files, second.files) == (3, 3, 0)
    assert (dry.orphans, first.pruned, second.pruned) == (0, (), ())
    assert files(any_home) == []
    assert lines(any_home) == before


def test_a_file_that_another_destination_has_too_stays_until_it_is_pruned_there(any_home: ExportHome):
    lived(any_home)
    any_home.set("webhook", name="second")
    any_home.receiver.play([])
    any_home.export()  # the late event is in the first generation here, so the file of custom events is another one
    any_home.ship()
    other = len(files(any_home))
    any_home.set("webhook", name="fivetran")
    age(files(any_home), 40)
    first = pruned(any_home, orphans=True)
    any_home.set("webhook", name="second")

    assert (first.shared_files, first.orphans) == (2, 0)
    assert verify(any_home.config).differences == ()
    assert len(statsig_export.read_events(any_home.config)) == 32
    second = pruned(any_home)
    assert (first.files + second.files, files(any_home)) == (other, [])


def test_a_file_that_was_written_again_is_left_for_the_next_prune(home: ExportHome):
    lived(home)
    age(files(home, "events")[:1], 0.5)
    first = pruned(home)
    age(files(home), 1.5)
    second = pruned(home)

    assert (first.postponed_files, first.files, first.complete) == (1, 3, False)
    assert (second.files, second.complete, files(home)) == (1, True, [])


def test_orphans_are_removed_on_demand_when_they_are_a_day_old_and_nothing_else_is(home: ExportHome):
    next_day(lived(home))
    named = files(home)
    root = home.folder / "files"
    strange = [root / "notes.txt", root / "events" / "notes.parquet", root / "0001-a.parquet"]
    stray = [path.with_name(f"0007-{name}.parquet") for path in (named[0], named[-1]) for name in ("old", "young")]
    for path in [*strange, *stray]:
        path.write_bytes(b"x")
    age(strange + named, 3)
    age(stray[::2], 1.1)
    age(stray[1::2], 0.9)
    without = prune(home.config, moment("2026-11-01"), NOW)
    report = prune(home.config, moment("2026-11-01"), NOW, orphans=True)

    assert (without.orphans, report.orphans, report.bytes) == (0, 2, 2)
    assert {*named, *strange, *stray[1::2]} == {
        path for path in root.rglob("*.*") if path.is_file() and "receipts" not in path.parts
    }
    assert verify(home.config).differences == ()


def test_the_temporary_file_of_a_killed_export_is_removed_after_a_day(home: ExportHome):
    lived(home)
    old, young = (home.folder / "files" / f".new-{name}.parquet" for name in ("old", "young"))
    for path, days in ((old, 1.1), (young, 0.9)):
        path.write_bytes(b"xyz")
        age([path], days)
    report = prune(home.config, moment("2026-11-01"), NOW)

    assert (report.temporary_files, report.bytes) == (1, 3)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_bucket_is_searched_and_its_files_are_removed():
    with Storage("memory://pruned-bucket/files") as storage:
        assert list(storage.partition_files()) == []
        for path in ("events/category=c/window=w/0001-a.parquet", "events/other.parquet", ".new-x.parquet"):
            storage._fs.pipe_file(f"/pruned-bucket/files/{path}", b"xy")
        (found,) = storage.partition_files()
        facts = storage.facts(found)
        storage.remove(found)
        storage.remove(found)

        assert (found, list(storage.temporary_files())) == (
            "events/category=c/window=w/0001-a.parquet",
            [".new-x.parquet"],
        )
        assert facts is not None
        assert (facts.bytes, facts.modified is not None) == (2, True)
        assert (storage.facts(found), list(storage.partition_files())) == (None, [])
