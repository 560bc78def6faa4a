"""The statements for each database: their exact text, and that the database's own grammar takes it.

`PYTHONPATH=tests/builders python tests/databases/test_pinned_statements.py` writes the texts anew, to be looked through
as a diff.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlglot
from described import Described, described
from google.cloud.bigquery.table import Row
from real_databases import source_at
from sqlglot import exp

from statsig_export.errors import SourceError
from statsig_export.layouts.families import Family
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.placement import source_tables
from statsig_export.settings import SourceSettings
from statsig_export.source.backends.known import BACKENDS, backend_of
from statsig_export.source.shards import Hashes, knows_ids, probe, rows_that_may_be_in
from statsig_export.source.source import Source
from statsig_export.vocabulary import Category

STATEMENTS = Path(__file__).parent / "statements"
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "snowflake", "bigquery", "redshift", "duckdb", "clickhouse")
DATABASES += ("trino", "awsathena", "mssql", "databricks")
GRAMMARS = {"mariadb": "mysql", "postgresql": "postgres", "awsathena": "athena", "mssql": "tsql"}
# Functions that sqlglot takes for somebody's own; they are in the databases' documentation.
UNKNOWN_TO_THE_GRAMMAR = defaultdict(
    set,
    sqlite={"datetime"},
    postgresql={"timezone"},
    redshift={"json_serialize", "timezone"},
    duckdb={"epoch_us"},
    clickhouse={"todatetime64", "tojsonstring"},
    trino={"at_timezone"},
    mssql={"switchoffset"},
)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=1)
WINDOWS = {"exposures": "naive", "custom_events": "zoned", "sdk_events": "zoned", "statsig_events": "epoch"}


def statements(name: str) -> Iterator[tuple[str, str]]:
    """Title and text of every statement that reads every table of every layout."""
    for layout, tables in LAYOUTS.items():
        for table in tables:
            database = described(name, table, window=WINDOWS[table.role])
            with Source(database, (table,)) as source:
                one = next((category for category in table.categories if category is not table.home), table.home)
                yield f"{layout} {table.role}: read", source.read_window(table, START, END).statement
                for category in (one, table.home):
                    yield (
                        f"{layout} {table.role}: read {category}",
                        source.read_window(table, START, END, [category]).statement,
                    )
                source.count_rows(table, START, END)
                source.count_outside(table, START, END)
                placed = source.placed(table)
                if knows_ids(placed):
                    yield f"{layout} {table.role}: hash known texts", probe(placed)
                    where = rows_that_may_be_in(placed, Hashes(range(0xA0, 0xA3), "0a1b2c3d-4e5f-8a6b-9", 2**60 - 1))
                    yield f"{layout} {table.role}: rows of a shard", placed.select_rows(where)[0]
            counts = [text for text in database.statements if "count(*)" in text]
            for title, text in zip(("count", "count outside"), counts, strict=True):
                yield f"{layout} {table.role}: {title}", text
            for text in dict.fromkeys(text for text in database.statements if text not in counts):
                yield f"{layout} {table.role}: look at what is stored", text


def text_of(name: str) -> str:
    return "".join(f"-- {title}\n{text.replace(chr(32) + chr(10), chr(10))};\n\n" for title, text in statements(name))


def test_each_known_database_has_pinned_statements():
    assert {backend.name for backend in BACKENDS} == set(DATABASES)
    assert {path.stem for path in STATEMENTS.glob("*.sql")} == set(DATABASES)


@pytest.mark.parametrize("name", DATABASES)
def test_every_statement_has_exactly_the_pinned_text(name: str):
    assert text_of(name) == (STATEMENTS / f"{name}.sql").read_text()


@pytest.mark.parametrize("name", DATABASES)
def test_every_statement_is_one_select_in_the_databases_own_grammar(name: str):
    for title, text in statements(name):
        parsed = sqlglot.parse(text, dialect=GRAMMARS.get(name, name))
        assert len(parsed) == 1, title
        assert isinstance(parsed[0], exp.Select), title
        assert not list(parsed[0].find_all(exp.Placeholder, exp.Parameter)), title
        named = {function.name.lower() for function in parsed[0].find_all(exp.Anonymous)}
        assert named <= UNKNOWN_TO_THE_GRAMMAR[name], title


@pytest.mark.fault("F230")
@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("schema", [None, "lake", "warehouse.lake", "o'lake`;--"])
def test_the_look_at_the_catalog_is_one_select_of_six_columns_in_the_databases_own_grammar(
    name: str, schema: str | None
):
    look = backend_of(name).look
    assert look is not None
    parsed = sqlglot.parse(look(schema), dialect=GRAMMARS.get(name, name))
    assert len(parsed) == 1
    assert isinstance(parsed[0], exp.Select)
    assert len(parsed[0].expressions) == 6


@pytest.mark.parametrize("name", [name for name in DATABASES if name != "sqlite"])
@pytest.mark.parametrize("window", ["naive", "zoned", "epoch"])
def test_a_window_is_half_open_and_asks_the_column_itself(name: str, window: str):
    """No function around the column, so that an index, a partition or a sort key can answer."""
    table = LAYOUTS["native"][0]
    database = described(name, table, window=window)
    with Source(database, (table,)) as source:
        parsed = sqlglot.parse_one(source.read_window(table, START, END).statement, dialect=GRAMMARS.get(name, name))
    comparisons = [(type(found), found.left.name.lower()) for found in parsed.args["where"].find_all(exp.GTE, exp.LT)]
    ranges = 4 if window == "epoch" else 1
    assert comparisons.count((exp.GTE, "ingested_at")) == comparisons.count((exp.LT, "ingested_at")) == ranges
    assert all(isinstance(found.left, exp.Column) for found in parsed.args["where"].find_all(exp.GTE, exp.LT))


FAMILIES = [
    ("snowflake", "NUMBER(38,0)", Family.INTEGER),
    ("snowflake", "NUMBER(38,5)", Family.NUMERIC),
    ("snowflake", "FLOAT", Family.FLOAT),
    ("snowflake", "TIMESTAMP_NTZ(9)", Family.TIMESTAMP),
    ("snowflake", "TIMESTAMP_LTZ(9)", Family.TIMESTAMP_TZ),
    ("snowflake", "TIMESTAMP_TZ(9)", Family.TIMESTAMP_TZ),
    ("snowflake", "VARIANT", Family.NESTED),
    ("snowflake", "OBJECT", Family.NESTED),
    ("snowflake", "MAP(VARCHAR(16777216), VARCHAR(16777216))", Family.NESTED),
    ("snowflake", "ARRAY", Family.OTHER),
    ("snowflake", "DATE", Family.DATE),
    ("snowflake", "BINARY(8388608)", Family.OTHER),
    ("bigquery", "TIMESTAMP", Family.TIMESTAMP_TZ),
    ("bigquery", "DATETIME", Family.TIMESTAMP),
    ("bigquery", "JSON", Family.NESTED),
    ("bigquery", "RECORD", Family.NESTED),
    ("bigquery", "STRING", Family.TEXT),
    ("bigquery", "INTEGER", Family.INTEGER),
    ("bigquery", "FLOAT", Family.FLOAT),
    ("bigquery", "BIGNUMERIC", Family.NUMERIC),
    ("bigquery", "BOOLEAN", Family.BOOLEAN),
    ("bigquery", "DATE", Family.DATE),
    ("mysql", "datetime(6) DEFAULT NULL", Family.TIMESTAMP),
    ("mysql", "timestamp NULL DEFAULT NULL", Family.TIMESTAMP),
    ("mysql", "json DEFAULT NULL", Family.JSON),
    ("mysql", "tinyint(1) DEFAULT NULL", Family.INTEGER),
    ("mysql", "enum('gate','config') DEFAULT NULL", Family.LABEL),
    ("mysql", "decimal(20,4) DEFAULT NULL", Family.NUMERIC),
    ("mysql", "mediumtext", Family.TEXT),
    ("mysql", "varbinary(16) DEFAULT NULL", Family.OTHER),
    ("redshift", "super", Family.NESTED),
    ("redshift", "character varying", Family.TEXT),
    ("redshift", "timestamp with time zone", Family.TIMESTAMP_TZ),
    ("redshift", "timestamp without time zone", Family.TIMESTAMP),
    ("redshift", "double precision", Family.FLOAT),
    ("redshift", "numeric", Family.NUMERIC),
    ("redshift", "date", Family.DATE),
    ("redshift", "varbyte", Family.OTHER),
    ("trino", "timestamp(6) with time zone", Family.TIMESTAMP_TZ),
    ("trino", "timestamp(9)", Family.TIMESTAMP),
    ("trino", "json", Family.NESTED),
    ("trino", "row(a bigint, b varchar)", Family.NESTED),
    ("trino", "map(varchar, varchar)", Family.NESTED),
    ("trino", "uuid", Family.LABEL),
    ("trino", "real", Family.FLOAT),
    ("trino", "array(varchar)", Family.OTHER),
    ("awsathena", "struct<a:string,b:int>", Family.NESTED),
    ("awsathena", "map<string,string>", Family.NESTED),
    ("awsathena", "timestamp", Family.TIMESTAMP),
    ("awsathena", "timestamp with time zone", Family.UNTYPED),
    ("awsathena", "decimal(18,4)", Family.NUMERIC),
    ("awsathena", "array<string>", Family.OTHER),
    ("mssql", "datetimeoffset", Family.TIMESTAMP_TZ),
    ("mssql", "datetime", Family.TIMESTAMP),
    ("mssql", "smalldatetime", Family.TIMESTAMP),
    ("mssql", "timestamp", Family.OTHER),  # a number of the row's version
    ("mssql", "bit", Family.BOOLEAN),
    ("mssql", "uniqueidentifier", Family.LABEL),
    ("mssql", "nvarchar", Family.TEXT),
    ("databricks", "TIMESTAMP", Family.TIMESTAMP_TZ),
    ("databricks", "TIMESTAMP_NTZ", Family.TIMESTAMP),
    ("databricks", "STRUCT", Family.NESTED),
    ("databricks", "VARIANT", Family.NESTED),
    ("databricks", "LONG", Family.INTEGER),
    ("databricks", "DECIMAL", Family.NUMERIC),
    ("databricks", "ARRAY", Family.OTHER),
    ("databricks", "BINARY", Family.OTHER),
    ("clickhouse", "Nullable(DateTime64(3, 'Europe/Berlin'))", Family.TIMESTAMP_TZ),
    ("clickhouse", "DateTime", Family.TIMESTAMP_TZ),
    ("clickhouse", "Date32", Family.DATE),
    ("clickhouse", "LowCardinality(Nullable(String))", Family.TEXT),
    ("clickhouse", "FixedString(16)", Family.TEXT),
    ("clickhouse", "Nullable(UUID)", Family.LABEL),
    ("clickhouse", "Enum8('a(x)' = 1, 'b' = 2)", Family.LABEL),
    ("clickhouse", "SimpleAggregateFunction(anyLast, Nullable(String))", Family.TEXT),
    ("clickhouse", "Map(String, Nullable(String))", Family.NESTED),
    ("clickhouse", "JSON(max_dynamic_paths=16)", Family.NESTED),
    ("clickhouse", "Object('json')", Family.NESTED),
    ("clickhouse", "Tuple(a Int32, b Array(String))", Family.NESTED),
    ("clickhouse", "Variant(String, UInt64)", Family.NESTED),
    ("clickhouse", "UInt256", Family.INTEGER),
    ("clickhouse", "Decimal(18, 4)", Family.NUMERIC),
    ("clickhouse", "Nullable(Float32)", Family.FLOAT),
    ("clickhouse", "Bool", Family.BOOLEAN),
    ("clickhouse", "Array(Nullable(String))", Family.OTHER),
    ("clickhouse", "AggregateFunction(sum, UInt64)", Family.OTHER),
    ("clickhouse", "IPv6", Family.OTHER),
    ("duckdb", "TIMESTAMP_NS", Family.TIMESTAMP),
    ("duckdb", "TIMESTAMP WITH TIME ZONE", Family.TIMESTAMP_TZ),
    ("duckdb", "STRUCT(a INTEGER, b VARCHAR[])", Family.NESTED),
    ("duckdb", "MAP(VARCHAR, VARCHAR)", Family.NESTED),
    ("duckdb", "VARIANT", Family.NESTED),
    ("duckdb", "ENUM('gate', 'config')", Family.LABEL),
    ("duckdb", "UBIGINT", Family.INTEGER),
    ("duckdb", "DECIMAL(18,3)", Family.NUMERIC),
    ("duckdb", "VARCHAR[]", Family.OTHER),
    ("duckdb", "INTERVAL", Family.OTHER),
    ("duckdb", "BLOB", Family.OTHER),
]


@pytest.mark.parametrize(("name", "declared", "family"), FAMILIES)
def test_a_type_is_read_as_what_the_database_means_by_it(name: str, declared: str, family: Family):
    (column,) = Described(name, {"C": declared}).columns("", None)
    assert column.family is family


def custom_ids(name: str, columns: dict[str, str], custom: dict[str, str]) -> str:
    """How the column of a custom ID, as export.toml names it, is written in the statement."""
    settings = SourceSettings.model_validate(
        {"layout": "warehouse_native", "custom_events": {"table": ""}, "exposures": {"custom_ids": custom}}
    )
    (table,) = source_tables(settings)
    own = dict.fromkeys(custom.values())
    plain = [rule.column for rule in (*table.selected_rules, table.window_rule) if rule.column not in own]
    text, time = ("VARCHAR(10)", "TIMESTAMP_NTZ(9)") if name == "snowflake" else ("STRING", "TIMESTAMP")
    stored = str.upper if name == "snowflake" else str
    found = {stored(column): time if column == "timestamp" else text for column in plain}
    database = Described(name, found | dict.fromkeys(columns, text))
    with Source(database, (table,)) as source:
        parsed = sqlglot.parse_one(source.read_window(table, START, END).statement, dialect=name)
    return str(next(found.this.name for found in parsed.selects if found.alias.startswith("unit_c")))


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ("COMPANY_ID", "company_id"),
        ("COMPANYID", "companyID"),
        ("companyID", "companyID"),
        ("company_id", "company_id"),
        ("Company ID", "Company ID"),
        ("ORDER", "order"),
        ("COMPANY_ID", "COMPANY_ID"),
    ],
)
def test_snowflakes_names_are_written_as_they_are_stored(stored: str, named: str):
    """Unquoted names are stored in upper case, quoted ones as they are; reserved words are no different."""
    assert custom_ids("snowflake", {stored: ""}, {"c": named}) == stored


@pytest.mark.parametrize(("stored", "named"), [("companyID", "companyID"), ("CompanyID", "companyid")])
def test_bigquerys_names_are_found_without_regard_to_case(stored: str, named: str):
    assert custom_ids("bigquery", {stored: ""}, {"c": named}) == stored


def test_a_name_that_is_not_there_in_any_spelling_is_missing():
    with pytest.raises(SourceError, match=r'column "company" is missing .* the nearest is "COMPANY_ID"'):
        custom_ids("snowflake", {"COMPANY_ID": ""}, {"c": "company"})


@pytest.mark.parametrize(
    ("name", "schema", "written"),
    [
        ("snowflake", "analytics", "FROM analytics.exposures"),
        ("snowflake", "WAREHOUSE.Analytics", 'FROM "WAREHOUSE"."Analytics".exposures'),
        ("bigquery", "project.statsig", "FROM `project.statsig`.`exposures`"),
        ("redshift", "statsig", 'FROM "statsig"."exposures"'),
        ("mysql", "statsig", "FROM `statsig`.`exposures`"),
        ("duckdb", "statsig", 'FROM "statsig"."exposures"'),
    ],
)
def test_a_table_may_lie_in_another_schema(name: str, schema: str, written: str):
    settings = SourceSettings.model_validate({"exposures": {"schema": schema}})
    table = source_tables(settings)[0]
    with Source(described(name, table, window="naive"), (table,)) as source:
        statement = source.read_window(table, START, END, [Category.LAYER_EXPOSURE]).statement
    assert written in statement
    sqlglot.parse_one(statement, dialect=name)


def test_bigquery_without_credentials_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(SourceError, match=r"\(bigquery\) cannot be reached: DefaultCredentialsError"):
        source_at("bigquery://project/events")


def test_bigquerys_rows_become_a_frame():
    """Its rows are no tuples, and a moment comes with a zone whatever the statement says."""
    table = LAYOUTS["native"][1]
    values = (7, "id", "user", '{"userID":"u"}', None, "{}", START, "purchase", 0.1 + 0.2)
    database = described("bigquery", table, window="zoned")
    database.rows = [Row(values, {rule.canonical: n for n, rule in enumerate(table.selected_rules)})]
    with Source(database, (table,)) as source:
        (frame,) = source.read_window(table, START, END)
    (row,) = frame.to_dict("records")
    assert (row["row_key"], row["user"], row["value"]) == (7, '{"userID":"u"}', "0.30000000000000004")
    assert row["timestamp"].tz_localize(UTC) == START


if __name__ == "__main__":
    STATEMENTS.mkdir(exist_ok=True)
    for database in DATABASES:
        (STATEMENTS / f"{database}.sql").write_text(text_of(database))
