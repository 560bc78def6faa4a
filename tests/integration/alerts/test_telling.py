"""What is told of a real ledger to real receivers: once, once more when it is over, and nothing that is secret."""

import errno
import hashlib
import hmac
import json
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from alert_receiver import Taken, http_receiver
from home import ExportHome
from rows import custom_event
from shell import Shell

from statsig_export.alerts.incidents import Observation
from statsig_export.alerts.memory import FileMemory, LastTold, LedgerMemory, TextMemory
from statsig_export.alerts.telling import Told, tell
from statsig_export.config import Config
from statsig_export.errors import ConfigError
from statsig_export.ledger.transactions import ledger_of
from statsig_export.monitoring.rules import Fault, Level
from statsig_export.shipping.status import resume
from statsig_export.testing.webhook.faults import Rule, answer

CANARIES = ("secret-path", "the-signing-key", "secret_endpoint", "user-1", "example.org")


@pytest.fixture
def receiver_of_alerts() -> Iterator[Taken]:
    with http_receiver() as taken:
        yield taken


@pytest.fixture
def duty(home: ExportHome, receiver_of_alerts: Taken) -> "Duty":
    return Duty(home, receiver_of_alerts)


class Duty:
    """A home whose alerts go to one webhook, and a clock that the test moves."""

    def __init__(self, home: ExportHome, taken: Taken) -> None:
        self.home, self.taken = home, taken
        self.now = datetime.now(UTC)
        self.beside = TextMemory("")
        home.environ |= {"ALERTS": taken.url, "KEY": "the-signing-key"}
        home.set("checks", overdue_after="36500d")  # the windows since are no matter here
        webhook = {"url": "env:ALERTS", "secret": "env:KEY"}
        home.set("alerts", dagster_url="https://dagster.example/", timeout="2s", webhook=webhook)

    @property
    def config(self) -> Config:
        return self.home.config

    def look(self, minutes: float = 1, watch: Callable[[], list[Observation]] = list) -> Told:
        self.now += timedelta(minutes=minutes)
        return tell(self.config, self.beside, watch, lambda: self.now)

    def looks(self, count: int) -> list[Told]:
        return [self.look() for _ in range(count)]

    def halt(self) -> None:
        self.home.receiver.play([Rule(actions=[answer(401)])])
        self.home.add([custom_event(1), custom_event(2)])
        self.home.export()
        self.home.write()
        assert self.home.verb("ship").exit_code == 4

    def incidents(self) -> list[tuple[str, str]]:
        """(key, state) of each incident in each message, in order."""
        return [(one["key"], one["state"]) for body in self.taken.documents for one in body["incidents"]]


@pytest.mark.fault("F555")
def test_a_halt_is_told_once_and_once_when_it_is_over(duty: Duty):
    duty.halt()
    duty.looks(5)
    assert duty.incidents() == [("halted", "began")]
    duty.home.receiver.play([])
    resume(duty.home.config)
    duty.home.ship()
    for _ in range(4):
        duty.look(minutes=6)

    assert duty.incidents() == [("halted", "began"), ("halted", "over")]
    began, over = duty.taken.documents
    assert "whose fault: the destination" in began["text"]
    assert "statsig-export resume" in began["text"]
    assert (began["destination"], began["incidents"][0]["level"]) == ("fivetran", "CRITICAL")
    assert over["incidents"][0]["until"] > over["incidents"][0]["since"]
    assert LedgerMemory(duty.config).read().text == ""


@pytest.mark.fault("F559")
def test_a_message_is_signed_over_its_bytes_and_holds_no_secret_and_nothing_of_an_event(duty: Duty):
    duty.halt()
    duty.looks(4)

    (body,), (headers,) = duty.taken.bodies, duty.taken.headers
    signature = hmac.new(b"the-signing-key", body, hashlib.sha256).hexdigest()
    assert headers["x-statsig-export-signature"] == signature
    assert headers["webhook-id"] == json.loads(body)["id"]
    stored = sqlite3.connect(duty.home.folder / "ledger.db").execute("SELECT value FROM meta").fetchall()
    for canary in CANARIES:
        assert canary not in body.decode() + str(stored) + duty.beside.text


@pytest.mark.fault("F560")
@pytest.mark.parametrize("status", [302, 500])
def test_a_receiver_that_refuses_is_tried_again_later_and_hears_each_thing_once(duty: Duty, status: int):
    duty.halt()
    duty.taken.answers = [status] * 3
    failed = [told.failed for told in duty.looks(14) if told.failed]

    assert failed == [{"webhook": f"HTTP {status}"}] * 3
    assert duty.incidents() == [("halted", "began")] * 4  # three that were refused, and one that was taken
    assert len({document["id"] for document in duty.taken.documents}) == 1


@pytest.mark.fault("F560")
def test_a_receiver_that_does_not_answer_costs_its_timeout_and_nothing_else(duty: Duty):
    duty.halt()
    duty.taken.hold = threading.Event()
    duty.home.set("alerts", timeout="300ms")
    began = time.monotonic()
    (*_, told) = duty.looks(3)

    assert time.monotonic() - began < 3
    assert list(told.failed) == ["webhook"]
    assert told.owed == ["webhook"]
    duty.taken.hold.set()
    duty.taken.bodies.clear()
    duty.looks(5)
    assert ("halted", "began") in duty.incidents()


@pytest.mark.fault("F560")
def test_a_certificate_that_does_not_hold_is_no_receiver_until_its_authority_is_named(duty: Duty, tmp_path: Path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    duty.halt()
    with http_receiver(context) as taken:
        duty.home.environ["ALERTS"] = taken.url
        (*_, told) = duty.looks(3)
        assert "certificate" in told.failed["webhook"]
        assert taken.bodies == []
        duty.home.set("alerts", webhook={"url": "env:ALERTS", "ca_bundle": "authority.pem"})
        duty.looks(3)

        assert [one["state"] for one in taken.documents[0]["incidents"]] == ["began"]


@pytest.mark.fault("F561")
def test_a_ledger_that_cannot_be_read_is_told_once_and_what_it_remembers_is_not_lost(duty: Duty):
    duty.halt()
    duty.looks(3)
    ledger, away = duty.home.folder / "ledger.db", duty.home.folder / "away.db"
    for name in ("", "-wal", "-shm"):
        if (found := Path(f"{ledger}{name}")).exists():
            found.rename(f"{away}{name}")
    ledger.write_bytes(b"this is no database, but it is not empty either" * 50)
    (told, *_) = duty.looks(5)
    assert told.wrong is not None
    assert duty.incidents() == [("halted", "began"), ("ledger", "began")]
    ledger.unlink()
    for name in ("", "-wal", "-shm"):
        if (found := Path(f"{away}{name}")).exists():
            found.rename(f"{ledger}{name}")
    for _ in range(4):
        duty.look(minutes=6)

    assert duty.incidents() == [("halted", "began"), ("ledger", "began"), ("ledger", "over")]


@pytest.mark.fault("F649")
def test_a_ledger_that_can_be_read_and_not_written_before_somebody_is_told_is_told(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("statsig_export.alerts.memory._WRITE_WAIT_MS", 50)
    duty.halt()
    duty.taken.answers = [500]
    duty.looks(3)
    with closing(sqlite3.connect(duty.home.folder / "ledger.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        told = duty.looks(4)

    assert told[0].wrong is not None
    assert duty.incidents() == [("halted", "began"), ("ledger", "began")]
    duty.looks(1)
    assert duty.incidents()[2:] == [("halted", "began")]


@pytest.mark.fault("F650")
def test_on_a_full_disk_that_the_ledger_cannot_be_read_is_told_once_an_hour(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileMemory, "_write", full)
    duty.home.environ["LEDGER"] = f"sqlite:///{duty.home.write()}"  # a file that is none
    memory = FileMemory(duty.home.folder / "alerts.json")
    told = []
    for _ in range(122):
        told.append(tell(duty.config, memory, now=lambda: duty.now, last_told=LastTold(memory)))
        duty.now += timedelta(minutes=1)

    assert [minute for minute, one in enumerate(told) if one.told] == [0, 60, 120]
    assert all(one.unkept is not None for one in told)
    assert "free space on its disk" in duty.taken.texts[0]


@pytest.mark.fault("F650")
def test_on_a_full_disk_a_ledger_that_can_only_be_read_is_told_once_an_hour(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("statsig_export.alerts.memory._WRITE_WAIT_MS", 50)
    monkeypatch.setattr(FileMemory, "_write", full)
    duty.halt()
    memory = FileMemory(duty.home.folder / "alerts.json")
    with closing(sqlite3.connect(duty.home.folder / "ledger.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        told = [tell(duty.config, memory, now=lambda: duty.now, last_told=LastTold(memory)) for _ in range(2)]

    assert [list(one.told) for one in told] == [["webhook"], []]
    assert all(one.wrong is not None and one.unkept is not None for one in told)
    assert duty.incidents() == [("ledger", "began")]


@pytest.mark.fault("F657")
@pytest.mark.parametrize(
    "databases", ["sqlite", pytest.param("postgresql", marks=pytest.mark.acceptance)], indirect=True
)
def test_a_ledger_that_is_not_there_is_told_once_and_once_when_something_was_exported(
    any_home: ExportHome, receiver_of_alerts: Taken
):
    duty = Duty(any_home, receiver_of_alerts)
    duty.looks(5)
    assert duty.incidents() == [("empty", "began")]
    assert "there is no ledger at " in duty.taken.texts[0]
    duty.home.add([custom_event(1)])
    duty.home.export()
    duty.home.ship()
    for _ in range(4):
        duty.look(minutes=6)

    assert duty.incidents() == [("empty", "began"), ("empty", "over")]
    assert duty.beside.text == LedgerMemory(duty.config).read().text == ""


@pytest.mark.fault("F657")
def test_a_ledger_that_appears_and_is_empty_still_is_no_other_incident(duty: Duty):
    duty.looks(5)
    with ledger_of(duty.config):
        pass  # made, and nothing is exported
    for _ in range(4):
        duty.look(minutes=6)

    assert duty.incidents() == [("empty", "began")]


@pytest.mark.fault("F657")
def test_while_the_ledger_cannot_be_read_nobody_hears_that_it_is_there_again(duty: Duty):
    duty.looks(3)
    right, duty.home.environ["LEDGER"] = duty.home.environ["LEDGER"], f"sqlite:///{duty.home.write()}"
    for _ in range(4):
        duty.look(minutes=6)
    assert duty.incidents() == [("empty", "began"), ("ledger", "began")]
    duty.home.environ["LEDGER"] = right
    for _ in range(4):
        duty.look(minutes=6)

    assert duty.incidents()[2:] == [("ledger", "over")]


@pytest.mark.fault("F657")
def test_what_the_ledger_remembers_is_followed_there_when_it_was_away_for_a_while(duty: Duty):
    failed = Observation("run:1", Level.WARNING, "a run failed", Fault.SOURCE, "look")
    duty.halt()
    for _ in range(4):
        duty.look(watch=lambda: [failed])
    ledger = duty.home.folder / "ledger.db"
    away = ledger.rename(ledger.with_name("away.db"))
    for _ in range(4):
        duty.look(watch=lambda: [failed])
    away.rename(ledger)
    for _ in range(4):
        duty.look(minutes=6, watch=lambda: [failed])

    began = [("halted", "began"), ("run:1", "began")]
    assert duty.incidents() == [*began, ("other_ledger", "began"), ("run:1", "began"), ("other_ledger", "over")]


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Nobody reads or writes it meanwhile."""
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.fault("F561")
def test_a_ledger_that_is_locked_is_an_incident_of_its_own(duty: Duty, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statsig_export.alerts.telling.READ_WAIT_MS", 50)
    duty.halt()
    engine_free = duty.home.folder / "ledger.db"
    with closing(sqlite3.connect(engine_free, isolation_level=None)) as one:
        one.execute("PRAGMA journal_mode = DELETE")  # in WAL nothing keeps a reader out
    with locked(engine_free):
        for _ in range(3):
            told = duty.look()
    assert told.wrong is not None
    assert duty.incidents() == [("ledger", "began")]


@pytest.mark.fault("F562")
@pytest.mark.parametrize(
    "databases", ["sqlite", pytest.param("postgresql", marks=pytest.mark.acceptance)], indirect=True
)
def test_of_two_daemons_at_once_one_tells(any_home: ExportHome, receiver_of_alerts: Taken):
    duty = Duty(any_home, receiver_of_alerts)
    duty.halt()
    duty.look()
    duty.now += timedelta(minutes=5)
    config, now = duty.config, duty.now
    together = threading.Barrier(4)

    def daemon(_: int) -> Told:
        together.wait()
        return tell(config, TextMemory(""), now=lambda: now)

    with ThreadPoolExecutor(4) as daemons:
        told = list(daemons.map(daemon, range(4)))

    assert sum(bool(one.told) for one in told) == 1
    assert duty.incidents() == [("halted", "began")]


@pytest.mark.fault("F562")
def test_a_process_that_dies_while_it_tells_leaves_it_to_another_one(duty: Duty, monkeypatch: pytest.MonkeyPatch):
    duty.halt()
    duty.looks(2)
    with monkeypatch.context() as dying:
        dying.setattr("statsig_export.alerts.telling._sent", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            duty.look()
    assert duty.look().told == {}  # it is left to the one that may still be at it
    duty.looks(2)

    assert duty.incidents() == [("halted", "began")]


def test_several_incidents_of_one_look_are_one_message(duty: Duty):
    duty.halt()
    failed = Observation("run:1", Level.WARNING, "a run failed", Fault.SOURCE, "look", ("2026-11-20",), ("run-id",))
    for _ in range(4):
        duty.look(watch=lambda: [failed])

    (document,) = duty.taken.documents
    assert [one["key"] for one in document["incidents"]] == ["halted", "run:1"]
    assert "https://dagster.example/runs/run-id" in document["text"]
    assert "concerns: 2026-11-20" in document["text"]


def test_a_usual_look_writes_nothing_to_the_ledger(duty: Duty):
    duty.halt()
    duty.looks(4)
    with ledger_of(duty.config) as ledger, ledger.database.write():  # another process is writing all the while
        assert duty.look().open[0].seen.key == "halted"


def test_neither_the_sources_nor_the_webhooks_variable_is_needed(duty: Duty):
    duty.halt()
    del duty.home.environ["DB"], duty.home.environ["HOOK"]
    duty.looks(4)

    assert duty.incidents() == [("halted", "began")]


@pytest.mark.fault("F561")
def test_a_variable_of_the_ledger_that_is_not_set_where_alerts_are_told_is_told(duty: Duty):
    del duty.home.environ["LEDGER"]
    duty.looks(4)

    (document,) = duty.taken.documents
    assert document["incidents"][0]["fault"] == "configuration"
    assert "variable LEDGER is not set" in document["text"]


@pytest.mark.fault("F557")
def test_a_receiver_whose_variable_is_not_set_keeps_nobody_else_from_being_told(duty: Duty):
    duty.home.set("alerts", slack={"url": "env:NOBODY_HAS_SET_IT"})
    duty.halt()
    (*_, told) = duty.looks(3)

    assert told.failed == {"slack": "the environment variable NOBODY_HAS_SET_IT is not set"}
    assert duty.incidents() == [("halted", "began")]


@pytest.mark.parametrize("gone", ["ALERTS", "KEY"])
def test_a_variable_that_is_not_set_is_an_error_that_names_it(duty: Duty, gone: str):
    del duty.home.environ[gone]

    with pytest.raises(ConfigError, match=f"variable {gone} is not set"):
        duty.look()


class TestTheVerb:
    """`statsig-export alerts`, for cron."""

    @pytest.fixture
    def shell(self, duty: Duty) -> Shell:
        duty.home.set("alerts", after="0s", over_after="0s", state="remembered/alerts.json")
        return Shell(duty.home)

    def test_it_tells_and_says_whom(self, duty: Duty, shell: Shell):
        duty.halt()
        first, second = shell("alerts"), shell.json("alerts")

        assert (first.exit_code, first.output) == (
            0,
            "webhook was told: began the destination fivetran is halted: HTTP 401: error: so the script …\n",
        )
        assert second["told"] == {}
        assert [one["key"] for one in second["incidents"]] == ["halted"]
        assert duty.incidents() == [("halted", "began")]

    @pytest.mark.fault("F560")
    def test_somebody_who_cannot_be_told_is_exit_code_1_and_one_line(self, duty: Duty, shell: Shell):
        duty.halt()
        duty.taken.answers = [500]
        result = shell("alerts")

        assert result.exit_code == 1
        assert "webhook was not told (HTTP 500): it is tried again" in result.stderr

    @pytest.mark.fault("F561")
    def test_that_the_ledger_cannot_be_read_is_remembered_beside_it(self, duty: Duty, shell: Shell):
        duty.home.environ["LEDGER"] = f"sqlite:///{shell.config}"
        codes = [shell("alerts").exit_code for _ in range(3)]

        assert codes == [5, 5, 5]
        assert duty.incidents() == [("ledger", "began")]
        assert (duty.home.folder / "remembered" / "alerts.json").exists()

    @pytest.mark.fault("F657")
    def test_that_there_is_no_ledger_is_remembered_beside_it(self, duty: Duty, shell: Shell):
        results = [shell("alerts") for _ in range(3)]

        assert [result.exit_code for result in results] == [0, 0, 0]
        assert results[2].output == "nothing to tell: 1 incidents are open, 1 are followed\n"
        assert duty.incidents() == [("empty", "began")]
        assert not (duty.home.folder / "ledger.db").exists()

    @pytest.mark.fault("F657")
    def test_without_a_memory_it_tells_that_there_is_no_ledger_all_the_same(self, duty: Duty, shell: Shell):
        (duty.home.folder / "remembered").write_text("a file where a folder should be")
        result = shell("alerts")

        assert result.exit_code == 2
        assert duty.incidents() == [("empty", "began")]
        assert "That is told again and again, since alerts.state: " in duty.taken.texts[0]

    @pytest.mark.fault("F648")
    def test_what_a_look_that_was_killed_was_telling_is_said_to_be_left_to_it(
        self, duty: Duty, shell: Shell, monkeypatch: pytest.MonkeyPatch
    ):
        duty.halt()
        with monkeypatch.context() as dying:
            dying.setattr("statsig_export.alerts.telling._sent", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                duty.look(minutes=0)
        since, until = (f"{duty.now + wait:%H:%M:%S} UTC" for wait in (timedelta(), timedelta(minutes=2)))
        result, said = shell("alerts"), shell.json("alerts")

        assert (result.exit_code, said["told"]) == (1, {})
        assert result.stdout == "nobody was told: 1 incidents are open, 1 are followed\n"
        assert said["waiting"] == {
            "webhook": f"another look is at telling it since {since}, or was killed at that: it is left to that one"
            f" until {until}"
        }
        assert said["waiting"]["webhook"] in result.stderr

    @pytest.mark.fault("F648")
    def test_somebody_who_is_left_alone_after_a_failure_is_said_to_be_owed_something(self, duty: Duty, shell: Shell):
        duty.halt()
        duty.taken.answers = [500]
        shell("alerts")
        result = shell("alerts")

        assert (result.exit_code, result.stdout[:16]) == (1, "nobody was told:")
        assert "webhook is still to be told something: the last try has failed: it is tried again from" in result.stderr

    @pytest.mark.fault("F650")
    def test_without_a_memory_it_tells_at_each_look_that_the_ledger_cannot_be_read(self, duty: Duty, shell: Shell):
        duty.home.set("alerts", after="2m")
        duty.home.environ["LEDGER"] = f"sqlite:///{shell.config}"
        (duty.home.folder / "remembered").write_text("a file where a folder should be")
        results = [shell("alerts") for _ in range(2)]

        assert [result.exit_code for result in results] == [5, 5]
        assert duty.incidents() == [("ledger", "began")] * 2
        assert "That is told again and again, since alerts.state: " in duty.taken.texts[0]
        assert "name one in [alerts] state that this user may write to" in duty.taken.texts[0]
        assert "alerts.state" in results[0].stderr

    @pytest.mark.fault("F652")
    def test_a_memory_that_cannot_be_read_keeps_nobody_from_being_told_what_the_ledger_says(
        self, duty: Duty, shell: Shell
    ):
        duty.halt()
        (duty.home.folder / "remembered" / "alerts.json").mkdir(parents=True)
        results = [shell("alerts") for _ in range(2)]

        assert [result.exit_code for result in results] == [2, 2]
        assert "alerts.state" in results[0].stderr
        assert duty.incidents() == [("halted", "began")]

    @pytest.mark.fault("F647")
    def test_a_test_message_is_sent_whatever_is_wrong_or_not(self, duty: Duty, shell: Shell):
        result = shell("alerts", "--test")

        assert (result.exit_code, result.output) == (0, "webhook: has taken the test message\n")
        assert "nothing is wrong\n  whose fault: nobody's\n  what to do: nothing\n" in duty.taken.texts[0]
        assert "bug" not in duty.taken.texts[0]
        assert duty.taken.documents[0]["incidents"][0]["fault"] == "nobody"

    @pytest.mark.fault("F642")
    def test_a_memory_that_cannot_be_kept_is_found_by_a_test_message(self, duty: Duty, shell: Shell):
        (duty.home.folder / "remembered").write_text("a file where a folder should be")
        result = shell("alerts", "--test")

        assert (result.exit_code, "alerts.state" in result.stderr) == (2, True)
        assert result.stdout == "webhook: has taken the test message\n"
        assert len(duty.taken.bodies) == 1

    @pytest.mark.fault("F661")
    def test_a_test_names_all_that_is_wrong_and_tells_whom_it_can(self, duty: Duty, shell: Shell):
        url = duty.home.environ.pop("ALERTS")
        (duty.home.folder / "remembered").write_text("a file where a folder should be")
        nobody = shell("alerts", "--test")
        duty.home.set("alerts", slack={"url": "env:CHANNEL"})
        duty.home.environ["CHANNEL"] = url
        shell.home.write()
        somebody, said = shell("alerts", "--test"), shell.json("alerts", "--test")

        for result in (nobody, somebody):
            assert result.exit_code == 2
            assert "alerts.state" in result.stderr
            assert "webhook: the environment variable ALERTS is not set" in result.stdout
        assert "the environment variable ALERTS is not set" in nobody.stderr
        assert "slack: has taken the test message" in somebody.stdout
        assert said["test"] == {"slack": "taken", "webhook": "the environment variable ALERTS is not set"}
        assert "cannot be kept" in said["state"]

    def test_without_alerts_it_says_what_to_write(self, shell: Shell):
        del shell.home.settings["alerts"]
        shell.home.write()

        assert shell("alerts").exit_code == 2


def test_a_file_remembers_through_two_processes_at_once(tmp_path: Path):
    memory = FileMemory(tmp_path / "deep" / "alerts.json")
    with ThreadPoolExecutor(4) as processes:
        list(processes.map(lambda n: memory.change(lambda r: r.taking([f"r{n}"], 10**12)), range(20)))

    assert len(memory.read().tried) == 20


@pytest.mark.parametrize("value", ["https://hooks.slack.com/services/T0/B0/xyz", "hunter2"])
def test_a_secret_that_is_written_into_the_file_is_an_error_that_does_not_show_it(duty: Duty, value: str):
    duty.home.set("alerts", slack={"url": value})

    with pytest.raises(ConfigError, match="holds a secret") as caught:
        _ = duty.config
    assert value not in str(caught.value)
