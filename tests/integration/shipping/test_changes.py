"""What has changed in a ledger since a place in it, on SQLite and on PostgreSQL."""

from home import ExportHome
from rows import custom_event

from statsig_export.export.export import export_window
from statsig_export.shipping.changes import LedgerChanges, ledger_changes
from statsig_export.vocabulary import Category

RUN = "run-of-the-orchestrator"


def all_ids(ledger: LedgerChanges) -> list[int]:
    return ledger.ids_since(0, (), 0, 1_000)


def test_a_mark_differs_after_an_export_and_after_a_shipment_and_not_without(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(2)])
    marks = []
    for act in (any_home.export, lambda: None, any_home.ship, lambda: None):
        act()
        with ledger_changes(any_home.config) as ledger:
            assert ledger is not None
            marks.append(ledger.mark())

    assert marks[0] == marks[1] != marks[2] == marks[3]


def test_what_was_exported_or_shipped_since_a_time_or_by_a_run_is_listed_in_order_from_a_place_on(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(2)])
    export_window(any_home.config, any_home.window(), orchestrator_run_id=RUN)
    any_home.ship()
    with ledger_changes(any_home.config) as ledger:
        assert ledger is not None
        ids, last = all_ids(ledger), ledger.last_finished_ms()
        shipped = [each.changed.id for each in ledger.partitions(ids) if each.changed.shipped]

        assert len(ids) == len(Category)
        assert ledger.ids_since(1, (), 0, 1_000) == ids
        assert ledger.ids_since(1, (), ids[1], 3) == ids[2:5]
        assert ledger.ids_since(last, (), 0, 1_000) == []
        assert ledger.ids_since(last, (RUN,), 0, 1_000) == ids
        assert (ledger.runs_until(last), ledger.runs_until(0)) == (2, 0)
        assert set(ledger.ids_since(last - 1, (), 0, 1_000)) >= set(shipped)


def test_a_partition_names_its_runs_and_counts_and_what_its_last_shipment_was(any_home: ExportHome):
    any_home.add([custom_event(key) for key in range(2)])
    export_window(any_home.config, any_home.window(), orchestrator_run_id=RUN)
    any_home.ship()
    with ledger_changes(any_home.config) as ledger:
        assert ledger is not None
        partitions = ledger.partitions(all_ids(ledger))
        (sent,) = [each for each in partitions if each.changed.shipped]
        empty = [each.changed for each in partitions if each is not sent]
        last = ledger.last_shipments(partitions)

    assert sent.changed.export.by == RUN
    assert (sent.changed.planned, sent.changed.forwarded, sent.status.account.forwarded) == (2, 2, 2)
    assert {(each.planned, each.forwarded, each.shipped) for each in empty} == {(0, 0, None)}
    assert {key: shipment.delivered_events for key, shipment in last.items()} == {sent.changed.partition: 2}


def test_one_process_shows_at_a_time(any_home: ExportHome):
    any_home.add([custom_event(1)])
    any_home.export()
    with ledger_changes(any_home.config) as one, ledger_changes(any_home.config) as two:
        assert one is not None
        assert two is not None
        with one.alone() as first, two.alone() as second:
            assert (first, second) == (True, False)
        with two.alone() as later:
            assert later
