"""The table of docs/exit-codes.md, cell by cell, on real ledgers and the real stand-in webhook."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from home import ExportHome
from landing import EVENTS, landing_in
from rows import custom_event, exposure
from shell import DAY, Shell, held
from sqlalchemy import create_engine, text

from statsig_export import read_events
from statsig_export.cli import verb_options
from statsig_export.cli.options import VERBS, cli
from statsig_export.ledger import standings
from statsig_export.shipping.status import due_partitions, resume
from statsig_export.testing.webhook.faults import Rule, answer

DOCUMENT = Path(__file__).parents[3] / "docs" / "exit-codes.md"
TWO_DAYS = ("--from", "2026-11-20", "--to", "2026-11-22")
NO_GAPS = ("--export-age", "36500d")
SECRET = "token-9f31"
LATER = [Rule(actions=[answer(503, Retry_After="60")])]
REFUSED = [Rule(actions=[answer(401)])]
WORDS = {
    "run": ["run", *DAY],
    "ship": ["ship"],
    "replay": ["replay", *DAY],
    "status": ["status", *DAY],
    "plan": ["plan", *DAY],
    "events": ["events", *DAY],
    "trace": ["trace", "the-first"],
    "verify": ["verify"],
    "prune": ["prune", "--before", "2026-11-21"],
    "forget": ["forget", "--user-id", "user-1"],
    "resume": ["resume"],
    "test-event": ["test-event"],
    "check": ["check", *NO_GAPS],
    "arrivals": ["arrivals", *DAY],
    "metrics": ["metrics"],
    "alerts": ["alerts"],
    "backup": ["backup", "env:BACKUP"],
    "restore": ["restore", "env:BACKUP", "--force"],
}
STANDS_ALONE = {"init", "demo", "dedupe-view", "notebook", "receiver"}


def table() -> dict[tuple[str, str], int]:
    """(verb, column) -> exit code, as the document has them."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    (start,) = (place for place, row in enumerate(rows) if row[0] == "verb")
    columns = rows[start]
    wanted = [row for row in rows[start + 2 :] if len(row) == len(columns)]
    return {
        (row[0], column): int(cell)
        for row in wanted
        for column, cell in zip(columns[1:], row[1:], strict=True)
        if cell != "-"
    }


CELLS = table()
COMMON = [(verb, column, code) for (verb, column), code in CELLS.items() if verb not in STANDS_ALONE]


@pytest.fixture
def shell(home: ExportHome) -> Shell:
    return Shell(home)


def rows(bad: int, good: int) -> list[dict[str, object]]:
    named = [custom_event(key) for key in range(2, good + 1)]
    return [
        custom_event(1, time_uuid="the-first"),
        *named,
        *(custom_event(key, None) for key in range(good + 1, good + bad + 1)),
    ]


def prepare(shell: Shell, verb: str, column: str) -> None:
    """The rows are there; exported for `ship`; shipped, as far as it goes, for what looks back on that."""
    home = shell.home
    home.environ["BACKUP"] = str(home.folder / "backup")
    if column != "nothing exported":
        lay_down(shell, verb, column)
    if verb == "arrivals":
        lands_all(shell)
    if verb == "alerts":  # nothing has been wrong for long enough to be told
        home.environ["ALERTS"] = "http://127.0.0.1:9/"
        home.set("alerts", webhook={"url": "env:ALERTS"})
    home.write()


def lay_down(shell: Shell, verb: str, column: str) -> None:
    """Make it, or take a copy of what another case has made."""
    home = shell.home
    bad, good = {"few failed": (1, 150), "many failed": (1, 2)}.get(column, (0, 2))
    exported = verb != "run" or column in {"held", "files"}
    looks_back = verb not in {"run", "ship", "plan", "test-event", "events"}
    shipped = looks_back and (verb == "replay" or column not in {"pending", "held", "halted before", "interrupted"})
    shipped_before = shipped and verb != "restore"  # a backup to restore is older than what was shipped since

    def make() -> None:
        home.add(rows(bad, good))
        if exported:
            home.export()
        if shipped_before:
            assert home.ship().sent

    home.begin(f"{bad} bad and {good} good rows, {exported=}, {shipped_before=}", make)
    if verb == "restore":
        assert shell("backup", "env:BACKUP").exit_code == 0
        if shipped:
            assert home.ship().sent
    if looks_back and column == "pending" and not shipped:
        home.receiver.play(LATER)
        shell("ship")


def lands_all(shell: Shell) -> None:
    """Fivetran has written what is sent in the end, whenever that is."""
    home, landing = shell.home, landing_in(shell.home.folder)
    ids = read_events(home.config, columns=["time_uuid"])["time_uuid"]
    landing.land({"eventName": "e", "timestamp": 0, "timeUUID": one} for one in ids)
    home.environ["LANDED"] = landing.url
    home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")


@contextmanager
def situation(shell: Shell, column: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the verb meets."""
    home = shell.home
    meets: dict[str, Callable[[], object]] = {
        "pending": lambda: home.receiver.play(LATER),
        "missing": lambda: break_the_second_day(home),
        "halted before": lambda: halt(shell),
        "halts now": lambda: home.receiver.play(REFUSED),
        "configuration": lambda: shell.config.write_text("[webhok]\n"),
        "source": lambda: home.environ.update(dict.fromkeys(("DB", "LANDED"), f"sqlite:///{home.folder}/none.db")),
        "ledger": lambda: home.environ.update(LEDGER=f"sqlite:///{shell.config}"),
        "files": lambda: lose_files(home),
        "own error": lambda: monkeypatch.setattr(verb_options, "load_config", raising(RuntimeError(SECRET))),
        "interrupted": lambda: monkeypatch.setattr(verb_options, "load_config", raising(KeyboardInterrupt())),
    }
    meets.get(column, lambda: None)()
    with held(home) if column == "held" else nullcontext():
        yield


def raising(error: BaseException) -> Callable[..., object]:
    def load_config(_: object) -> object:
        raise error

    return load_config


def halt(shell: Shell) -> None:
    """Another day's events were refused."""
    shell.home.add([custom_event(900, ingested_at=custom_event(900)["ingested_at"].replace(day=21))])
    shell.home.export("2026-11-21")
    shell.home.receiver.play(REFUSED)
    assert shell("ship").exit_code == 4
    shell.home.receiver.play([])


def lose_files(home: ExportHome) -> None:
    files = list((home.folder / "files" / "events").rglob("*.parquet"))
    assert files
    for file in files:
        file.unlink()


def break_the_second_day(home: ExportHome) -> None:
    """The first day is there; a row of the second cannot be read, as when a view casts what it should not."""
    home.add([custom_event(666, ingested_at=custom_event(666)["ingested_at"].replace(day=21))])
    engine = create_engine(home.source_url)
    with engine.begin() as connection:
        names = [line[1] for line in connection.execute(text("PRAGMA table_info(custom_events)"))]
        broken = "CASE WHEN id = 666 THEN json_extract('{', '$') ELSE value END AS value"
        columns = ", ".join(broken if name == "value" else f'"{name}"' for name in names)
        connection.execute(text("ALTER TABLE custom_events RENAME TO the_rows"))
        connection.execute(text(f"CREATE VIEW custom_events AS SELECT {columns} FROM the_rows"))  # noqa: S608  names of our own table
    engine.dispose()


def words_of(verb: str, column: str) -> list[str]:
    words = WORDS[verb]
    if (verb, column) == ("status", "nothing exported"):
        return ["status"]
    if column != "missing":
        return words
    other = {"trace": ["trace", "nobody"], "check": ["check"]}
    return other.get(verb, [words[0], *TWO_DAYS])


@pytest.mark.fault("F130", "F131", "F132", "F133")
@pytest.mark.parametrize(("verb", "column", "code"), COMMON, ids=lambda part: str(part).replace(" ", "-"))
def test_each_verb_ends_with_the_code_of_the_table(
    shell: Shell, verb: str, column: str, code: int, monkeypatch: pytest.MonkeyPatch
):
    if column not in {"configuration", "own error", "interrupted"}:
        prepare(shell, verb, column)
    with situation(shell, column, monkeypatch):
        result = shell(*words_of(verb, column))

    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    if code >= 2 and verb not in {"check", "status"} and column != "missing":
        assert result.stderr.startswith("statsig-export: ")
        assert result.stderr.count("\n") == 1
    if verb == "check" and code <= 3:
        assert re.fullmatch(r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| [^|\n]+)?\n", result.stdout)
        assert result.stdout.startswith(("OK", "WARNING", "CRITICAL", "UNKNOWN")[code])


def test_every_verb_has_its_row_and_no_other():
    assert {verb for verb, _ in CELLS} == set(VERBS)
    assert set(WORDS) | STANDS_ALONE == set(VERBS)


@pytest.mark.fault("F132")
@pytest.mark.parametrize(
    ("verb", "column", "breaks", "words"),
    [
        ("init", "own error", "statsig_export.cli.verbs.init._rendered", []),
        ("init", "interrupted", "statsig_export.cli.verbs.init._rendered", []),
        ("demo", "own error", "statsig_export.cli.verbs.demo.run_in_dagster", ["--events", "10"]),
        ("demo", "interrupted", "statsig_export.cli.verbs.demo.run_in_dagster", ["--events", "10"]),
        ("notebook", "own error", "statsig_export.cli.verbs.notebook._title", []),
        ("notebook", "interrupted", "statsig_export.cli.verbs.notebook._title", []),
        ("receiver", "own error", "statsig_export.cli.verbs.receiver.Receiver", []),
    ],
)
def test_a_verb_without_a_configuration_has_the_codes_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, column: str, breaks: str, words: list[str]
):
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt if column == "interrupted" else RuntimeError(SECRET)

    monkeypatch.setattr(breaks, fail)
    home = ["--home", str(tmp_path / "demo")] if verb == "demo" else []
    result = CliRunner().invoke(cli, ["--config", str(tmp_path / "new.toml"), verb, *words, *home])

    assert result.exit_code == CELLS[verb, column], result.output
    assert SECRET not in result.output


@pytest.mark.fault("F132")
def test_a_demo_that_does_not_come_out_right_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Part:
        export_runs = ship_runs = ()
        failures = ("the export failed",)

    monkeypatch.setattr("statsig_export.cli.verbs.demo.run_in_dagster", lambda *_: Part())
    result = CliRunner().invoke(cli, ["demo", "--events", "10", "--home", str(tmp_path / "demo")])

    assert result.exit_code == CELLS["demo", "pending"], result.output
    assert "demo: the export failed" in result.stderr


@pytest.mark.fault("F132")
@pytest.mark.parametrize(
    ("words", "column"),
    [
        (["init", "--config", "{file}"], "configuration"),
        (["init", "--config", "{folder}/none/export.toml"], "configuration"),
        (["init", "--config", "{folder}/new.toml", "--url", "sqlite:///{folder}/none.db"], "source"),
        (["init", "--config", "{folder}/new.toml", "--layout", "native"], "all done"),
        (["init", "--config", "{folder}/new.toml"], "nothing exported"),
        (["demo", "--home", "{folder}"], "configuration"),
        (["demo", "--home", "{file}/demo"], "configuration"),
        (["notebook"], "all done"),
        (["notebook", "none"], "configuration"),
        (["notebook", "explore_export", "--to", "{file}/none"], "configuration"),
        (["receiver", "--faults", "{folder}/none.json"], "configuration"),
        (["receiver", "--port", "0", "--transcript", "{folder}/none/file"], "configuration"),
        (["receiver", "--port", "0", "--tables", "{folder}/none/file"], "configuration"),
    ],
)
def test_what_the_caller_named_wrongly_is_not_an_error_of_our_own(tmp_path: Path, words: list[str], column: str):
    file = tmp_path / "a.toml"
    file.touch()
    said = [word.format(file=file, folder=tmp_path) for word in words]
    result = CliRunner().invoke(cli, said, env={"STATSIG_DATABASE_URL": "", "STATSIG_EXPORT_CONFIG": ""})

    assert result.exit_code == CELLS[words[0], column], result.output


@pytest.mark.fault("F130")
def test_run_tells_of_the_windows_that_another_run_holds_what_is_pending(shell: Shell):
    shell.home.add(rows(0, 278))
    shell.home.export()
    with held(shell.home):
        people, report = shell("run", *DAY), shell.json("run", *DAY)

    assert (report["account"]["events"], report["account"]["pending"], report["sent"]) == (278, 278, 0)
    assert [(one["partition"], one["events"], one["why"]) for one in report["pending"]] == [
        ("custom_event|2026-11-20", 278, "held by another run")
    ]
    assert "278 events are pending (custom_event|2026-11-20), due " in people.stdout
    assert "held by another run" in people.stdout


@pytest.mark.fault("F130")
def test_run_ships_what_no_other_run_holds_and_its_account_has_both(shell: Shell):
    shell.home.add(rows(0, 3), [exposure(1)])
    shell.home.export()
    with held(shell.home, "custom_event"):
        report = shell.json("run", *DAY)

    assert (report["account"]["forwarded"], report["account"]["pending"]) == (1, 3)
    assert report["busy"] == ["custom_event|2026-11-20"]


@pytest.mark.fault("F130")
def test_ship_with_everything_deferred_says_how_many_are_pending_since_when_and_why(shell: Shell):
    shell.home.receiver.play(LATER)
    shell.home.add(rows(0, 5))
    shell("run", *DAY)
    people, report = shell("ship"), shell.json("ship")

    assert people.exit_code == 1
    assert (report["account"]["pending"], report["requests"]) == (5, 0)
    (waits,) = report["pending"]
    assert waits["events"] == 5
    assert waits["due"] > "2026-11-20"
    assert waits["why"].startswith("last error: HTTP 503")
    assert re.search(r"5 events are pending \(.*\), due 2\d{3}-.* UTC: last error: HTTP 503", people.stdout)


@pytest.mark.fault("F130", "F168")
def test_ship_says_until_when_sending_pauses(shell: Shell):
    shell.home.receiver.play([Rule(actions=[answer(500)])])
    shell.home.add(rows(0, 60))
    shell.home.set("webhook", max_events=10)
    shell.home.export()
    shell("ship")
    result, *reports = shell("ship"), shell.json("ship"), shell.json("status")

    assert result.exit_code == 1
    assert "Sending pauses until " in result.stdout
    for report in reports:  # nothing is due before the pause is over
        due = [datetime.fromisoformat(one["due"]).timestamp() for one in report["pending"]]
        assert due == [int(report["paused_until"])]


@pytest.mark.fault("F130")
def test_ship_counts_what_a_replay_has_still_to_send_though_the_account_does_not(shell: Shell):
    shell.home.add(rows(0, 3))
    shell("run", *DAY)
    shell.home.receiver.play(LATER)
    shell("replay", *DAY)
    result, status = shell("ship"), shell("status")

    assert (result.exit_code, status.exit_code) == (1, 1)
    assert "3 events are pending" in result.stdout
    assert shell.json("status")["account"]["pending"] == 0


@pytest.mark.fault("F130")
def test_ship_with_nothing_to_send_is_done(shell: Shell):
    shell.home.add(rows(1, 1))
    shell("run", *DAY)
    result = shell("ship")

    assert result.exit_code == 0
    assert re.fullmatch(r"0 events sent in 0 requests \(.* s\)\.\n", result.stdout)


@pytest.mark.fault("F130")
def test_run_exports_and_ships_the_windows_around_one_that_the_source_cannot_give(shell: Shell):
    shell.home.add(rows(0, 2))
    break_the_second_day(shell.home)
    shell.home.receiver.play([])
    result = shell("run", "--from", "2026-11-19", "--to", "2026-11-23")
    report = shell.json("run", "--from", "2026-11-19", "--to", "2026-11-23")

    assert result.exit_code == 3
    assert "1 of 4 windows could not be exported, such as 2026-11-21" in result.stderr
    assert report["account"]["forwarded"] == 2
    assert report["missing"] == ["2026-11-21"]
    assert len(report["export_runs"]) == 3


@pytest.mark.fault("F130")
def test_run_does_not_try_every_window_of_a_source_that_is_away(shell: Shell):
    shell.home.environ["DB"] = f"sqlite:///{shell.home.folder}/none.db"
    result = shell("run", "--from", "2026-11-10", "--to", "2026-11-20")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.count("there is no SQLite database") == 1
    assert "10 of 10 windows" in result.stderr


@pytest.mark.fault("F130")
@pytest.mark.parametrize("verb", ["run", "replay"])
def test_a_run_that_is_refused_reports_the_account_before_it_says_so(shell: Shell, verb: str):
    shell.home.add(rows(0, 2))
    if verb == "replay":
        shell("run", *DAY)
    shell.home.receiver.play(REFUSED)
    during, before = shell.json(verb, *DAY), shell.json(verb, *DAY)

    assert during["exit_code"] == before["exit_code"] == 4
    assert during["errors"] == before["errors"]
    assert during["account"]["events"] == before["account"]["events"] == 2
    assert [one["events"] for one in during["pending"]] == [one["events"] for one in before["pending"]] == [2]


@pytest.mark.fault("F131")
def test_a_malformed_row_in_a_thousand_is_within_the_default_share(shell: Shell):
    shell.home.add(rows(1, 1000))

    assert shell("run", *DAY).exit_code == 0
    shell.config.write_text(shell.config.read_text() + "[checks]\nmax_failed_share = 0\n")
    assert shell("run", *DAY).exit_code == shell("status").exit_code == 1


@pytest.mark.fault("F131")
def test_what_the_webhook_rejects_counts_to_the_same_share_as_malformed_rows(shell: Shell):
    shell.home.receiver.play([Rule(event_name="poison", actions=[answer(400)])])
    shell.home.add([*rows(1, 150), custom_event(900, "poison")])

    assert shell("run", *DAY).exit_code == 1  # 2 of 152; either alone is within 1 %
    shell.config.write_text(shell.config.read_text() + "[checks]\nmax_failed_share = 0.02\n")
    assert shell("status").exit_code == 0


@pytest.mark.fault("F131")
def test_what_fails_again_is_what_a_replay_of_the_failed_did_not_bring(shell: Shell):
    shell.home.receiver.play([Rule(event_name="poison", actions=[answer(400)])])
    shell.home.add([*rows(0, 3), custom_event(9, "poison")])
    shell("run", *DAY)
    shell.home.add([custom_event(10)])
    shell.home.export()
    again = shell("replay", *DAY, "--failed")
    shell.home.receiver.play([])

    assert again.exit_code == 1
    assert shell("replay", *DAY, "--failed").exit_code == 0
    assert shell("replay", *DAY, "--failed").exit_code == 0


@pytest.mark.fault("F133")
@pytest.mark.parametrize("variable", ["unset", "no URL"])
def test_status_of_a_halted_destination_does_not_need_the_webhooks_variable(shell: Shell, variable: str):
    shell.home.add(rows(0, 2))
    shell.home.export()
    shell.home.receiver.play(REFUSED)
    shell("ship")
    shell.home.environ["HOOK"] = "" if variable == "unset" else "ftp//"
    people, report = shell("status"), shell.json("status")

    assert people.exit_code == 4
    assert "custom_event" in people.stdout
    assert "HALTED: HTTP 401" in people.stderr
    assert "HOOK" in people.stderr
    assert report["account"]["pending"] == 2
    assert shell("check").exit_code == 2
    assert due_partitions(shell.home.config) == []


@pytest.mark.fault("F133")
def test_status_is_done_again_once_the_halt_is_lifted_and_all_is_sent(shell: Shell):
    shell.home.add(rows(0, 2))
    shell.home.export()
    shell.home.receiver.play(REFUSED)
    shell("ship")
    shell.home.receiver.play([])
    resume(shell.home.config)

    assert shell("status").exit_code == 1
    shell("ship")
    assert shell("status").exit_code == 0


@pytest.mark.fault("F131")
@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (["--from", "2026-11-18", "--to", "2026-11-21"], ["2026-11-18", "2026-11-19"]),
        (["--from", "2026-11-20", "--to", "2026-11-21"], []),
        (["--from", "2026-11-20"], []),
        (["--to", "2026-11-21"], []),
        (["--from", "2026-11-21", "--to", "2026-11-22"], ["2026-11-21"]),
        ([], []),
    ],
)
def test_status_names_the_windows_that_were_asked_for_and_never_exported(
    shell: Shell, words: list[str], missing: list[str]
):
    shell.home.add(rows(0, 1))
    shell("run", *DAY)

    assert shell.json("status", *words)["missing"] == missing
    assert shell("status", *words).exit_code == (1 if missing else 0)


@pytest.mark.fault("F132")
def test_an_error_of_our_own_is_one_line_without_its_message_and_debug_adds_where_it_went_through(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        try:
            {}[f"payload of {SECRET}"]
        except KeyError as error:
            raise RuntimeError(f"https://hooks.example/{SECRET}") from error

    shell.home.add(rows(0, 1))
    shell.home.export()
    monkeypatch.setattr(standings, "statuses", fail)
    result, debugged, after = shell("status"), shell("--debug", "status"), shell("status", "--debug")

    assert result.exit_code == debugged.exit_code == after.exit_code == 6
    assert re.fullmatch(
        r"statsig-export: an error of our own \(RuntimeError at statsig_export/shipping/status\.py:\d+\)\. Report it at"
        r" https://\S+; --debug shows the rest\n",
        result.stderr,
    )
    for told in (debugged, after):
        assert told.stderr.count("Traceback (most recent call last):") == 2
        assert "KeyError" in told.stderr
        assert "shipping/status.py" in told.stderr
    for told in (result, debugged, after):
        assert SECRET not in told.output.replace("raise RuntimeError(", "")
        assert told.stdout == ""


@pytest.mark.fault("F167")
def test_a_script_that_asked_for_json_reads_one_object_of_whatever_went_wrong(shell: Shell):
    shell.config.write_text("[source")
    for words in [*WORDS.values(), ["init"]]:
        if words == ["metrics"]:  # its text is for Prometheus, which knows no JSON
            continue
        configured, mistyped = shell(*words, "--json"), shell(*words, "--jsn", "--json")
        told, usage = json.loads(configured.stdout), json.loads(mistyped.stdout)

        if words[0] == "check":
            assert (told["state"], usage["state"]) == ("UNKNOWN", "UNKNOWN")
            continue
        assert told["exit_code"] == configured.exit_code == usage["exit_code"] == mistyped.exit_code == 2
        assert configured.stderr == f"statsig-export: {told['errors'][0]}\n"
        assert "--jsn" in usage["errors"][0]


@pytest.mark.fault("F132")
def test_config_and_debug_stand_before_or_after_the_verb(shell: Shell, tmp_path: Path):
    def called(*words: str) -> int:
        return CliRunner().invoke(cli, words, env=shell.home.environ).exit_code

    shell.home.add(rows(0, 1))
    file, wrong = str(shell.config), str(tmp_path / "none.toml")

    assert called("--config", file, "run", *DAY) == 0
    assert called("run", "--config", file, *DAY) == called("run", *DAY, "--config", file) == 0
    assert called("--config", wrong, "status", "--config", file) == 0  # the one nearest to the verb
    assert called("status", "--config", wrong) == 2
    assert all("--config" in CliRunner().invoke(cli, [verb, "--help"]).output for verb in VERBS)
