"""What the command line does for the person who types: ranges, formats, lists, examples, completion."""

import csv
import io
import json
import os
import pty
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from home import ExportHome
from rows import custom_event, exposure
from shell import Shell

from statsig_export.cli.examples import EXAMPLES
from statsig_export.cli.options import VERBS, cli
from statsig_export.testing.webhook.receiver import Receiver, Rule, answer

DAY = ("--from", "2026-11-20", "--to", "2026-11-21")
NOON = datetime(2026, 11, 20, 12)


@pytest.fixture
def shell(home: ExportHome) -> Shell:
    home.add([custom_event(1), custom_event(2, metadata="{")], [exposure(1)])
    return Shell(home)


def test_the_last_days_are_a_range_of_their_own(shell: Shell):
    days = (datetime.now(UTC) - datetime(2026, 11, 20, tzinfo=UTC)) // timedelta(days=1) + 1

    by_last, by_ends = shell.json("plan", "--last", f"{days}d"), shell.json("plan", *DAY)

    assert "2026-11-20" in by_last["windows"]
    assert by_last["account"]["events"] == by_ends["account"]["events"] == 3


@pytest.mark.fault("F666")
@pytest.mark.parametrize("verb", ["run", "plan", "replay"])
def test_a_schedule_that_asks_for_the_last_day_before_a_window_has_closed_has_nothing_to_do(
    home: ExportHome, verb: str
):
    home.set("windows", start="2100-01-01T00:00:00Z")
    shell = Shell(home)

    told, again = shell(verb, "--last", "1d", "--json"), shell(verb, "--last", "1d")

    assert (told.exit_code, json.loads(told.stdout)) == (0, {"windows": []})
    assert (again.exit_code, again.stdout) == (0, "")
    assert "the first, 2100-01-01, is open until 2100-01-02 00:05 UTC" in again.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("run", "--from", "2026-11-20"), "name the range: --from and --to, or --last"),
        (("run",), "name the range"),
        (("run", "--last", "3d", "--to", "2026-11-21"), "give one or the other"),
        (("status", "--from", "2026-11-21", "--to", "2026-11-20"), "--to is not after --from"),
        (("events", "--from", "2026-11-21", "--to", "2026-11-21"), "--to is not after --from"),
        (("plan", "--last", "999999999d"), "--last goes back to before there were calendars"),
        (("replay", "--from", "2026-11-20T06:00", "--to", "2026-11-21"), "windows are whole days"),
    ],
)
def test_a_range_that_cannot_be_meant_is_refused(shell: Shell, words: tuple[str, ...], why: str):
    result = shell(*words)

    assert result.exit_code == 2
    assert why in result.stderr


def test_a_part_of_a_day_is_the_whole_day_and_the_line_says_so(shell: Shell):
    result = shell("plan", "--from", "2026-11-20T06:00", "--to", "2026-11-21")

    assert "Windows are whole days: window 2026-11-20 is taken from 2026-11-20 00:00 UTC" in result.stderr


def test_several_categories_are_taken_together(shell: Shell):
    both = shell.json("run", *DAY, "--category", "gate_exposure", "--category", "custom_event")

    assert {line["category"] for line in both["partitions"]} == {"gate_exposure", "custom_event"}
    assert both["account"]["events"] == 3


@pytest.mark.parametrize("words", [("plan", *DAY), ("status",), ("ship",), ("events", *DAY[:4]), ("verify",)])
def test_each_report_is_csv_too(shell: Shell, words: tuple[str, ...]):
    shell("run", *DAY)

    lines = list(csv.DictReader(io.StringIO(shell(*words, "--format", "csv").stdout)))

    if words[0] in {"plan", "status"}:
        assert sum(int(line["account.events"]) for line in lines) == 3
    if words[0] == "events":
        assert {"tracking": "true", "event": "page_view"}.items() <= {**lines[-1]}.items() or lines


def test_a_report_without_a_list_is_one_line_of_csv(shell: Shell):
    shell("run", *DAY)
    lines = list(csv.DictReader(io.StringIO(shell("check", "--format=csv").stdout)))

    assert len(lines) == 1
    assert lines[0]["account.forwarded"] == "2"


def test_an_error_is_no_csv(shell: Shell):
    result = shell("run", "--from", "x", "--to", "y", "--format", "csv")

    assert (result.exit_code, result.stdout) == (2, "")


def test_in_a_pipe_no_table_breaks_an_id_over_two_lines(shell: Shell):
    shell("run", *DAY)

    listed = shell("status", "--failed").stdout

    (row,) = [line for line in listed.splitlines() if "wrong_type" in line and "custom_event" in line]
    assert shell.json("status", "--failed")["failed_rows"][0]["row_key"] in row


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_failed_rows_are_listed_by_their_reason(shell: Shell, verb: str):
    shell.home.add([custom_event(3, event_name="")])
    shell("run", *DAY)

    all_ = shell.json(verb, *DAY, "--failed")["failed_rows"]
    one = shell.json(verb, *DAY, "--reason", "missing_event_name")["failed_rows"]

    assert {row["reason"] for row in all_} == {"wrong_type", "missing_event_name"}
    assert [row["reason"] for row in one] == ["missing_event_name"]


def test_a_plan_says_what_waits_already_and_which_category_fails_whole(shell: Shell):
    shell.home.receiver.play([Rule(actions=[answer(503)], cycle=True)])
    shell.home.add([], [exposure(7, exposure_type="layer", name=None)])
    shell("run", *DAY, "--category", "gate_exposure")

    people, report = shell("plan", *DAY), shell.json("plan", *DAY)

    assert report["pending"] == 1
    assert report["failing_categories"] == ["layer_exposure"]
    assert "1 more were planned before and are still pending" in people.stdout
    assert "Every row of layer_exposure would fail" in people.stderr


def test_every_example_of_the_help_is_a_command_line():
    assert set(EXAMPLES) == set(VERBS)
    for line in (line for lines in EXAMPLES.values() for line in lines):
        words = shlex.split(line)
        verb = cli.get_command(click.Context(cli), words[0])
        assert verb is not None
        context = click.Context(cli, info_name="statsig-export")
        verb.make_context(words[0], words[1:], context, resilient_parsing=True)
        assert f"statsig-export {line}" in CliRunner().invoke(cli, [words[0], "--help"]).output


@pytest.mark.parametrize(
    ("shell_name", "place"),
    [
        ("bash", ".local/share/bash-completion/completions/statsig-export"),
        ("zsh", ".zfunc/_statsig-export"),
        ("fish", ".config/fish/completions/statsig-export.fish"),
    ],
)
def test_completion_is_installed_where_the_shell_looks(tmp_path: Path, shell_name: str, place: str):
    environ = {"HOME": str(tmp_path), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "BASH_COMPLETION_USER_DIR": ""}

    installed = CliRunner().invoke(cli, ["--install-completion", shell_name], env=environ)
    shown = CliRunner().invoke(cli, ["--show-completion", shell_name], env=environ)

    assert [installed.exit_code, shown.exit_code] == [0, 0]
    assert (tmp_path / place).read_text().strip() == shown.stdout.strip()
    assert "_STATSIG_EXPORT_COMPLETE" in shown.stdout


def test_the_receiver_prints_a_line_per_request_and_no_event(shell: Shell):
    lines: list[str] = []
    with Receiver(on_request=lambda received: lines.append(f"{received.status} {received.count}")) as receiver:
        shell.home.environ["HOOK"] = receiver.url
        shell("run", *DAY)

    assert sorted(lines) == ["200 1", "200 1"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--port", "99999"), "not in the range"),
        (("--auth", "hmac"), "needs --secret env:NAME"),
        (("--auth", "token", "--secret", "hunter2"), "needs --secret env:NAME"),
        (("--auth", "token", "--secret", "env:NOT_THERE"), "NOT_THERE is not set"),
    ],
)
def test_a_receiver_that_cannot_be_meant_is_refused(words: tuple[str, ...], why: str):
    result = CliRunner().invoke(cli, ["receiver", *words], env={"NOT_THERE": None})

    assert result.exit_code == 2
    assert why in result.output
    assert "hunter2" not in result.output


def test_on_a_terminal_a_run_shows_how_much_of_it_is_done(shell: Shell):
    assert "3 of 3 events" in _shown_by_a_run(shell, "xterm"), "the rows that the source counted are the end of the bar"


def test_a_dumb_terminal_gets_no_bar_and_no_line_of_one(shell: Shell):
    assert _shown_by_a_run(shell, "dumb") == ""


def _shown_by_a_run(shell: Shell, kind: str) -> str:
    """What a run says on standard error, which is a terminal of this kind."""
    controller, terminal = pty.openpty()
    with Receiver() as receiver:
        environ = {**os.environ, **shell.home.environ, "HOOK": receiver.url, "TERM": kind, "COLUMNS": "120"}
        subprocess.run(
            [sys.executable, "-m", "statsig_export", "--config", shell.config, "run", *DAY],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            check=False,
        )
    os.close(terminal)
    return _all_of(controller)


def _all_of(controller: int) -> str:
    """What was printed on the other end, which is closed."""
    read = bytearray()
    with suppress(OSError), open(controller, "rb", buffering=0) as stream:  # Linux says EIO at the end
        while piece := stream.read(65_536):
            read += piece
    return read.decode("utf-8", "replace")
