"""The table of verbs, and the modules that it names."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from statsig_export.cli import verbs
from statsig_export.cli.options import VERBS, cli

LONGEST_LINE = 65
"""Characters that --help shows beside the longest verb, within 80 columns."""


def completed(*words: str) -> list[str]:
    """What a shell offers for the last of these words."""
    complete = ShellComplete(cli, {}, "statsig-export", "_STATSIG_EXPORT_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


def test_the_table_names_each_module_of_the_verbs_and_no_other():
    modules = {path.stem for path in Path(verbs.__file__).parent.glob("*.py")} - {"__init__"}

    assert {verb.replace("-", "_") for verb in VERBS} == modules
    assert list(VERBS) == sorted(VERBS)


@pytest.mark.parametrize(("verb", "line"), VERBS.items(), ids=VERBS)
def test_a_verb_bears_its_name_and_has_one_fitting_line_and_a_help_of_its_own(verb: str, line: str):
    module = import_module(f"statsig_export.cli.verbs.{verb.replace('-', '_')}")
    helped = CliRunner().invoke(cli, [verb, "--help"])

    assert isinstance(module.command, click.Command)
    assert module.command.name == verb
    assert module.__doc__.startswith(f"The verb {verb}: ")
    assert re.fullmatch(r"[A-Z].+\.", line)
    assert len(line) <= LONGEST_LINE
    assert helped.exit_code == 0
    assert helped.output.startswith(f"Usage: cli {verb} [OPTIONS]")
    assert {"--config", "--debug", "--help"} <= set(re.findall(r"--\w+", helped.output))


def test_help_lists_the_table():
    shown = CliRunner().invoke(cli, ["--help"]).output.partition("Commands:\n")[2]

    assert [tuple(line.split(maxsplit=1)) for line in shown.splitlines()] == list(VERBS.items())


def test_a_shell_completes_verbs_and_their_options():
    assert completed("re") == ["receiver", "replay", "restore", "resume"]
    assert completed("") == list(VERBS)
    assert completed("run", "--fr") == ["--from"]
    assert completed("ship", "--de") == ["--debug"]
    assert "gate_exposure" in completed("plan", "--category", "gate")


@pytest.mark.fault("F193")
@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["stat"], "Did you mean 'status'?"),
        (["verfy", "--json"], "Did you mean 'verify'?"),
        (["--debug", "Status"], "Did you mean 'status'?"),
        (["test_event"], "(Did you mean one of: 'events', 'test-event'?)"),
        (["zzz"], ""),
    ],
)
def test_a_mistyped_verb_is_a_wrong_command_line_that_names_the_near_ones(words: list[str], near: str):
    (mistyped,) = (word for word in words if not word.startswith("-"))
    result = CliRunner().invoke(cli, words)
    line = f"No such command '{mistyped}'. {near}".strip()

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == f"Error: {line}"
    assert result.stdout == (f'{{"errors": ["{line}"], "exit_code": 2}}\n' if "--json" in words else "")
