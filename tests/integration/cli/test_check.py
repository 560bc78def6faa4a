"""The verb check: what a monitor is told of a ledger, in one line and with the exit codes of Nagios' plugins."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from home import DAY, ExportHome
from landing import EVENTS, landing_in
from rows import custom_event, exposure
from shell import Shell
from sqlalchemy import create_engine, text

from statsig_export.cli.options import cli
from statsig_export.testing.webhook.faults import Rule, answer

QUIET = ("--export-age", "36500d")
PERFDATA = re.compile(
    r"pending=\d+;;;0 pending_age=\d+s;\d+;\d+;0 failed=\d+;;;0 failed_share=[\d.]+%;[\d.]+;;0;100"
    r" missing_windows=\d+;0;;0"
)


@pytest.fixture
def shell(home: ExportHome) -> Shell:
    return Shell(home)


def deferred(shell: Shell, status: int = 503, count: int = 1) -> None:
    shell.home.receiver.play([Rule(actions=[answer(status, Retry_After="60")])])
    shell.home.set("webhook", max_events=10)
    shell.home.add([custom_event(key) for key in range(1, count + 1)])
    shell.home.export()
    shell("ship")


def grow_old(home: ExportHome, age: timedelta) -> None:
    """As if what is pending had been planned so much earlier."""
    engine = create_engine(home.ledger_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE batches SET planned_ms = planned_ms - :ms"), {"ms": age.total_seconds() * 1000})
    engine.dispose()


def words(result: Result) -> tuple[int, str, str]:
    """Exit code, text, perfdata."""
    assert result.stdout.count("\n") == 1
    said, _, figures = result.stdout.strip().partition(" | ")
    return result.exit_code, said, figures


@pytest.mark.fault("F134")
def test_all_is_well_when_everything_was_sent(shell: Shell):
    shell.home.add([custom_event(1)])
    shell.home.export()
    shell("ship")
    code, said, figures = words(shell("check", *QUIET))

    assert (code, said) == (0, "OK - 1 events of the newest windows forwarded, 0 pending")
    assert PERFDATA.fullmatch(figures)


@pytest.mark.fault("F134")
@pytest.mark.parametrize(
    ("age", "options", "code", "state"),
    [
        (timedelta(minutes=10), [], 0, "OK"),
        (timedelta(hours=2), [], 1, "WARNING"),
        (timedelta(days=2), [], 2, "CRITICAL"),
        (timedelta(hours=2), ["--pending-age", "3h"], 0, "OK"),
        (timedelta(minutes=10), ["--pending-age", "5m"], 1, "WARNING"),
        (timedelta(minutes=10), ["--pending-age", "5m", "--pending-age-critical", "6m"], 2, "CRITICAL"),
    ],
)
def test_events_that_are_pending_for_long_are_a_warning_and_then_critical(
    shell: Shell, age: timedelta, options: list[str], code: int, state: str
):
    deferred(shell)
    grow_old(shell.home, age)
    found, said, figures = words(shell("check", *QUIET, *options))

    assert (found, said.split(" - ")[0]) == (code, state)
    assert figures.startswith(f"pending=1;;;0 pending_age={age.total_seconds():.0f}"[:-1])
    assert code == 0 or "1 events are pending, the oldest for " in said


@pytest.mark.fault("F134")
def test_the_age_that_is_a_warning_is_the_configurations_unless_given(shell: Shell):
    shell.config.write_text(shell.config.read_text() + '[checks]\noverdue_after = "3h"\n')
    deferred(shell)
    grow_old(shell.home, timedelta(hours=2))

    assert shell("check", *QUIET).exit_code == 0


@pytest.mark.fault("F134")
def test_a_replay_that_is_not_delivered_is_pending_too(shell: Shell):
    shell.home.add([custom_event(1)])
    shell.home.export()
    shell("ship")
    shell.home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    shell("replay", "--from", DAY, "--to", "2026-11-21")
    grow_old(shell.home, timedelta(hours=2))

    assert words(shell("check", *QUIET))[1].startswith("WARNING - 1 events are pending")


@pytest.mark.fault("F134")
def test_a_pause_after_failures_in_a_row_is_a_warning(shell: Shell):
    deferred(shell, 500, count=60)
    code, said, _ = words(shell("check", *QUIET))

    assert code == 1
    assert said.startswith("WARNING - sending pauses until ")


@pytest.mark.fault("F134")
def test_a_halt_is_critical_whatever_else_there_is(shell: Shell):
    deferred(shell, 401)
    grow_old(shell.home, timedelta(hours=2))
    code, said, _ = words(shell("check"))

    assert code == 2
    assert said.startswith("CRITICAL - the destination fivetran is halted: HTTP 401")
    assert "1 events are pending" in said
    assert "closed windows are not exported" in said


@pytest.mark.fault("F134")
def test_failures_over_the_share_are_a_warning_until_the_window_is_an_old_one(shell: Shell):
    shell.home.add([custom_event(1), custom_event(2, None)])
    shell.home.export()
    shell("ship")
    before = words(shell("check", *QUIET))
    for day in ("2026-11-21", "2026-11-22", "2026-11-23"):
        shell.home.export(day)
    after = words(shell("check", *QUIET))

    assert before[:2] == (
        1,
        "WARNING - 1 of 2 events of the newest windows failed: `statsig-export status --failed` lists them",
    )
    assert "failed=1;;;0 failed_share=50%;1;;0;100" in before[2]
    assert after[0] == 0


@pytest.mark.fault("F134")
def test_a_window_that_was_skipped_is_a_warning_for_the_categories_that_are_exported(shell: Shell):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    days = [f"{yesterday - timedelta(days=before):%Y-%m-%d}" for before in (3, 2, 1, 0)]
    shell.config.write_text(shell.config.read_text() + f'[windows]\nstart = "{days[0]}T00:00:00Z"\nsettle = "0s"\n')
    for day in (days[1], days[3]):
        shell("run", "--from", day, "--to", day + "T01:00", "--category", "custom_event")
    code, said, figures = words(shell("check", "--export-age", "0s"))

    assert (code, said) == (1, f"WARNING - 1 closed windows are not exported, the first {days[2]}")
    assert figures.endswith("missing_windows=1;0;;0")
    shell("run", "--from", days[2], "--to", days[2] + "T01:00", "--category", "custom_event")
    assert shell("check", "--export-age", "0s").exit_code == 0


@pytest.mark.fault("F134")
def test_a_window_may_be_closed_for_a_while_before_it_has_to_be_exported(shell: Shell):
    shell.home.add([custom_event(1)], [exposure(1)])
    shell.home.export()
    shell("ship")
    closed_for = datetime.now(UTC) - datetime(2026, 11, 22, tzinfo=UTC)
    longer, shorter = (
        f"{round((closed_for + change).total_seconds())}s" for change in (timedelta(hours=1), -timedelta(hours=1))
    )

    assert shell("check", "--export-age", longer).exit_code == 0
    assert shell("check", "--export-age", shorter).exit_code == 1


@pytest.mark.fault("F134")
@pytest.mark.parametrize("variables", [["HOOK"], ["DB"], ["HOOK", "DB"]])
def test_neither_the_sources_nor_the_webhooks_variable_is_needed(shell: Shell, variables: list[str]):
    shell.home.add([custom_event(1)])
    shell.home.export()
    shell("ship")
    for variable in variables:
        shell.home.environ[variable] = ""

    assert shell("check", *QUIET).exit_code == 0


@pytest.mark.fault("F134")
def test_nothing_is_made_where_there_is_no_ledger_yet(shell: Shell):
    code, said, _ = words(shell("check"))

    ledger = shell.home.folder / "ledger.db"
    nothing = "nothing was exported yet for the destination fivetran"
    assert (code, said) == (3, f"UNKNOWN - {nothing}: there is no ledger at {ledger}")
    assert not ledger.exists()


@pytest.mark.fault("F134")
@pytest.mark.parametrize("options", [["--pending-age", "soon"], ["--loud"], ["extra"], ["--pending-age"]])
def test_a_wrong_option_is_unknown_and_not_critical(shell: Shell, options: list[str]):
    result = shell("check", *options)

    assert result.exit_code == 3
    assert result.stdout.startswith("UNKNOWN - ")


@pytest.mark.fault("F134")
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_ledger_or_configuration_that_cannot_be_read_is_unknown(shell: Shell, tmp_path: Path, flags: list[str]):
    shell.home.environ["LEDGER"] = f"sqlite:///{shell.config}"
    no_ledger = shell("check", *flags)
    no_config = CliRunner().invoke(cli, ["check", "--config", str(tmp_path / "none.toml"), *flags])

    for result in (no_ledger, no_config):
        assert result.exit_code == 3
        assert "UNKNOWN" in result.stdout
        assert result.stderr == ""


@pytest.mark.fault("F134")
def test_the_same_is_to_be_had_as_one_object(shell: Shell):
    deferred(shell, 401)
    report = shell.json("check")

    assert report["state"] == "CRITICAL"
    assert report["halted"].startswith("HTTP 401")
    assert (report["pending"], report["account"]["events"]) == (1, 1)
    assert [finding["state"] for finding in report["findings"]] == ["CRITICAL", "WARNING"]
    assert report["missing"][0] == "2026-11-21"


def test_windows_without_an_export_are_critical_from_the_number_on_that_is_configured(shell: Shell):
    shell.home.add([custom_event(1)])
    shell.home.export()
    shell("ship")
    text = shell.config.read_text()
    due = datetime.now(UTC) - shell.home.config.windows.settle - timedelta(hours=1)
    closed_since = (due - datetime(2026, 11, 21, tzinfo=UTC)).days
    codes = []
    for behind in (closed_since, closed_since + 1):
        shell.config.write_text(text + f"[checks]\nmax_windows_behind = {behind}\n")
        codes.append(shell("check", "--export-age", "1h").exit_code)

    assert codes == [2, 1]


def test_many_events_that_came_late_are_a_warning(shell: Shell):
    shell.home.add([custom_event(key) for key in range(1, 51)])
    shell.home.export()
    shell.home.add([custom_event(51)])
    shell.home.export()
    shell("ship")
    text = shell.config.read_text()
    code, said, _ = words(shell("check", *QUIET))
    shell.config.write_text(text + "[checks]\nmax_late_share = 0.02\n")

    assert (code, said) == (
        1,
        "WARNING - 1 of the 51 events that were exported in a day came after their window had been exported",
    )
    assert shell("check", *QUIET).exit_code == 0


def test_forwarded_events_that_did_not_arrive_are_a_warning_where_arrivals_are_compared(shell: Shell):
    shell.home.add([custom_event(1), custom_event(2)])
    shell.home.export()
    shell("ship")
    landing = landing_in(shell.home.folder)
    landing.land([{"eventName": "e", "timestamp": 0, "timeUUID": str(uuid4())}])
    shell.home.environ["LANDED"] = landing.url
    shell.home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
    shell.home.write()
    before = shell("check", *QUIET).exit_code
    shell("arrivals", "--from", DAY, "--to", "2026-11-21")
    code, said, _ = words(shell("check", *QUIET))

    assert (before, code) == (0, 1)
    assert said.startswith("WARNING - 2 forwarded events are missing in the table that Fivetran writes")
