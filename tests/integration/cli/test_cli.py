"""The command line as its users meet it: what it prints, and the exit code that says whose fault it was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from home import ExportHome
from rows import custom_event, exposure

from statsig_export.cli.options import cli
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]


@pytest.fixture
def shell(home: ExportHome) -> "Shell":
    home.set("filter", custom_events={"events": {"debug_ping": False}})
    home.set("webhook", max_events=10)
    home.write()
    return Shell(home)


class Shell:
    """Runs verbs on the home's configuration."""

    def __init__(self, home: ExportHome) -> None:
        self.home = home

    def __call__(self, *words: str, config: str = "export.toml") -> Result:
        arguments = ["--config", str(self.home.folder / config), *words]
        return CliRunner().invoke(cli, arguments, env=self.home.environ, prog_name="statsig-export")

    def json(self, *words: str) -> dict:
        """The one object on standard output."""
        result = self(*words, "--json")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return json.loads(result.stdout)


def test_run_exports_and_ships_and_says_so_in_one_object(shell: Shell):
    shell.home.add([custom_event(1), custom_event(2, "debug_ping")], [exposure(1)])
    first = shell.json("run", *DAY)
    second = shell.json("run", *DAY)

    assert first["account"]["forwarded"] == 2
    assert first["account"]["filtered_by"] == {"custom_events.events.debug_ping": 1}
    assert first["windows"] == ["2026-11-20"]
    assert (first["sent"], second["sent"], second["requests"]) == (2, 0, 0)
    assert second["account"] == first["account"]


def test_run_exits_with_0_when_all_is_done_and_1_when_some_failed(shell: Shell):
    shell.home.add([custom_event(1)])
    assert shell("run", *DAY).exit_code == 0
    shell.home.add([custom_event(2, None)])
    assert shell("run", *DAY).exit_code == 1


def test_run_for_one_category_leaves_the_others_alone(shell: Shell):
    shell.home.add([custom_event(1)], [exposure(1)])
    report = shell.json("run", *DAY, "--category", "gate_exposure")

    assert report["account"]["events"] == 1
    assert shell.home.received_names() == ["statsig::gate_exposure"]


def test_pending_events_exit_with_1_and_status_says_why(shell: Shell):
    shell.home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    shell.home.add([custom_event(1)])

    assert shell("run", *DAY).exit_code == 1
    status = shell.json("status")
    assert status["account"]["pending"] == status["account"]["rate_limited"] == 1
    (line,) = (part for part in status["partitions"] if part["account"]["pending"])
    assert line["partition"] == "custom_event|2026-11-20"
    assert line["last_error"].startswith("HTTP 503")
    assert 50 < line["due_in"] <= 60


def test_ship_sends_what_is_due(shell: Shell):
    shell.home.set("webhook", max_events=10)
    shell.home.add([custom_event(key) for key in range(1, 26)])
    shell.home.export()
    result = shell("ship")

    assert result.exit_code == 0
    assert "25 events sent in 3 requests" in result.stdout
    assert shell.json("ship")["sent"] == 0


def test_plan_shows_the_account_to_come_and_an_example_a_category(shell: Shell):
    shell.home.add([custom_event(1), custom_event(2, "debug_ping")], [exposure(1)])
    report = shell.json("plan", *DAY)

    assert report["account"]["forwarded"] == report["to_send"] == 2
    assert json.loads(report["examples"]["gate_exposure"])["unitID"] == "userID"
    assert shell.home.receiver.requests == []
    assert not (shell.home.folder / "ledger.db").exists()
    assert "for example" in shell("plan", *DAY).stdout


def test_status_is_a_table_of_windows_and_categories(shell: Shell):
    assert "Nothing was exported yet" in shell("status").stdout
    shell.home.add([custom_event(1)], [exposure(1, "hologram")])
    shell("run", *DAY)
    text = shell("status").stdout

    for word in ("Events", "Forwarded", "Filtered", "Failed", "Pending", "Rate Limited", "custom_event", "2026-11-20"):
        assert word in text
    assert "Failed by reason: unknown_exposure_type 1" in text
    assert shell.json("status", "--from", "2026-11-21")["partitions"] == []


def test_status_needs_neither_the_webhook_nor_the_source(shell: Shell):
    shell.home.add([custom_event(1)])
    shell("run", *DAY)
    del shell.home.environ["HOOK"], shell.home.environ["DB"]

    assert shell.json("status")["account"]["forwarded"] == 1


def test_a_halted_destination_exits_with_4_until_resume(shell: Shell):
    shell.home.receiver.play([Rule(requests=[1], actions=[answer(401)])])
    shell.home.add([custom_event(1)])
    refused, again = shell("run", *DAY), shell("ship")

    assert refused.exit_code == again.exit_code == 4
    assert refused.stderr.count("\n") == 1
    assert "resume" in refused.stderr
    assert shell.json("status")["halted"].startswith("HTTP 401")
    assert shell.json("resume") == {"was_halted": True, "due_events": 1}
    assert shell("ship").exit_code == 0


def test_replay_sends_the_same_again_and_leaves_the_account(shell: Shell):
    shell.home.add([custom_event(key) for key in range(1, 26)], [exposure(1)])
    first = shell.json("run", *DAY)
    again = shell.json("replay", *DAY)
    one = shell.json("replay", *DAY, "--category", "gate_exposure")

    assert (again["replayed"], again["sent"], again["replay_pending"], again["replay_failed"]) == (26, 26, 0, 0)
    assert again["account"] == first["account"]
    assert (one["replayed"], one["sent"]) == (1, 1)
    assert shell("replay", *DAY).exit_code == 0


def test_a_replay_that_does_not_get_through_exits_with_1(shell: Shell):
    shell.home.add([custom_event(1)])
    shell("run", *DAY)
    shell.home.receiver.play([Rule(actions=[answer(503, Retry_After="60")])])
    result = shell("replay", *DAY)

    assert result.exit_code == 1
    assert "1 events were scheduled to be sent again" in result.stdout
    assert "1 events are pending" in result.stderr
    assert shell.json("status")["account"]["forwarded"] == 1


def test_replay_failed_sends_only_what_failed(shell: Shell):
    shell.home.receiver.play([Rule(event_name="poison", actions=[answer(400)])])
    shell.home.add([custom_event(1), custom_event(2, "poison")])
    failed = shell("run", *DAY)
    shell.home.receiver.play([])
    report = shell.json("replay", *DAY, "--failed")

    assert failed.exit_code == 1
    assert (report["replayed"], report["sent"], report["account"]["failed"]) == (1, 1, 0)


def test_verify_exits_with_0_and_says_what_it_looked_at(shell: Shell):
    assert shell("verify").exit_code == 0
    shell.home.add([custom_event(key) for key in range(1, 26)])
    account = shell.json("run", *DAY)["account"]
    result = shell("verify")

    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No difference in 6 partitions, 1 files, 3 batches.\n"
    counts = {"partitions": 6, "files": 1, "batches": 3, "pruned": 0}
    assert shell.json("verify") == {"account": account, **counts, "differences": []}


def test_verify_exits_with_1_and_a_line_for_each_difference(shell: Shell):
    shell.home.add([custom_event(1)], [exposure(1)])
    shell("run", *DAY)
    for file in (shell.home.folder / "files" / "events").rglob("*.parquet"):
        file.unlink()
    result = shell("verify")

    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert result.stdout.startswith("custom_event|2026-11-20: generation 1: events/category=custom_event/")
    assert {line["check"] for line in shell.json("verify")["differences"]} == {"file"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["replay", "--from", "2026-11-21", "--to", "2026-11-20"], 2, "--to is not after --from"),
        (["run", "--from", "2026-11-20"], 2, "name the range: --from and --to, or --last"),
        (["run", "--from", "yesterday", "--to", "2026-11-21"], 2, "ISO 8601"),
        (["run", "--from", "2026-11-21", "--to", "2026-11-20"], 2, "--to is not after --from"),
        (["plan", "--last", "0s"], 2, "--last is a length of time"),
        (["status", "--last", "0h"], 2, "--last is a length of time"),
        (["run", "--from", "2001-01-01", "--to", "2001-01-02"], 2, "before windows.start"),
        (["run", "--from", "2100-01-01", "--to", "2100-01-02"], 2, "is not closed yet"),
        (["run", *DAY, "--category", "clicks"], 2, "Invalid value for '--category'"),
        (["sing"], 2, "No such command"),
    ],
)
def test_a_wrong_command_line_exits_with_2(shell: Shell, words: list[str], code: int, said: str):
    result = shell(*words)

    assert result.exit_code == code
    assert said in result.stderr


def test_each_fault_has_its_own_exit_code_and_one_line(shell: Shell):
    shell.home.add([custom_event(1)])
    (shell.home.folder / "wrong.toml").write_text("[webhok]\n")
    wrong_config = shell("status", config="wrong.toml")
    shell.home.environ["DB"] = f"sqlite:///{shell.home.folder}/empty.db"
    no_tables = shell("run", *DAY)
    shell.home.environ["LEDGER"] = f"sqlite:///{shell.home.folder}/export.toml"
    no_ledger = shell("ship")

    assert [result.exit_code for result in (wrong_config, no_tables, no_ledger)] == [2, 3, 5]
    for result in (wrong_config, no_tables, no_ledger):
        assert result.stderr.startswith("statsig-export: ")
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""


def test_a_test_event_shows_the_answer_and_leaves_no_trace(shell: Shell):
    result = shell("test-event")
    sent = shell.home.receiver.events()[0]
    shell.home.receiver.play([Rule(actions=[answer(403)])])

    assert result.exit_code == 0
    assert "accepted: HTTP 200" in result.stdout
    assert sent["eventName"] == "statsig_export_test_event"
    assert not (shell.home.folder / "ledger.db").exists()
    assert shell("test-event").exit_code == 4
    assert shell.json("test-event")["outcome"] == "refused"


def test_init_writes_a_configuration_that_loads_and_the_tables(shell: Shell):
    shell.home.environ |= {
        "STATSIG_DATABASE_URL": f"sqlite:///{shell.home.folder}/new.db",
        "FIVETRAN_WEBHOOK_URL": shell.home.receiver.url,
        "FIVETRAN_WEBHOOK_SECRET": "s",
    }
    written = shell("init", "--tables", config="new.toml")
    planned = shell("plan", *DAY, "--json", config="new.toml")

    assert written.exit_code == 0
    assert json.loads(planned.stdout)["account"]["events"] == 0
    again = shell("init", config="new.toml")
    assert again.exit_code == 2
    assert "--force" in again.stderr


def test_debug_adds_the_traceback_and_keeps_the_exit_code(shell: Shell):
    shell.home.environ["DB"] = f"sqlite:///{shell.home.folder}/empty.db"
    result = CliRunner().invoke(
        cli, ["--config", str(shell.home.folder / "export.toml"), "--debug", "run", *DAY], env=shell.home.environ
    )

    assert result.exit_code == 3
    assert "Traceback" in result.stderr


def test_the_module_is_the_command(tmp_path: Path):
    command = [sys.executable, "-m", "statsig_export", "--config", str(tmp_path / "none.toml"), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "statsig-export init" in done.stderr


def test_the_receiver_verb_listens_and_plays_its_faults(tmp_path: Path):
    faults = tmp_path / "faults.json"
    faults.write_text('{"rules": [{"actions": [{"status": 503}]}]}')
    command = [sys.executable, "-m", "statsig_export", "receiver", "--port", "0", "--faults", str(faults)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline() if process.stdout else ""
        url = line.split()[2]
        asked = subprocess.run(
            [sys.executable, "-c", f"import requests; print(requests.post('{url}', data=b'[]').status_code)"],
            capture_output=True,
            text=True,
            check=True,
        )
        process.terminate()

    assert asked.stdout.strip() == "503"


def test_a_bad_script_of_faults_is_a_usage_error(shell: Shell, tmp_path: Path):
    faults = tmp_path / "faults.json"
    faults.write_text('{"rulez": []}')
    result = shell("receiver", "--faults", str(faults))

    assert result.exit_code == 2
    assert "rules" in result.stderr


def test_no_verb_shows_the_webhooks_url(shell: Shell, receiver: Receiver):
    receiver.play([Rule(actions=[answer(302, Location=receiver.url)])])
    shell.home.add([custom_event(1)])
    for words in (["run", *DAY], ["ship"], ["status"], ["status", "--json"], ["test-event"], ["plan", *DAY]):
        result = shell(*words)
        assert "secret_endpoint" not in result.output


@pytest.mark.fault("F675")
@pytest.mark.parametrize("verb", ["status", "ship", "init", "demo"])
@pytest.mark.parametrize("named", [(), ("--config", "/somewhere/export.toml")], ids=["found", "named"])
def test_a_folder_that_somebody_removed_under_a_verb_is_the_operators_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, named: tuple[str, ...]
):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    result = CliRunner().invoke(cli, [*named, verb])

    assert result.exit_code == 2
    assert "the folder in which this runs is not there any more. change to one that is" in result.stderr
