"""A window in shards, from each database: those that can tell a shard's rows send no others, and no row is lost."""

from pathlib import Path
from typing import Any

import pytest
from real_databases import RealDatabase
from test_export import VALUES, config_of

from statsig_export.events import shard_rows
from statsig_export.export import judge
from statsig_export.export.export import export_window
from statsig_export.layouts.known import LAYOUTS
from statsig_export.lineage.frames import read_events
from statsig_export.settings import WindowSettings
from statsig_export.windows import window_from_key

TABLE = LAYOUTS["native"][1]
TELLS = {"postgresql", "duckdb", "mysql"}
KEYS = [*range(60), -5, 2**60 - 1, 2**60, 2**63 - 1]
OWN = {3: "OWN-3", 4: "own-ä", 5: "", 6: "it's", 7: "0191D0E0-7D3C-7ABC-8DEF-AB12CD34EF56", 8: "%s"}


@pytest.mark.fault("F570")
@pytest.mark.fault("F579")
def test_each_row_is_in_one_shard_whatever_the_database(
    database: RealDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rules = (TABLE.window_rule, *TABLE.selected_rules)
    kinds = {"id": "key", "timestamp": "moment", "ingested_at": "moment"}
    database.create(TABLE.table, {rule.column: kinds.get(rule.column, "text") for rule in rules})
    row = {rule.column: VALUES.get(rule.canonical) for rule in rules}
    database.insert(TABLE.table, [{**row, "id": key, "time_uuid": OWN.get(key)} for key in KEYS])
    read: list[int] = []

    def counted(chunk: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401
        read.append(len(chunk))
        return shard_rows.rows_of_shard(chunk, *given, **named)

    monkeypatch.setattr(judge, "rows_of_shard", counted)
    events = {}
    for shards in (1, 5):
        (tmp_path / str(shards)).mkdir()
        config = config_of(database, tmp_path / str(shards), "plain", exposures={"table": ""})
        config = config.model_copy(update={"windows": WindowSettings(shards=shards)})
        assert export_window(config, window_from_key("2026-11-01", config.windows)).rows_read == len(KEYS)
        events[shards] = sorted(read_events(config)["event"])

    assert events[1] == events[5]
    assert sum(read) == (len(KEYS) - 3 + 5 * 3 if database.kind in TELLS else 5 * len(KEYS))
