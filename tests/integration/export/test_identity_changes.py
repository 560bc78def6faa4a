"""Whatever is changed after a day was delivered: it stops before it reads, or the same ids, and nothing is sent again.

Every refusal names two ways out, and each is gone here: afterwards only what was never sent is sent.
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from home import ExportHome, Home, toml_value
from kept_homes import KeptHomes
from rows import custom_event
from sqlalchemy import create_engine

from statsig_export.testing.webhook.receiver import Receiver

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]
TABLE = (
    "time_uuid TEXT, event_name TEXT, user_id TEXT, user JSON, value TEXT, metadata JSON, statsig_metadata JSON, "
    "timestamp TIMESTAMP, ingested_at TIMESTAMP, other_uuid TEXT, loaded_at TIMESTAMP"
)
KEYLESS = (
    'user_id TEXT, stable_id TEXT, company_id TEXT, "timestamp" TIMESTAMP, event_name TEXT, event_value TEXT, '
    "user_object JSON, statsig_metadata JSON, company_metadata JSON, event_id TEXT, visitor TEXT"
)


class OneTable(Home):
    """Its source is one table of SQLite, and its verbs read the configuration as it now is."""

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "source.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def set(self, section: str, /, **values: object) -> None:
        """Change keys of a section; None takes one out."""
        super().set(section, **values)
        self.settings[section] = {key: value for key, value in self.settings[section].items() if value is not None}

    def verb(self, *words: str, **environ: str) -> Result:
        self.write()
        return super().verb(*words, **environ)

    def run(self) -> Result:
        return self.verb("run", *DAY)

    def ids(self) -> list[str]:
        return [event["timeUUID"] for event in self.receiver.events()]


@pytest.fixture
def home(tmp_path: Path, receiver: Receiver, kept_homes: KeptHomes) -> Home:
    home = OneTable(tmp_path, receiver, kept=kept_homes)
    home.set("source.exposures", table="")
    home.set("source.custom_events")
    return home


def fill(home: Home, key_type: str = "INTEGER PRIMARY KEY", keys: tuple[object, ...] = (1, 2, 3)) -> None:
    home.sql(f"CREATE TABLE custom_events (id {key_type}, {TABLE})")
    for key in keys:
        add(home, key)


def delivered(home: Home, key_type: str = "INTEGER PRIMARY KEY", keys: tuple[object, ...] = (1, 2, 3)) -> None:
    """Filled, exported and shipped."""

    def deliver() -> None:
        fill(home, key_type, keys)
        assert home.run().exit_code == 0

    home.begin(f"{key_type}: {keys}, delivered", deliver)


def add(
    home: Home,
    key: object,
    table: str = "custom_events",
    id_: str = "id",
    window: str = "ingested_at",
    **columns: object,
) -> None:
    row = {id_: key, "event_name": "purchase", "user_id": f"u-{key}", **columns}
    row |= dict.fromkeys(("timestamp", window, "loaded_at"), "2026-11-20 12:00:00")
    names, values = ", ".join(row), ", ".join(json.dumps(value).replace('"', "'") for value in row.values())
    home.sql(f"INSERT INTO {table} ({names}) VALUES ({values})")  # noqa: S608 - our own


def rebuilt(key_type: str) -> Callable[[Home], None]:
    """The key column gets another type, and its values with it."""

    def change(home: Home) -> None:
        home.sql(
            "ALTER TABLE custom_events RENAME TO before",
            f"CREATE TABLE custom_events (id {key_type}, {TABLE})",
            "INSERT INTO custom_events SELECT * FROM before",
        )

    return change


def renamed(home: Home) -> None:
    home.sql("ALTER TABLE custom_events RENAME TO clicks")
    home.set("source.custom_events", table="clicks")


def replaced_by_a_view(home: Home) -> None:
    home.sql("CREATE VIEW cleaned AS SELECT * FROM custom_events")
    home.set("source.custom_events", table="cleaned")


def schema_named(home: Home) -> None:
    home.set("source.custom_events", schema="main")


def source_named(home: Home) -> None:
    home.set("source", name="eu")


def another_own_id(home: Home) -> None:
    home.sql("UPDATE custom_events SET other_uuid = 'own-' || id")
    home.set("source.custom_events", columns={"time_uuid": "other_uuid"})


def own_id_renamed(home: Home) -> None:
    home.sql("ALTER TABLE custom_events RENAME COLUMN time_uuid TO uuid")
    home.set("source.custom_events", columns={"time_uuid": "uuid"})


def key_renamed(home: Home) -> None:
    home.sql("ALTER TABLE custom_events RENAME COLUMN id TO event_id")
    home.set("source.custom_events", columns={"row_key": "event_id"})


def window_column_renamed(home: Home) -> None:
    home.sql("ALTER TABLE custom_events RENAME COLUMN ingested_at TO arrived_at")
    home.set("source.custom_events", window_column="arrived_at")


REFUSED: dict[str, tuple[Callable[[Home], None], str, dict[str, object]]] = {
    "table renamed": (renamed, "was custom_events and is clicks", {"identity": "custom_events"}),
    "view": (replaced_by_a_view, "was custom_events and is cleaned", {"identity": "custom_events"}),
    "schema named": (schema_named, "was custom_events and is main.custom_events", {"identity": "custom_events"}),
    "source.name set": (source_named, "was custom_events and is eu/custom_events", {"identity": "/custom_events"}),
    "own id renamed": (own_id_renamed, "time_uuid was time_uuid and is uuid", {"renamed": {"uuid": "time_uuid"}}),
    "key renamed": (key_renamed, "key was the column id and is event_id", {"renamed": {"event_id": "id"}}),
    "window renamed": (
        window_column_renamed,
        "window column was ingested_at and is arrived_at",
        {"renamed": {"arrived_at": "ingested_at"}},
    ),
}

NOW_NAMED = {
    "table renamed": ("clicks",),
    "key renamed": ("custom_events", "event_id"),
    "window renamed": ("custom_events", "id", "arrived_at"),
}


@pytest.mark.fault("F121")
@pytest.mark.parametrize("change", REFUSED)
def test_a_change_of_identity_stops_before_it_reads_and_each_way_out_sends_only_what_is_new(home: Home, change: str):
    delivered(home)
    sent = home.ids()
    alter, words, same = REFUSED[change]
    alter(home)
    refused, planned = home.run(), home.verb("plan", *DAY)

    assert (refused.exit_code, planned.exit_code) == (2, 2)
    assert words in refused.stderr
    assert "put it back, or say that it is the same under a new name" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert home.ids() == sent
    home.set("source.custom_events", **same)
    assert all(f"{key} = {toml_value(value)}" in refused.stderr for key, value in same.items())
    add(home, 4, *NOW_NAMED.get(change, ()))
    assert home.run().exit_code == 0
    assert home.ids()[:3] == sent
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F121")
@pytest.mark.parametrize("change", ["table renamed", "source.name set"])
def test_what_is_put_back_goes_on_as_if_nothing_had_been(home: Home, change: str):
    delivered(home)
    sent = home.ids()
    before = {name: dict(values) for name, values in home.settings.items()}
    REFUSED[change][0](home)
    assert home.run().exit_code == 2
    if change == "table renamed":
        home.sql("ALTER TABLE clicks RENAME TO custom_events")
    home.settings = before
    add(home, 4)

    assert home.run().exit_code == 0
    assert home.ids()[:3] == sent
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F121")
def test_a_renamed_table_that_keeps_its_identity_sends_only_what_is_new(home: Home):
    delivered(home)
    renamed(home)
    home.set("source.custom_events", identity="custom_events")
    add(home, 4, table="clicks")

    assert home.run().exit_code == 0
    assert len(set(home.ids())) == len(home.ids()) == 4
    assert "id = 4" in home.verb("trace", home.ids()[3]).stdout


@pytest.mark.fault("F121")
def test_another_column_of_ids_is_refused_and_putting_it_back_is_the_way(home: Home):
    delivered(home)
    sent = home.ids()
    another_own_id(home)
    refused = home.run()

    assert refused.exit_code == 2
    assert "its time_uuid was time_uuid and is other_uuid" in refused.stderr
    home.set("source.custom_events", columns=None)
    add(home, 4)
    assert home.run().exit_code == 0
    assert home.ids()[:3] == sent
    assert len(home.ids()) == 4


@pytest.mark.fault("F120")
@pytest.mark.parametrize("after", ["TEXT", "NUMERIC", "INTEGER", "VARCHAR(20) PRIMARY KEY"])
@pytest.mark.parametrize("before", ["INTEGER PRIMARY KEY", "TEXT", "NUMERIC(20, 2)"])
def test_the_type_of_the_key_column_changes_no_id_of_an_integer(home: Home, before: str, after: str):
    delivered(home, before)
    sent = home.ids()
    rebuilt(after)(home)
    add(home, 4)

    assert home.run().exit_code == 0
    assert home.ids()[:3] == sent
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F120")
def test_keys_that_were_no_integers_are_not_made_integers(home: Home):
    delivered(home, "TEXT", ("007", "8"))
    sent = home.ids()
    rebuilt("INTEGER")(home)
    refused = home.run()

    assert refused.exit_code == 2
    assert "the type of its key was text and is integer, and not all of its keys were integers" in refused.stderr
    assert home.ids() == sent


@pytest.mark.fault("F584")
def test_in_shards_too_keys_that_are_other_texts_now_stop_before_anything_is_planned(home: Home):
    delivered(home, "INTEGER PRIMARY KEY", (1,))
    rebuilt("TEXT")(home)
    home.sql("UPDATE custom_events SET id = '00' || id")
    home.set("windows", shards=64)  # its old id and its new one are in different shards

    refused = home.run()
    sent = home.ids()
    home.sql("UPDATE custom_events SET id = rowid")
    add(home, 4)

    assert refused.exit_code == 2
    assert "it has keys that are no integers" in refused.stderr
    assert len(sent) == 1
    assert home.run().exit_code == 0
    assert len(set(home.ids())) == len(home.ids()) == 2


@pytest.mark.fault("F154")
@pytest.mark.parametrize("spelled", ["'00' || id", "id || '.0'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1' || id"])
@pytest.mark.parametrize("before", ["INTEGER PRIMARY KEY", "NUMERIC(20, 2)"])
def test_keys_that_were_numbers_and_are_other_texts_stop_before_anything_is_planned(
    home: Home, before: str, spelled: str
):
    delivered(home, before)
    sent = home.ids()
    rebuilt("TEXT")(home)
    home.sql(f"UPDATE custom_events SET id = {spelled}")  # noqa: S608 - our own

    for refused in (home.run(), home.verb("plan", *DAY)):
        assert refused.exit_code == 2
        assert "it has keys that are no integers" in refused.stderr
    assert home.verb("ship").exit_code == 0
    assert home.ids() == sent

    home.sql("UPDATE custom_events SET id = rowid")
    add(home, 4)
    assert home.run().exit_code == 0
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F154")
def test_a_late_row_whose_key_is_a_text_is_sent_where_the_numbers_before_it_are_still_there(home: Home):
    delivered(home)
    rebuilt("TEXT")(home)
    add(home, "a-4")

    assert home.run().exit_code == 0
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F155")
@pytest.mark.parametrize("identity", ["events", "/events"])
def test_two_tables_of_one_identity_are_refused(home: Home, identity: str):
    fill(home)
    home.set("source.exposures", table="events")
    home.set("source.custom_events", identity=identity)
    refused = home.run()

    assert refused.exit_code == 2
    assert "[source.exposures] and [source.custom_events] have the same identity, events" in refused.stderr


@pytest.mark.fault("F156")
@pytest.mark.parametrize(("before", "after"), [("upper", "lower"), ("lower", "upper")])
def test_an_id_of_the_sources_own_is_known_in_whatever_case_it_is_written(home: Home, before: str, after: str):
    fill(home, keys=())
    for key in (1, 2):
        add(home, key, time_uuid=f"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A1{key}")
    home.sql(f"UPDATE custom_events SET time_uuid = {before}(time_uuid)")  # noqa: S608 - our own
    home.run()
    sent = home.ids()
    home.sql(f"UPDATE custom_events SET time_uuid = {after}(time_uuid)")  # noqa: S608 - our own

    assert home.run().exit_code == 0
    assert home.ids() == sent


@pytest.mark.fault("F157")
def test_a_ledger_that_remembers_no_identities_adopts_a_table_that_was_empty(home: Home):
    fill(home)
    home.sql(
        f"CREATE TABLE exposures (id INTEGER, {TABLE}, exposure_type TEXT, name TEXT, rule_id TEXT, "
        "gate_value BOOLEAN, group_name TEXT, reason TEXT, unit_type TEXT)"
    )
    home.settings.pop("source.exposures")
    home.run()
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger, ledger:
        ledger.execute("DELETE FROM identities")
    add(home, 4)

    assert home.run().exit_code == 0
    assert len(set(home.ids())) == len(home.ids()) == 4


@pytest.mark.fault("F122")
def test_windows_of_another_length_begin_where_the_old_ones_end(home: Home):
    delivered(home)
    sent = home.ids()
    home.set("windows", every="hour")
    refused, planned = home.run(), home.verb("plan", *DAY)
    later = home.verb("run", "--from", "2026-11-22", "--to", "2026-11-22T02:00")

    assert (refused.exit_code, planned.exit_code, later.exit_code) == (2, 2, 2)
    assert 'windows of a day, until 2026-11-21 00:00 UTC, and windows.every is "hour" now' in refused.stderr
    assert 'windows.start = "2026-11-21T00:00:00Z"' in refused.stderr
    home.set("windows", start="2026-11-21T00:00:00Z")
    home.sql("UPDATE custom_events SET ingested_at = '2026-11-21 01:30:00' WHERE id = 3")  # another row by then
    add(home, 4)
    assert home.verb("run", "--from", "2026-11-20", "--to", "2026-11-21T03:00").exit_code == 0
    assert home.ids() == [*sent, sent[2]]
    home.set("windows", every="day", start=None)
    assert home.run().exit_code == 0  # a window that is known may be looked at again: for its late rows
    assert len(home.ids()) == 5
    back = home.verb("run", "--from", "2026-11-21", "--to", "2026-11-22")
    assert back.exit_code == 2
    assert 'windows.start = "2026-11-22T00:00:00Z"' in back.stderr


def another_start(home: Home) -> None:
    home.set("windows", start="2026-11-15T00:00:00Z", settle="1s", lookback="10d")


def another_filter(home: Home) -> None:
    home.set("filter", configuration_changes=False)


def other_columns_of_the_event(home: Home) -> None:
    home.set("source.custom_events", columns={"value": "user_id", "metadata": ""})


def the_identity_said(home: Home) -> None:
    home.set("source.custom_events", identity="custom_events")


def the_column_in_capitals(home: Home) -> None:
    home.set("source.custom_events", window_column="INGESTED_AT", columns={"row_key": "ID"})


def another_file(home: Home) -> None:
    (home.folder / "moved.db").write_bytes((home.folder / "source.db").read_bytes())
    home.set("source", url="sqlite:///moved.db", reader="plain")


def ids_that_were_never_there(home: Home) -> None:
    home.set("source.custom_events", columns={"time_uuid": ""})


def another_table_too(home: Home) -> None:
    home.sql(
        "CREATE TABLE seen (id INTEGER, time_uuid TEXT, exposure_type TEXT, name TEXT, rule_id TEXT, "
        "gate_value BOOLEAN, group_name TEXT, reason TEXT, unit_type TEXT, user_id TEXT, user JSON, metadata JSON, "
        "statsig_metadata JSON, timestamp TIMESTAMP, ingested_at TIMESTAMP)"
    )
    home.set("source.exposures", table="seen")


HARMLESS = [
    *(another_start, another_filter, other_columns_of_the_event, the_identity_said, the_column_in_capitals),
    *(another_file, ids_that_were_never_there, another_table_too),
]


@pytest.mark.fault("F123")
@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
def test_what_changes_no_id_is_not_refused_and_sends_nothing_again(home: Home, change: Callable[[Home], None]):
    delivered(home)
    sent = home.ids()
    change(home)

    assert home.run().exit_code == 0
    assert home.ids() == sent


@pytest.mark.fault("F123")
@pytest.mark.parametrize("change", [renamed, schema_named, source_named, key_renamed, replaced_by_a_view])
def test_where_every_row_had_an_id_of_its_own_names_and_keys_may_change(home: Home, change: Callable[[Home], None]):
    fill(home, keys=())
    for key in (1, 2):
        add(home, key, time_uuid=f"own-{key}")
    home.run()
    change(home)

    assert home.run().exit_code == 0
    assert home.ids() == ["own-1", "own-2"]


@pytest.mark.fault("F123")
def test_a_table_of_which_nothing_was_ever_read_may_become_any_other(home: Home):
    delivered(home, keys=())
    renamed(home)
    home.sql('ALTER TABLE clicks RENAME COLUMN ingested_at TO "arrived at"')
    home.set("source.custom_events", window_column="arrived at")

    assert home.run().exit_code == 0


def test_another_destination_is_sent_everything_by_design(home: Home):
    delivered(home)
    renamed(home)
    home.set("webhook", name="another")

    assert home.run().exit_code == 0
    assert len(home.ids()) == 6


def keyless(home: Home) -> None:
    home.set("source", layout="warehouse_native")
    home.sql(f"CREATE TABLE statsig_forwarded_events ({KEYLESS})")
    row = "'u', 's', 'c', '2026-11-20 12:00:00', 'purchase', '7.00', null, null, null, 'e-1', 'u'"
    home.sql(f"INSERT INTO statsig_forwarded_events VALUES ({row})")  # noqa: S608 - our own


def to_native(home: Home) -> None:
    fill(home)
    home.set("source", layout="native")


KEYLESS_REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "another column": ({"columns": {"user_id": "visitor"}}, "was user_id and is visitor"),
    "a column left out": ({"columns": {"user_id": ""}}, "was user_id and is no column"),
    "another custom ID": ({"custom_ids": {"companyID": "company_id"}}, "was no column and is company_id"),
    "repeats": ({"repeats": "duplicates"}, "its repeats were events and are duplicates"),
    "a key": ({"columns": {"row_key": "event_id"}}, "known by their content and are by the key event_id"),
    "window column": ({"window_column": "loaded_at"}, "its window column was timestamp and is loaded_at"),
}


@pytest.mark.fault("F124")
@pytest.mark.parametrize("change", KEYLESS_REFUSED)
def test_rows_without_a_key_stay_known_by_the_same_columns(home: Home, change: str):
    keyless(home)
    home.sql("ALTER TABLE statsig_forwarded_events ADD COLUMN loaded_at TIMESTAMP")
    home.run()
    sent = home.ids()
    settings, words = KEYLESS_REFUSED[change]
    home.set("source.custom_events", **settings)
    refused = home.run()

    assert refused.exit_code == 2
    assert words in refused.stderr
    assert home.ids() == sent
    home.set("source.custom_events", **dict.fromkeys(settings))
    assert home.run().exit_code == 0
    assert home.ids() == sent


@pytest.mark.fault("F124")
def test_a_column_of_the_content_may_be_renamed_by_saying_so(home: Home):
    keyless(home)
    home.run()
    sent = home.ids()
    home.sql("ALTER TABLE statsig_forwarded_events RENAME COLUMN event_value TO amount")
    home.set("source.custom_events", columns={"event_value": "amount"})
    refused = home.run()
    home.set("source.custom_events", renamed={"amount": "event_value"})

    assert refused.exit_code == 2
    assert 'renamed = { amount = "event_value" }' in refused.stderr
    assert home.run().exit_code == 0
    assert home.ids() == sent


@pytest.mark.fault("F124")
def test_a_number_is_spelled_otherwise_than_a_text_so_the_type_of_a_content_column_counts(home: Home):
    keyless(home)
    home.run()
    home.sql(
        "ALTER TABLE statsig_forwarded_events RENAME TO before",
        f"CREATE TABLE statsig_forwarded_events ({KEYLESS.replace('event_value TEXT', 'event_value NUMERIC')})",
        "INSERT INTO statsig_forwarded_events SELECT * FROM before",
    )
    refused = home.run()

    assert refused.exit_code == 2
    assert "the type of event_value" in refused.stderr


@pytest.mark.fault("F121")
def test_another_layout_is_another_source(home: Home):
    delivered(home)
    sent = home.ids()
    home.sql("CREATE TABLE sdk_events (id INTEGER, received_at TIMESTAMP, event JSON, statsig_metadata JSON)")
    home.set("source", layout="sdk_log")
    refused = home.run()

    assert refused.exit_code == 2
    assert "its events came from [source.custom_events] and come from [source.sdk_events] now" in refused.stderr
    home.set("source", layout="warehouse_native")
    home.sql(f"CREATE TABLE statsig_forwarded_events ({KEYLESS})")
    refused = home.run()
    assert refused.exit_code == 2
    assert "its rows were known by the key id and are by their content" in refused.stderr
    assert "another [webhook] name, with windows.start" in refused.stderr
    assert home.ids() == sent


@pytest.mark.fault("F128")
@pytest.mark.parametrize("only", [[], ["--category", "experiment_exposure"]])
def test_a_row_that_is_of_another_category_by_now_is_a_duplicate(home: Home, only: list[str]):
    home.sql("CREATE TABLE sdk_events (id INTEGER, received_at TIMESTAMP, event JSON, statsig_metadata JSON)")
    metadata = '{"config": "button", "ruleID": "r"}'
    event = f'{{"eventName": "statsig::config_exposure", "user": {{"userID": "u"}}, "time": 1795176000000, "metadata": {metadata}}}'  # fmt: skip  # noqa: E501
    home.sql(f"INSERT INTO sdk_events VALUES (1, '2026-11-20 12:00:00', '{event}', null)")  # noqa: S608 - our own
    home.set("source", layout="sdk_log")
    home.run()
    home.set("source.exposure_types", button="experiment")
    planned = json.loads(home.verb("plan", *DAY, *only, "--json").stdout)
    again = json.loads(home.verb("run", *DAY, *only, "--json").stdout)

    assert len(home.ids()) == 1
    assert planned["to_send"] == 0
    assert again["account"]["filtered_by"] == {"duplicate": 1}


@pytest.mark.fault("F129")
def test_a_row_whose_window_column_changes_is_sent_again_under_the_same_id(home: Home):
    delivered(home)
    home.sql("UPDATE custom_events SET ingested_at = '2026-11-21 01:30:00' WHERE id = 3")
    home.verb("run", "--from", "2026-11-21", "--to", "2026-11-22")

    assert home.ids() == [*home.ids()[:3], home.ids()[2]]


@pytest.mark.fault("F120")
@pytest.mark.parametrize("reader", ["fastest", "plain"])
def test_on_postgresql_a_key_keeps_its_ids_through_every_type(
    tmp_path: Path, receiver: Receiver, postgres_url: str, reader: str
):
    home = ExportHome(tmp_path, receiver, postgres_url, postgres_url)
    home.set("source", reader=reader)
    home.add([custom_event(key) for key in (1, 2)])
    home.export()
    home.ship()
    engine = create_engine(postgres_url)
    copied = "event_name, user_id, timestamp, ingested_at"
    for number, key_type in enumerate(["TEXT", "NUMERIC(20, 2)", "VARCHAR(40)", "INTEGER"], start=3):
        plain = key_type.split("(")[0]
        # 1.00 as text would be another text, as any other value of the key would be
        value = f"{'trim_scale(id)' if plain == 'VARCHAR' else 'id'}::{plain}"
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE custom_events ALTER id DROP DEFAULT")
            connection.exec_driver_sql(f"ALTER TABLE custom_events ALTER id TYPE {key_type} USING {value}")
            connection.exec_driver_sql(
                f"INSERT INTO custom_events (id, {copied}) "  # noqa: S608 - our own
                f"SELECT {number}::{plain}, {copied} FROM custom_events LIMIT 1"
            )
        home.export()
        home.ship()
        ids = [event["timeUUID"] for event in receiver.events()]
        assert len(set(ids)) == len(ids) == number
    engine.dispose()
