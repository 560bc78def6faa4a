"""Booleans, ids, types and times as real tables have them, on each reader, without a view."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pytest
from described import described
from real_databases import DAY, NEXT_DAY, RealDatabase
from test_every_database import EXPOSURES

from statsig_export.errors import ConfigError, SourceError
from statsig_export.events.derived_ids import derived_ids
from statsig_export.events.reshape import reshape
from statsig_export.layouts.known import LAYOUTS
from statsig_export.settings import SourceSettings
from statsig_export.source.source import Source

GATE = {"id": 1, "exposure_type": "feature_gate", "name": "g", "ingested_at": "2026-11-01", "timestamp": "2026-11-01"}


def read(source: Source) -> pd.DataFrame:
    return pd.concat(source.read_window(source.tables[0], DAY, NEXT_DAY))


@pytest.mark.fault("F217")
@pytest.mark.parametrize("reader", ["fastest", "plain"])
@pytest.mark.parametrize(
    ("kind", "declared", "values"),
    [
        ("postgresql", "bit(1)", ("1", "0")),
        ("postgresql", "char(1)", ("Y", "N")),
        ("postgresql", "varchar(8)", ("True", "off")),
        ("postgresql", "numeric(1)", (1, 0)),
        ("duckdb", "BIT", ("1", "0")),
        ("duckdb", "ENUM ('true', 'false')", ("true", "false")),
        ("sqlite", "CHAR(1)", ("T", "F")),
    ],
)
def test_a_boolean_in_any_plain_spelling_is_one(
    database_of: Callable[[str], RealDatabase], kind: str, declared: str, values: tuple[object, object], reader: str
):
    database = database_of(kind)
    database.create("exposures", {**EXPOSURES, "gate_value": declared})
    database.insert("exposures", [GATE | {"id": key, "gate_value": each} for key, each in enumerate(values)])
    with database.source(reader=reader) as source:
        assert read(source).sort_values("row_key")["gate_value"].tolist() == [True, False]


@pytest.mark.fault("F217")
@pytest.mark.parametrize("reader", ["fastest", "plain"])
@pytest.mark.parametrize("kind", ["postgresql", "duckdb", "sqlite"])
def test_numeric_ids_and_dates_are_read_and_types_in_statsigs_own_spelling(
    database_of: Callable[[str], RealDatabase], kind: str, reader: str
):
    database = database_of(kind)
    dated = {"user_id": "numeric(20,2)", "timestamp": "date", "ingested_at": "date"}
    database.create("exposures", {**EXPOSURES, **dated})
    rows = [GATE | {"id": key, "user_id": 42, "gate_value": True, "exposure_type": each} for key, each in enumerate(
        ("feature_gate", "dynamic_config", "gate", "other")
    )]  # fmt: skip
    database.insert("exposures", rows)
    with database.source(reader=reader) as source:
        reshaped = reshape(read(source), source.tables[0], SourceSettings())
    assert reshaped.events["user_id"].to_pylist() == ["42"] * 3
    assert sorted(reshaped.events["category"].to_pylist()) == ["config_exposure", "gate_exposure", "gate_exposure"]
    assert set(reshaped.events["timestamp"].to_pylist()) == {int(DAY.timestamp() * 1_000)}
    assert reshaped.failed["reason"].to_pylist() == ["unknown_exposure_type"]


@pytest.mark.fault("F217")
def test_export_toml_says_what_a_value_means(database: RealDatabase):
    database.create("exposures", {**EXPOSURES, "gate_value": "varchar(9)"})
    database.insert(
        "exposures",
        [
            GATE | {"id": 1, "exposure_type": "flag", "gate_value": "pass"},
            GATE | {"id": 2, "exposure_type": "dyn", "gate_value": None},
            GATE | {"id": 3, "exposure_type": "flag", "gate_value": "maybe"},
        ],
    )
    values = {"exposure_type": {"flag": "gate", "dyn": "config"}, "gate_value": {"pass": True}}
    with database.source(exposures={"values": values}) as source:
        (table,) = (table for table in source.tables if table.role == "exposures")
        reshaped = reshape(read(source), table, SourceSettings())
        for category in table.categories[:2]:
            rows = source.count_rows(table, DAY, NEXT_DAY, [category])
            assert rows >= reshaped.events["category"].to_pylist().count(category)
        assert source.count_rows(table, DAY, NEXT_DAY, [table.categories[2]]) == 1
    assert sorted(reshaped.events["category"].to_pylist()) == ["config_exposure", "gate_exposure"]
    assert reshaped.failed["reason"].to_pylist() == ["wrong_type"]


@pytest.mark.fault("F217")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"user": {"a": "b"}}, "no column of text"),
        ({"exposure_type": {"a": "flag"}}, "gives exposure_type a meaning"),
        ({"gate_value": {"pass": "yes"}}, "gives gate_value a meaning"),
    ],
)
def test_a_meaning_that_cannot_be_is_refused(database: RealDatabase, values: dict[str, object], message: str):
    database.create("exposures", EXPOSURES)
    with pytest.raises(ConfigError, match=message):
        database.source(exposures={"values": values})


@pytest.mark.fault("F215", "F216")
@pytest.mark.parametrize("reader", ["fastest", "plain"])
@pytest.mark.parametrize("kind", ["postgresql", "duckdb"])
def test_huge_keys_have_the_id_of_their_digits_and_a_null_key_fails_its_row_alone(
    database_of: Callable[[str], RealDatabase], kind: str, reader: str
):
    database = database_of(kind)
    database.create("exposures", {**EXPOSURES, "id": "numeric(38,0)"})
    keys = (7, 2**63, None, 2**64 + 1)
    database.insert("exposures", [GATE | {"id": key, "gate_value": True} for key in keys])
    with database.source(reader=reader) as source:
        reshaped = reshape(read(source), source.tables[0], SourceSettings())
    found = dict(zip(reshaped.events["row_key"].to_pylist(), reshaped.events["time_uuid"].to_pylist(), strict=True))
    digits = pa.array([str(key) for key in keys if key is not None], pa.large_string())
    assert found == dict(zip(digits.to_pylist(), derived_ids(digits, "", "exposures").to_pylist(), strict=True))
    assert reshaped.failed["reason"].to_pylist() == ["missing_key"]
    assert reshaped.failed["time_uuid"].to_pylist() == [None]


@pytest.mark.fault("F510")
def test_a_document_that_a_driver_makes_of_what_is_described_as_text_ends_the_window():
    table = LAYOUTS["native"][1]
    database = described("bigquery", table, window="zoned")
    database.rows = [[{"secret": 1}] * len(table.selected_rules)]
    with Source(database, (table,)) as source, pytest.raises(SourceError, match="values for time_uuid that") as raised:
        list(source.read_window(table, DAY, NEXT_DAY))
    assert "secret" not in f"{raised.value}"
