"""One word that stands in every secret and in every payload, and is looked for wherever somebody may look."""

import io
import json
import logging
import socket
import sqlite3
import ssl
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import trustme
from home import ExportHome
from rows import custom_event, exposure
from verbs import run_verbs

from statsig_export.config import Config
from statsig_export.errors import StatsigExportError
from statsig_export.export.export import export_window
from statsig_export.export.plan import plan
from statsig_export.lineage.frames import deliveries, failed_rows
from statsig_export.runs import REAL_TIME
from statsig_export.shipping.destination import destination_of
from statsig_export.shipping.ship import ship
from statsig_export.shipping.status import resume, status
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.faults import Action, Faults, Rule, Shape, Stage, answer, redirect
from statsig_export.testing.webhook.receiver import Receiver

CANARY = "canary"
PATH = "/webhooks/canary-of-the-path?token=canary-of-the-query"
SECRET = "canary-of-the-signature"
PASSWORD = "canary-of-the-database"
EMAIL = "canary@example.org"
TEXT = "canary of what the event says"
QUICK = replace(REAL_TIME, roll=lambda: 0.0)
CONFIG = """\
[source]
url = "env:DB"
[webhook]
url = "env:HOOK"
auth = { method = "hmac", secret = "env:SECRET" }
timeout = "1s"
max_events = 1
[storage]
url = "files"
[ledger]
url = "env:LEDGER"
"""


def bad_rows() -> Iterator[dict[str, object]]:
    """A row of every reason that custom_events can give, all of them with payload."""
    faults: list[dict[str, object]] = [
        {"event_name": None},
        {"user": [EMAIL]},
        {"metadata": TEXT},
        {"user": {"email": EMAIL, "half": "\ud800"}},
        {"event_name": "statsig::gate_exposure"},
        {"value": TEXT * 50_000},
    ]
    for key, fault in enumerate(faults, 100):
        yield custom_event(key, **{"user": {"email": EMAIL}, "metadata": {"said": TEXT}, **fault})


def spoiled(file: Path) -> None:
    """What only raw SQL gets into the table: cut JSON, NaN, bytes that are no text, times that are none."""
    updates = [
        ("user", json.dumps({"email": EMAIL})[:-2]),
        ("metadata", '{"a":NaN,"said":"' + TEXT + '"}'),
        ("statsig_metadata", b'{"said":"' + TEXT.encode() + b'\xff"}'),
        ("timestamp", TEXT),
        ("value", TEXT.encode() + b"\xff"),
    ]
    with closing(sqlite3.connect(file)) as connection, connection:
        for key, (column, value) in enumerate(updates, 1):
            mark = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
            connection.execute(f'UPDATE custom_events SET "{column}" = {mark} WHERE id = ?', [value, key])  # noqa: S608


@contextmanager
def all_logged_to(log: io.StringIO) -> Iterator[None]:
    """Every logger at DEBUG, those of the libraries below us too."""
    handler = logging.StreamHandler(log)
    names = (None, "urllib3", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg", "fsspec")
    before = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@dataclass
class Journey:
    """A walk along every failure, and all that was said on the way."""

    home: ExportHome
    receiver: Receiver
    said: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    events: int = 1_000

    def try_to(self, verb: Callable[[Config], object], **environ: str) -> None:
        """Run a verb, with other secrets for once; keep what it says or raises."""
        before = dict(self.home.environ)
        self.home.environ |= environ
        try:
            with all_logged_to(self.log):
                self.said.append(repr(verb(self.home.config)))
        except StatsigExportError as error:
            self.errors.append(type(error).__name__)
            self.said += [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        finally:
            self.home.environ = before

    def meet(self, *actions: Action, **environ: str) -> None:
        """Plan an event of its own, and ship it into these answers."""
        self.events += 1
        row = custom_event(self.events, TEXT, user={"email": EMAIL}, metadata={"said": TEXT})
        self.home.add([row])
        self.receiver.play([Rule(actions=actions)] if actions else [])
        self.try_to(self.export)
        self.try_to(lambda config: ship(config, timing=QUICK), **environ)
        self.try_to(resume)

    def export(self, config: Config) -> object:
        return export_window(config, self.home.window())

    def plan(self, config: Config) -> object:
        return replace(plan(config, self.home.window(), failed_limit=None), examples={})


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    authentication = Authentication("hmac", SECRET)
    with Receiver(path=PATH.split("?", maxsplit=1)[0], auth=authentication, strict_delivery=True) as receiver:
        urls = (f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/ledger.db")
        home = ExportHome(tmp_path, receiver, *urls, environ={"SECRET": SECRET})
        home.environ["HOOK"] = receiver.url + "?" + PATH.split("?")[1]
        home.set("webhook", auth={"method": "hmac", "secret": "env:SECRET"}, timeout="500ms")
        home.add(
            [*(custom_event(key, TEXT, user={"email": EMAIL}) for key in range(1, 11)), *bad_rows()],
            [exposure(1, TEXT), exposure(2, name=None, user={"email": EMAIL}), exposure(3, gate_value=None)],
        )
        spoiled(tmp_path / "source.db")
        yield Journey(home, receiver)


def answers(receiver: Receiver) -> list[Action]:
    """What the other side may say, with our own words in it where it can."""
    echo = json.dumps({"error": "bad", "got": {"email": EMAIL, "said": TEXT}})
    url = receiver.url + "?" + PATH.split("?")[1]
    return [
        answer(400, echo),
        answer(422, f"cannot take {TEXT}"),
        answer(401, f"the signature was made with {SECRET}"),
        answer(403, url),
        answer(404, f"no connector {PATH.split('?', maxsplit=1)[0].rsplit('/', 1)[-1]}"),
        answer(410, "gone: canary-of-the-query"),
        redirect(url + "&again=canary"),
        answer(413, echo),
        answer(429, url, Retry_After="1"),
        answer(500, f"no route to {PATH}"),
        answer(503, echo, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"),
        answer(200, echo),
        Action(reset=Stage.ACCEPT),
        Action(reset=Stage.HEADERS),
        Action(reset=Stage.BODY),
        Action(reset=Stage.PROCESSING),
        Action(delay=2),
        Action(reply=Shape.GARBAGE),
        Action(reply=Shape.TRUNCATED_BODY, body=echo),
        Action(reply=Shape.EMPTY),
    ]


def walk(journey: Journey, tmp_path: Path) -> None:
    """Every failure that a run can meet."""
    home = journey.home
    journey.try_to(journey.plan)
    journey.try_to(journey.export)
    for action in answers(journey.receiver):
        journey.meet(action)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        journey.meet(HOOK=f"http://127.0.0.1:{port}{PATH}")
        journey.meet(HOOK=f"https://nowhere.invalid{PATH}")
        for verb in (journey.export, journey.plan):
            journey.try_to(verb, DB=f"postgresql://ada:{PASSWORD}@127.0.0.1:{port}/events")
        journey.try_to(status, LEDGER=f"postgresql://ada:{PASSWORD}@127.0.0.1:{port}/ledger")
    with Receiver(path=PATH.split("?", maxsplit=1)[0], tls=untrusted()) as tls:
        journey.meet(HOOK=tls.url)
    journey.try_to(journey.export, DB=f"mysql+nosuch://ada:{PASSWORD}@localhost/events")
    journey.try_to(journey.export, DB=f"postgresql//ada:{PASSWORD}@localhost")
    journey.try_to(journey.export, DB=f"sqlite:///{tmp_path}/empty.db")
    journey.try_to(ship, LEDGER=f"sqlite:///{tmp_path}/export.toml")
    journey.try_to(ship, LEDGER=f"mysql+pymysql://ada:{PASSWORD}@localhost/ledger")
    journey.try_to(ship, HOOK=f"http://ada:{PASSWORD}@example.org{PATH}")
    journey.try_to(ship, HOOK=f"http://example.org{PATH}")
    journey.try_to(ship, HOOK=f"https://[canary{PATH}")
    home.set("webhook", proxy="env:PROXY")
    journey.meet(PROXY=f"http://ada:{PASSWORD}@127.0.0.1:{port}")
    home.set("webhook", proxy=None)
    for file in (home.folder / "files" / "events").rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-50])
    journey.meet()
    journey.try_to(lambda config: (failed_rows(config).to_csv(), deliveries(config).to_csv(), destination_of(config)))


def untrusted() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def all_of_the_ledger(file: Path) -> str:
    """Every value of every table."""
    with closing(sqlite3.connect(file)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}  # noqa: S608
    assert {"batches", "attempts", "export_runs", "ship_runs", "destinations"} <= set(rows)
    assert len(rows["attempts"]) > 20
    return repr(rows)


def all_of_the_quarantine(folder: Path) -> str:
    files = list((folder / "files" / "quarantine").rglob("*.parquet"))
    assert files
    return "".join(repr(pq.read_table(file).to_pylist()) + repr(pq.read_metadata(file).metadata) for file in files)


@pytest.mark.fault("F71", "F72")
def test_after_every_failure_no_secret_and_no_payload_is_in_logs_errors_ledger_or_quarantine(
    journey: Journey, tmp_path: Path
):
    (tmp_path / "export.toml").write_text(CONFIG)
    (tmp_path / "empty.db").touch()
    walk(journey, tmp_path)

    assert {"ConfigError", "SourceError", "DestinationError", "LedgerError"} <= set(journey.errors)
    assert 'POST [secret] HTTP/1.1" 400' in journey.log.getvalue()
    for place, text in {
        "logs": journey.log.getvalue(),
        "errors and reports": "\n".join(journey.said),
        "ledger": all_of_the_ledger(tmp_path / "ledger.db"),
        "quarantine": all_of_the_quarantine(tmp_path),
    }.items():
        found = text.lower().find(CANARY)
        assert found < 0, f"{place}: ...{text[max(0, found - 300) : found + 100]}..."
    metadata = [pq.read_metadata(file).metadata for file in (tmp_path / "files").rglob("*.parquet") if _whole(file)]
    assert CANARY not in repr(metadata)


def _whole(file: Path) -> bool:
    return file.read_bytes().endswith(b"PAR1")


@pytest.mark.fault("F71", "F72")
def test_no_verb_prints_a_secret_or_a_payload_even_when_it_is_to_tell_everything(journey: Journey, tmp_path: Path):
    home = journey.home
    (tmp_path / "export.toml").write_text(CONFIG)
    home.add([custom_event(key, TEXT, user={"email": EMAIL}) for key in range(2_000, 2_030)])
    rules = [Rule(requests=[number], actions=[action]) for number, action in enumerate(answers(journey.receiver), 1)]
    journey.receiver.play(Faults(rules=rules, max_events=3))
    days = ["--from", "2026-11-20", "--to", "2026-11-21"]
    verbs = [["run", *days], ["resume"], ["ship", "--json"], ["resume", "--json"]]
    verbs += [["ship"], ["resume"]] * 6
    verbs += [["status", "--failed"], ["status", "--failed", "--json"], ["verify"], ["replay", *days], ["sing"]]
    verbs += [["test-event"]]  # after the scripted answers: they quote the events, which this request does not hold
    options = ["--debug", "--config", str(tmp_path / "export.toml")]
    without_source = {**home.environ, "DB": f"postgresql://ada:{PASSWORD}@127.0.0.1:1/events"}
    without_ledger = {**home.environ, "LEDGER": f"postgresql://ada:{PASSWORD}@127.0.0.1:1/ledger"}
    outputs = [
        run_verbs([[*options, *verb] for verb in verbs], home.environ),
        run_verbs([[*options, "run", *days], [*options, "init", "--tables"]], without_source),
        run_verbs([[*options, "ship"]], without_ledger),
    ]

    assert "Traceback" in outputs[0]
    assert "DEBUG:urllib3" in outputs[0]
    assert len(journey.receiver.requests) >= len(rules)  # every answer was met
    for text in outputs:
        found = text.lower().find(CANARY)
        assert found < 0, f"...{text[max(0, found - 300) : found + 100]}..."
    planned = run_verbs([[*options, "plan", *days, "--failed"]], home.environ)
    for secret in (*PATH.split("?"), SECRET, PASSWORD):
        assert secret not in planned  # an example of each category is what plan is for
