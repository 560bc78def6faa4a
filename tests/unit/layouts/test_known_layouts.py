import pytest
from sqlalchemy import Engine, MetaData, create_engine, inspect
from sqlalchemy.engine.default import DefaultDialect

from statsig_export.errors import ConfigError
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import CANONICAL_COLUMNS, Kind, Role, SourceTable
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, NATIVE, SDK_LOG, create_tables
from statsig_export.layouts.placement import source_tables
from statsig_export.settings import SourceSettings
from statsig_export.source.statement import PlacedTable
from statsig_export.vocabulary import EXPOSURES, Category

EVERY_TABLE = [pytest.param(table, id=table.role) for tables in LAYOUTS.values() for table in tables]


def settings(**source: object) -> SourceSettings:
    return SourceSettings.model_validate(source)


def tables_by_role(**source: object) -> dict[str, SourceTable]:
    return {table.role.value: table for table in source_tables(settings(**source))}


def columns_of(table: SourceTable) -> dict[str, str]:
    return {rule.canonical: rule.column for rule in table.columns}


def test_the_native_layout_covers_every_category_in_exactly_one_table():
    exposures, custom_events = LAYOUTS["native"]
    assert exposures.categories == EXPOSURES
    assert set(custom_events.categories) == {Category.CONFIG_CHANGE, Category.CUSTOM_EVENT}
    assert set(exposures.categories) | set(custom_events.categories) == set(Category)


def test_the_sdk_log_holds_every_category_in_one_table_that_is_always_read_whole():
    (sdk_events,) = LAYOUTS["sdk_log"]
    assert sdk_events.categories == tuple(Category)
    assert sdk_events.home is Category.CUSTOM_EVENT
    assert sdk_events.frame_columns == ("row_key", "event", "statsig_metadata", "received_at")
    assert PlacedTable(sdk_events, {}, DefaultDialect()).rows_of([Category.CONFIG_CHANGE]) is None


def test_the_home_categories_are_those_of_the_contract():
    homes = {(name, table.role): table.home for name, tables in LAYOUTS.items() for table in tables}

    assert homes.pop(("native", Role.EXPOSURES)) == Category.GATE_EXPOSURE
    assert homes.pop(("cloud_exports", Role.EXPOSURES)) == Category.GATE_EXPOSURE
    assert homes.pop(("warehouse_native", Role.EXPOSURES)) == Category.EXPERIMENT_EXPOSURE
    assert set(homes.values()) == {Category.CUSTOM_EVENT}


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_no_predicate_claims_rows_for_the_home_category(table: SourceTable):
    # What nothing claims is home: so every row is in some category's read.
    claimed = [predicate.category for predicate in table.predicates]
    assert table.home not in claimed
    if claimed:
        assert {*claimed, table.home} == set(table.categories)
    assert len({predicate.column for predicate in table.predicates}) <= 1
    assert len(set(table.predicates)) == len(table.predicates)


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_every_rule_feeds_one_column_of_the_frame(table: SourceTable):
    fed = [rule.canonical for rule in table.columns]
    assert len(set(fed)) == len(fed)
    assert set(fed) <= set(table.frame_columns)
    if table.key_rule is None:
        assert "row_key" not in table.frame_columns
    else:
        assert table.frame_columns[0] == "row_key"
        assert table.key_rule.kind is Kind.KEY


def test_native_frames_are_canonical():
    assert [table.frame_columns for table in LAYOUTS["native"]] == [CANONICAL_COLUMNS] * 2


@pytest.mark.parametrize(("layout", "metadata"), [("native", NATIVE), ("sdk_log", SDK_LOG)])
def test_a_layout_reads_every_column_of_its_own_tables(layout: str, metadata: MetaData):
    declared = {table.name: {column.name for column in table.columns} for table in metadata.tables.values()}
    read = {
        table.table: {table.key, table.window_column, *columns_of(table).values()}
        for table in source_tables(settings(layout=layout))
    }
    assert read == declared


@pytest.fixture
def engine():
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("layout", "indexes"),
    [
        ("native", {"exposures": ["ingested_at", "id"], "custom_events": ["ingested_at", "id"]}),
        ("sdk_log", {"sdk_events": ["received_at", "id"]}),
    ],
)
def test_created_tables_carry_the_index_that_serves_a_window(
    engine: Engine, layout: str, indexes: dict[str, list[str]]
):
    create_tables(engine, layout)
    inspector = inspect(engine)
    assert {name: inspector.get_indexes(name)[0]["column_names"] for name in inspector.get_table_names()} == indexes


def test_creating_tables_again_keeps_what_is_in_them(engine: Engine):
    create_tables(engine, "native")
    with engine.begin() as connection:
        connection.execute(CUSTOM_EVENTS.insert().values(event_name="kept"))
    create_tables(engine, "native")
    with engine.connect() as connection:
        assert connection.execute(CUSTOM_EVENTS.select()).one().event_name == "kept"


def test_without_overrides_the_tables_are_the_layouts_own():
    assert source_tables(settings()) == LAYOUTS["native"]
    assert source_tables(settings(layout="sdk_log")) == LAYOUTS["sdk_log"]


def test_table_schema_and_window_column_can_be_elsewhere():
    overridden = tables_by_role(
        exposures={"table": "forwarded", "schema": "statsig", "window_column": "loaded_at"},
    )
    exposures, custom_events = overridden["exposures"], overridden["custom_events"]
    assert (exposures.qualified_name, exposures.window_column) == ("statsig.forwarded", "loaded_at")
    assert custom_events == LAYOUTS["native"][1]


def test_columns_can_have_other_names():
    table = tables_by_role(exposures={"columns": {"name": "gate_name", "user": "user_object"}})["exposures"]
    columns = columns_of(table)
    assert (columns["name"], columns["user"], columns["rule_id"]) == ("gate_name", "user_object", "rule_id")


@pytest.mark.parametrize("spelling", ["id", "row_key"])
def test_the_key_can_have_another_name(spelling: str):
    assert tables_by_role(custom_events={"columns": {spelling: "event_no"}})["custom_events"].key == "event_no"


def test_a_column_that_the_layout_does_not_have_is_an_error_with_the_near_miss():
    with pytest.raises(ConfigError, match=r"\[source.exposures\] columns names grop_name.*did you mean group_name\?"):
        tables_by_role(exposures={"columns": {"grop_name": "variant"}})


def test_renaming_the_window_column_points_to_the_key_that_does_it():
    with pytest.raises(ConfigError, match=r'\[source.exposures\] window_column = "..."'):
        tables_by_role(exposures={"columns": {"ingested_at": "loaded_at"}})


def test_a_column_can_be_named_as_the_layout_names_it():
    table = tables_by_role(layout="cloud_exports", custom_events={"columns": {"stable_id": "stable"}})["custom_events"]
    assert columns_of(table)["unit stableID"] == "stable"


def test_a_window_on_the_events_time_follows_that_column_to_its_new_name():
    table = tables_by_role(layout="warehouse_native", custom_events={"columns": {"timestamp": "at"}})["custom_events"]
    assert (table.window_column, columns_of(table)["timestamp"]) == ("at", "at")


def test_a_column_that_is_not_there_is_left_out_and_so_is_what_it_would_have_told_apart():
    table = tables_by_role(exposures={"columns": {"exposure_type": "", "reason": ""}})["exposures"]
    assert not {"exposure_type", "reason"} & set(columns_of(table))
    assert table.predicates == ()


def test_a_table_that_is_not_there_is_left_out():
    assert set(tables_by_role(exposures={"table": ""})) == {"custom_events"}
    with pytest.raises(ConfigError, match="every table of the layout is left out"):
        tables_by_role(layout="sdk_log", sdk_events={"table": ""})


def test_each_custom_id_has_its_column():
    table = tables_by_role(layout="warehouse_native", exposures={"custom_ids": {"companyID": "company"}})["exposures"]
    assert table.units == ("userID", "stableID", "companyID")
    assert columns_of(table)["unit companyID"] == "company"


@pytest.mark.parametrize(
    "source",
    [{"exposures": {"custom_ids": {"a": "b"}}}, {"layout": "cloud_exports", "exposures": {"custom_ids": {"a": "b"}}}],
)
def test_custom_ids_are_an_error_where_the_layout_has_no_column_for_each(source: dict):
    with pytest.raises(ConfigError, match="has no column for each custom ID"):
        tables_by_role(**source)


def test_repeats_are_an_error_where_rows_have_a_key():
    with pytest.raises(ConfigError, match="its rows have a key"):
        tables_by_role(exposures={"repeats": "duplicates"})
    assert tables_by_role(layout="cloud_exports", exposures={"repeats": "events"})["exposures"].key is None


def test_the_layouts_of_statsigs_own_tables_are_not_created_here(engine: Engine):
    with pytest.raises(ConfigError, match="Statsig's to create"):
        create_tables(engine, "cloud_exports")
