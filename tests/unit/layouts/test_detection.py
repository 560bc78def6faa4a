from dataclasses import replace

import pytest

from statsig_export.layouts.detection import FoundTable, compare, propose
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Role

UNRELATED = [FoundTable("users", ("id", "email")), FoundTable("orders", ("id", "timestamp", "total"))]


def laid_down(layout: str, **extra: tuple[str, ...]) -> list[FoundTable]:
    return [
        FoundTable(
            table.table,
            (table.window_column, *(rule.column for rule in table.selected_rules), *extra.get(table.role.value, ())),
        )
        for table in LAYOUTS[layout]
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_proposed_for_its_own_tables(layout: str):
    proposal = propose([*UNRELATED, *laid_down(layout)])

    assert proposal is not None
    assert proposal.layout == layout
    assert all(proposal.tables.values())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_are_known_by_their_columns_whatever_they_are_called(layout: str):
    renamed = [FoundTable(f"my_{number}", found.columns) for number, found in enumerate(laid_down(layout))]
    proposal = propose([*UNRELATED, *renamed])

    assert proposal is not None
    assert proposal.layout == layout


def test_a_database_with_nothing_of_statsigs_gets_no_proposal():
    assert propose(UNRELATED) is None
    assert propose([]) is None


def test_a_table_that_is_not_there_is_said_to_be_none():
    exposures, _ = laid_down("cloud_exports")
    proposal = propose([exposures])

    assert proposal is not None
    assert proposal.layout == "cloud_exports"
    assert proposal.tables[Role.CUSTOM_EVENTS] is None


def test_a_column_that_is_missing_is_proposed_as_absent():
    exposures, events = laid_down("cloud_exports")
    proposal = propose([exposures, FoundTable("events", tuple(c for c in events.columns if c != "stable_id"))])

    assert proposal is not None
    match = proposal.tables[Role.CUSTOM_EVENTS]
    assert match is not None
    assert match.columns == {"stable_id": ""}


def test_a_table_without_the_column_that_windows_are_cut_by_fits_nothing():
    (events,) = laid_down("statsig_events")

    assert propose([FoundTable("events", tuple(c for c in events.columns if c != "time"))]) is None


def test_columns_beside_forwarded_ids_may_be_custom_ids():
    proposal = propose(laid_down("warehouse_native", exposures=("company_id",)))

    assert proposal is not None
    match = proposal.tables[Role.EXPOSURES]
    assert match is not None
    assert match.custom_ids == {"company_id": "company_id"}


def test_of_two_tables_that_fit_the_one_of_the_layouts_own_name_is_taken():
    (events,) = laid_down("statsig_events")
    proposal = propose([FoundTable("a_copy", events.columns), events, FoundTable("z_copy", events.columns)])

    assert proposal is not None
    match = proposal.tables[Role.STATSIG_EVENTS]
    assert match is not None
    assert match.found.name == "statsig_events"


@pytest.mark.fault("F231")
def test_every_column_under_another_usual_name_is_found():
    columns = ("event_id", "eventName", "distinct_id", "properties", "occurred_at", "_fivetran_synced", "amount")
    proposal = propose([FoundTable("tracks", columns)])

    assert proposal is not None
    match = proposal.tables[Role.CUSTOM_EVENTS]
    assert match is not None
    assert match.window_column == "_fivetran_synced"
    assert match.columns == {
        "row_key": "event_id",
        "time_uuid": "",
        "user_id": "distinct_id",
        "user": "",
        "metadata": "properties",
        "statsig_metadata": "",
        "timestamp": "occurred_at",
        "event_name": "eventName",
        "value": "amount",
    }


@pytest.mark.fault("F233")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_column_that_an_event_needs_is_ever_left_out(layout: str):
    for table, found in zip(LAYOUTS[layout], laid_down(layout), strict=True):
        for absent in found.columns:
            match = compare(table, FoundTable("t", tuple(name for name in found.columns if name != absent)))
            needed = {rule.column for rule in table.selected_rules if rule.canonical in table.required}
            assert not needed & {name for name, column in match.columns.items() if not column}


def test_a_time_of_the_last_update_is_no_window_column():
    (events,) = laid_down("native")[1:]
    columns = tuple("updated_at" if name == "ingested_at" else name for name in events.columns)
    proposal = propose([FoundTable("custom_events", columns)])

    assert proposal is not None
    match = proposal.tables[Role.CUSTOM_EVENTS]
    assert match is not None
    assert match.window_column == "timestamp"


@pytest.mark.fault("F341")
def test_gates_values_in_a_column_of_their_own_are_not_left_unread():
    columns = ("Id", "exposure_type", "name", "rule_id", "gate_value", "group_name", "user_id", "unit_type", "unit_id")
    proposal = propose([FoundTable("flags", (*columns, "created_at"))])

    assert proposal is not None
    assert proposal.layout == "native"


@pytest.mark.fault("F341")
def test_tables_of_another_schema_are_not_proposed_over_one_that_fits_as_well():
    exposures, events = laid_down("native")
    others = [replace(table, schema="copy") for table in (exposures, events)]
    proposal = propose([events, *others])

    assert proposal is not None
    assert [match.found for match in proposal.matches] == [events]
    better = propose([replace(events, columns=events.columns[:7]), *others])
    assert better is not None
    assert [match.found for match in better.matches] == others
