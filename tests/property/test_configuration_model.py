"""Whatever is changed in a configuration between runs, in any order: no row is sent under two ids, and none twice.

The rows are the same under every name, with a key and (as another layout) without: they are read through views of one
table. A run is refused, or it sends what was never sent; and the configuration that was last taken goes on to send
everything.
"""

import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from home import Home
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from statsig_export.config import Config
from statsig_export.errors import ConfigError, SchemaError
from statsig_export.export.export import export_windows
from statsig_export.lineage.frames import read_events
from statsig_export.windows import windows_between

FROM, TO = datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 14, tzinfo=UTC)
SCHEMA = """
CREATE TABLE rows (id INTEGER PRIMARY KEY, time_uuid TEXT, at TIMESTAMP);
CREATE VIEW custom_events AS SELECT id, id AS event_id, id + 1000 AS other_id, time_uuid, 'o-' || id AS other_uuid,
    NULL AS no_uuid, 'purchase' AS event_name, 'e-' || id AS user_id, NULL AS user, NULL AS value, NULL AS metadata,
    NULL AS statsig_metadata, at AS timestamp, at AS ingested_at,
    replace(at, '12:', '13:') AS loaded_at, 's-' || id AS stable_id, NULL AS event_value, '7' AS other_value,
    NULL AS user_object, NULL AS company_metadata, 'c-' || id AS company_id FROM rows;
CREATE VIEW clicks AS SELECT * FROM custom_events;
CREATE VIEW texts AS SELECT CAST(id AS TEXT) AS id, CAST(id AS TEXT) AS event_id, CAST(other_id AS TEXT) AS other_id,
    time_uuid, other_uuid, no_uuid, event_name, user_id, user, value, metadata, statsig_metadata, timestamp,
    ingested_at, loaded_at, stable_id, event_value, other_value, user_object, company_metadata, company_id
    FROM custom_events;
CREATE VIEW exposures AS SELECT id, NULL AS time_uuid, 'config' AS exposure_type, 'button' AS name, NULL AS rule_id,
    NULL AS gate_value, NULL AS group_name, 'test' AS grouped, NULL AS reason, 'userID' AS unit_type,
    'x-' || id AS user_id, NULL AS user, NULL AS metadata, NULL AS statsig_metadata, at AS timestamp,
    at AS ingested_at, 'button' AS experiment_id, NULL AS group_id, NULL AS stable_id, NULL AS user_dimensions
    FROM rows;
"""
TABLES = [*["custom_events"] * 2, "clicks", "texts"]
IDENTITIES = [None, "custom_events", "clicks", "/custom_events", "eu/custom_events"]
COLUMNS: list[dict[str, str]] = [
    *[{}] * 2,
    {"row_key": "event_id"},
    {"row_key": "other_id"},
    {"time_uuid": "other_uuid"},
    {"time_uuid": ""},
    {"time_uuid": "no_uuid"},
    {"value": "user_id"},
    {"value": "other_value"},
]
CHANGES = st.one_of(
    st.tuples(st.just("table"), st.sampled_from(TABLES)),
    st.tuples(st.just("schema"), st.sampled_from([None, "main"])),
    st.tuples(st.just("identity"), st.sampled_from(IDENTITIES)),
    st.tuples(st.just("columns"), st.sampled_from(COLUMNS)),
    st.tuples(st.just("renamed"), st.sampled_from([{}, {"event_id": "id"}, {"loaded_at": "loaded_at"}])),
    st.tuples(st.just("window_column"), st.sampled_from([None, "loaded_at"])),
    st.tuples(st.just("name"), st.sampled_from(["", "eu"])),
    *[st.tuples(st.just("every"), st.sampled_from(["hour", "day", "hour"]))] * 2,
    st.tuples(st.just("start"), st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z"])),
    st.tuples(st.just("settle"), st.sampled_from(["1s", "5m"])),
    *[st.tuples(st.just("group_name"), st.sampled_from(["group_name", "grouped"]))] * 3,
    *[st.tuples(st.just("layout"), st.sampled_from(["native", "warehouse_native"]))] * 2,
    st.tuples(st.just("repeats"), st.sampled_from(["events", "duplicates"])),
    st.tuples(st.just("custom_ids"), st.sampled_from([{}, {"companyID": "company_id"}])),
    st.tuples(st.just("include_new_by_default"), st.booleans()),
    st.tuples(st.just("max_events"), st.sampled_from([1, 1000])),
    *[st.tuples(st.just("shards"), st.sampled_from([1, 2, 3, 8]))] * 3,
)  # fmt: skip


class ConfigurationMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # noqa: S108 - nothing of it has to last, and a disk takes most of the time
        folder = memory if memory.is_dir() else None
        self.scratch = tempfile.TemporaryDirectory(prefix="configuration-model-", dir=folder)
        self.folder = Path(self.scratch.name)
        self.values: dict[str, Any] = {}
        self.taken: dict[str, Any] = {}
        """The values of the last run that was not refused."""
        self.rows = 0
        self.sql(SCHEMA)

    def sql(self, script: str) -> None:
        with closing(sqlite3.connect(self.folder / "source.db")) as connection, connection:
            connection.executescript(script)

    def config(self) -> Config:
        value, default = self.values.get, True
        keys = ("schema", "identity", "columns", "renamed", "window_column", "repeats", "custom_ids")
        table = {"table": value("table", "custom_events"), **{key: value(key) for key in keys}}
        tables = {
            "source": {
                "layout": value("layout", "native"),
                "name": value("name", ""),
                "custom_events": {key: found for key, found in table.items() if found is not None},
                "exposures": {"table": "exposures", "columns": {"group_name": value("group_name", "group_name")}},
            },
            "windows": {key: value(key) for key in ("every", "start", "settle", "shards") if value(key) is not None},
            "filter": {"custom_events": {"include_new_by_default": value("include_new_by_default", default)}},
            "webhook": {"max_events": value("max_events", 1000)},
        }
        return Home(self.folder, settings=tables).config

    @initialize(
        first=st.dictionaries(st.sampled_from(["name", "identity"]), st.just("eu"), max_size=1),
        layout=st.sampled_from(["native", "warehouse_native"]),
    )
    def begin(self, first, layout):
        self.values = {**first, "layout": layout}
        self.add(["12:10", "13:10"], own=False)
        self.export()

    def add(self, times, own):
        for at in times:
            self.rows += 1
            uuid = f"'own-{self.rows}'" if own else "NULL"
            self.sql(f"INSERT INTO rows VALUES ({self.rows}, {uuid}, '2026-11-20 {at}:00')")  # noqa: S608 - our own

    @rule(
        changes=st.lists(CHANGES, min_size=1, max_size=2),
        times=st.lists(st.sampled_from(["12:10", "12:50", "13:10"]), max_size=1),
        own=st.booleans(),
        insists=st.sampled_from([False, False, True]),
    )
    def change(self, changes, times, own, insists):
        """What is refused is put back, or stays while more is changed. Rows come at any time, with ids or without."""
        self.add(times, own)
        self.values |= dict(changes)
        if not self.export() and not insists:
            self.values = dict(self.taken)

    def export(self) -> bool:
        """Whether it was not refused."""
        before = self.sent() if self.taken else []
        try:
            config = self.config()
            windows = dict.fromkeys(windows_between(FROM, TO, config.windows))
            reports = list(export_windows(config, windows))
        except (ConfigError, SchemaError):
            assert (self.sent() if self.taken else []) == before
            return False
        self.taken = {**self.values}
        assert sum(part.planned for report in reports for part in report.partitions.values()) == len(self.sent()) - len(
            before
        )
        return True

    def sent(self) -> list[tuple[str, str]]:
        """Who and under which id, of everything that was planned."""
        events = read_events(Home(self.folder).config, columns=["user_id", "time_uuid"])
        return sorted((str(user), str(uuid)) for user, uuid in events.itertuples(index=False))

    @invariant()
    def no_row_is_sent_twice_or_under_two_ids(self):
        if self.taken:
            users = Counter(user for user, _ in self.sent())
            assert {user: times for user, times in users.items() if times > 1} == {}

    def teardown(self) -> None:
        if self.taken:
            self.values = {**self.taken, "include_new_by_default": True}
            assert self.export()
            assert len(self.sent()) == 2 * self.rows
        self.scratch.cleanup()


def test_no_change_of_a_configuration_sends_a_row_twice_or_under_a_second_id():
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(max_examples=12, stateful_step_count=10, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(ConfigurationMachine, settings=chosen)
