"""One word in every member that [privacy] drops or hashes, in rows of every layout, good and bad; and then it is looked
for wherever anything was written, said or sent.
"""

import contextlib
import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from home import Home
from naive_redaction import KEY
from rows import custom_event, exported_event, exposure, first_exposure, forwarded_exposure
from sqlalchemy import Engine, insert
from statsig_tables import Laid

import statsig_export
from statsig_export.layouts.native_tables import CUSTOM_EVENTS, EXPOSURES, create_tables
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

CANARY = "canary"
RANGE = ["--from", "2026-11-20", "--to", "2026-11-21"]
PRIVACY: Mapping[str, object] = {
    "preset": "strict",
    "drop": [
        "user.name",
        "metadata.said",
        "metadata.deep.er.said",
        "metadata.cut.er.said",
        "statsigMetadata.said",
        "value",
    ],
    "hash": [
        {"path": "metadata.contact", "normalize": "trim_lower"},
        {"path": "metadata.list.mail", "normalize": "lower"},
        "user.custom.plan",
    ],
    "hash_key": "env:HASH_KEY",
    "keep_user": ["userID", "customIDs", "country", "custom.plan"],
}
EMAIL = f"{CANARY}@example.org"
USER = {
    "userID": f"{CANARY}-user",
    "email": EMAIL,
    "ip": f"{CANARY}-ip",
    "userAgent": f"{CANARY}-agent",
    "name": f"{CANARY} of the name",
    "country": "NZ",
    "customIDs": {"stableID": f"{CANARY}-stable", "companyID": f"{CANARY}-company"},
    "custom": {"plan": f"{CANARY} plan", "phone": f"{CANARY}-phone", "said": [EMAIL, {"deep": EMAIL}]},
    "privateAttributes": {"said": EMAIL},
}
METADATA = {
    "item": "socks",
    "said": f"{CANARY} said",
    "contact": EMAIL.upper(),
    "list": [{"mail": EMAIL}, {"mail": EMAIL}],
    "deep": {"er": {"said": EMAIL}},
    "cut": f'{{"er":{{"said":"{EMAIL}',  # as SDKs cut long texts
    "customer_email": EMAIL,
    "session_token": f"{CANARY}-token",
    "companyID": f"{CANARY}-company",
    "stable_id": f"{CANARY}-stable",
    "user_id": f"{CANARY}-user",
}
STATSIG_METADATA = {"sdkType": "js", "said": EMAIL, "sessionID": f"{CANARY}-session", "stableID": f"{CANARY}-stable"}
ESCAPED = json.dumps(USER).replace('"email"', '"e\\u006dail"').replace('"ip"', '"\\u0069p"')
BROKEN = json.dumps(USER)[:-2]
SETTINGS = {"unit_types": {"the_gate": "stableID"}, "exposure_types": {"new_checkout": "experiment"}}


def filled(engine: Engine, *tables: tuple[object, list[dict[str, object]]]) -> None:
    with engine.begin() as connection:
        for table, rows in tables:
            connection.execute(insert(table), rows)  # type: ignore[arg-type]


def native(home: Home) -> None:
    members = {"user": USER, "metadata": METADATA, "statsig_metadata": STATSIG_METADATA, "user_id": USER["userID"]}
    good = [custom_event(key, value=f"{CANARY} value", **members) for key in range(1, 5)]
    gates = [exposure(key, kind, **members) for key, kind in enumerate(("gate", "config", "experiment", "layer"), 1)]
    bad = [custom_event(10, **{**members, "user": [EMAIL]}), custom_event(11, None, **members)]
    bad += [custom_event(12, **{**members, "value": EMAIL * 100_000}), custom_event(13, **members)]
    bad += [custom_event(14, **members), custom_event(15, **{**members, "user_id": None})]
    home.on_source(lambda engine: create_tables(engine, "native"))
    home.on_source(lambda engine: filled(engine, (CUSTOM_EVENTS, [*good, *bad]), (EXPOSURES, gates)))
    with closing(sqlite3.connect(home.folder / "source.db")) as connection, connection:
        connection.execute("UPDATE custom_events SET user = ? WHERE id = 13", [BROKEN])
        connection.execute("UPDATE custom_events SET user = ? WHERE id = 14", [ESCAPED])
        connection.execute("UPDATE custom_events SET metadata = ? WHERE id = 4", [json.dumps(METADATA)[:-2] + "NaN"])


def sdk_log(home: Home) -> None:
    def logged(name: str, metadata: Mapping[str, object]) -> str:
        event = {"eventName": name, "user": USER, "value": EMAIL, "metadata": metadata, "time": 1795176000000}
        return json.dumps({**event, "statsigMetadata": STATSIG_METADATA, "secondaryExposures": [{"gate": EMAIL}]})

    gate = {**METADATA, "gate": "the_gate", "gateValue": "true", "ruleID": "rule"}
    texts = [logged("page_view", METADATA), logged("statsig::gate_exposure", gate), logged("page_view", METADATA)[:-9]]
    at = custom_event(1)["ingested_at"]
    rows = [{"received_at": at, "event": text, "statsig_metadata": json.dumps(STATSIG_METADATA)} for text in texts]
    home.on_source(lambda engine: create_tables(engine, "sdk_log"))
    with closing(sqlite3.connect(home.folder / "source.db")) as connection, connection:
        for row in rows:
            connection.execute(
                "INSERT INTO sdk_events (received_at, event, statsig_metadata) VALUES (?, ?, ?)",
                [str(row["received_at"]), row["event"], row["statsig_metadata"]],
            )


def ingestion_table(home: Home) -> None:
    gate = {**METADATA, "gate": "the_gate", "gateValue": "true", "ruleID": "rule"}
    laid = Laid(home.folder, home.receiver, home.source_url, "statsig_events")  # type: ignore[arg-type]
    laid.create("sqlite")
    for number, (name, user, metadata) in enumerate(
        [
            ("page_view", json.dumps(USER), METADATA),
            ("statsig::gate_exposure", ESCAPED, gate),
            ("page_view", BROKEN, METADATA),
        ]
    ):
        row = {"time": 1795176000000 + number, "timeuuid": f"id-{number}", "user": user, "event_name": name}
        laid.add("statsig_events", [{**row, "event_value": EMAIL, "event_metadata": json.dumps(metadata)}])


EXPORTED = {
    "user_id": USER["userID"],
    "stable_id": f"{CANARY}-stable",
    "event_value": EMAIL,
    "user_object": ESCAPED,
    "statsig_metadata": json.dumps(STATSIG_METADATA),
    "company_metadata": json.dumps(METADATA),
}
DIMENSIONS = json.dumps(USER["custom"])


def cloud_exports(home: Home) -> None:
    laid = Laid(home.folder, home.receiver, home.source_url, "cloud_exports")  # type: ignore[arg-type]
    laid.create("sqlite")
    ids = json.dumps(USER["customIDs"])
    laid.add(
        "events", [exported_event(**EXPORTED, custom_ids=ids), exported_event(**{**EXPORTED, "user_object": BROKEN})]
    )
    laid.add(
        "exposures",
        [
            first_exposure(unit_id=USER["userID"], user_dimensions=DIMENSIONS),
            first_exposure(unit_id=f"{CANARY}-company", unit_type="companyID", user_dimensions=DIMENSIONS),
            first_exposure(unit_id=f"{CANARY}-stable", unit_type="stable_id", user_dimensions=DIMENSIONS[:-2]),
        ],
    )


def warehouse_native(home: Home) -> None:
    laid = Laid(home.folder, home.receiver, home.source_url, "warehouse_native")  # type: ignore[arg-type]
    laid.create("sqlite")
    ids = {"company_id": f"{CANARY}-company"}
    laid.add("statsig_forwarded_events", [exported_event(**EXPORTED, **ids)])
    exposed = {"user_id": USER["userID"], "stable_id": f"{CANARY}-stable", "user_dimensions": DIMENSIONS, **ids}
    laid.add("statsig_forwarded_exposures", [forwarded_exposure(**exposed)])


LAYOUTS: Mapping[str, Callable[[Home], None]] = {
    "native": native,
    "sdk_log": sdk_log,
    "statsig_events": ingestion_table,
    "cloud_exports": cloud_exports,
    "warehouse_native": warehouse_native,
}


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    """All that this library logs, at DEBUG, and what the libraries below it log by themselves."""
    log = io.StringIO()
    handler, root = logging.StreamHandler(log), logging.getLogger()
    own = logging.getLogger("statsig_export")
    before = own.level
    root.addHandler(handler)
    own.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(handler)
        own.setLevel(before)


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that was written, as it lies there and with all that Parquet has compressed and summed up."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith("source.db"):
            yield str(file), file.read_bytes()
            if file.suffix == ".parquet":
                parquet = pq.ParquetFile(file)
                yield f"{file}, its rows", repr(parquet.read().to_pylist()).encode()
                groups = [parquet.metadata.row_group(index).to_dict() for index in range(parquet.num_row_groups)]
                yield f"{file}, its statistics", repr([parquet.metadata.metadata, groups]).encode()


def rows_of(ledger: Path) -> bytes:
    with closing(sqlite3.connect(ledger)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return repr([connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables]).encode()  # noqa: S608


def verbs_of(home: Home) -> Iterator[list[str]]:
    yield from (["plan", *RANGE], ["plan", *RANGE, "--json"], ["plan", *RANGE, "--failed"])
    yield from (["run", *RANGE], ["run", *RANGE, "--json"], ["status", "--failed", "--json"], ["events", "--all"])
    ids = statsig_export.read_events(home.config)["time_uuid"]
    assert len(ids)
    yield from (["trace", time_uuid, "--event"] for time_uuid in ids[:3])
    yield ["trace", ids[0], "--event", "--json"]
    yield from (["replay", *RANGE], ["ship", "--now"], ["check"], ["verify"], ["verify", "--repair"], ["status"])
    yield ["prune", "--before", "2026-11-22", "--dry-run"]


@pytest.mark.fault("F425", "F434")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_privacy_drops_or_hashes_is_nowhere_that_anything_was_written_said_or_sent(layout: str, tmp_path: Path):
    with Receiver(strict_delivery=True) as receiver, logged() as log:
        home = Home(tmp_path, receiver, environ={"HASH_KEY": KEY})
        home.set("source", layout=layout, **SETTINGS)
        home.set("privacy", **PRIVACY)
        LAYOUTS[layout](home)
        receiver.play([Rule(requests=[1], actions=[answer(500, "busy")])])
        home.write()
        said = []
        for words in verbs_of(home):
            result = home.verb("--debug", *words)
            assert result.exit_code in (0, 1), result.output
            said.append(result.output + result.stderr)
        frames = (statsig_export.read_events(home.config), statsig_export.deliveries(home.config))
        frames += (statsig_export.failed_rows(home.config),)
        home.config_path.unlink()
        found = home.verb("init", "--json", "--debug", STATSIG_DATABASE_URL=home.source_url)
        events = receiver.events()

    assert json.loads(found.stdout)["plan"]["examples"]
    assert len(events) > 1
    assert all(len(event["userID"]) == 64 for event in events if event["userID"])
    places = {
        **dict(files_of(tmp_path)),
        "ledger": rows_of(tmp_path / "ledger.db"),
        "bodies": json.dumps(events).encode(),
        "words": "\n".join(said).encode(),
        "init": found.output.encode(),
        "log": log.getvalue().encode(),
        "frames": "".join(frame.to_csv() for frame in frames).encode(),
    }
    for place, content in places.items():
        for word in (CANARY, KEY):
            at = content.lower().find(word.encode())
            assert at < 0, f"{place}: ...{content[max(0, at - 300) : at + 100]!r}"
