"""The verbs with their options, from the commands themselves."""

import click

from generators.markdown import code, prose, table
from statsig_export.cli.examples import EXAMPLES
from statsig_export.cli.options import VERBS, cli

INTRODUCTION = """\
# Command line

`statsig-export [--config FILE] [--debug] VERB ...`, also `python -m statsig_export`. `--config` and `--debug` may stand
before or after the verb. Times are ISO 8601, and UTC if they name no zone. [Exit codes](../exit-codes.md) has
those of each verb, [JSON](json.md) what each prints with `--json`.
"""


def page() -> str:
    context = click.Context(cli, info_name="statsig-export")
    commands = [(verb, command) for verb in VERBS if (command := cli.get_command(context, verb))]
    return "\n\n".join([INTRODUCTION.rstrip(), *(_section(context, *one) for one in commands)]) + "\n"


def _section(context: click.Context, verb: str, command: click.Command) -> str:
    inner = click.Context(command, info_name=verb, parent=context)
    usage = command.get_usage(inner).removeprefix("Usage: ")
    records = [record for option in command.get_params(inner) if (record := option.get_help_record(inner))]
    options = table(["option", "meaning"], [(code(names), meaning) for names, meaning in records])
    examples = "\n".join(f"statsig-export {words}" for words in EXAMPLES[verb])
    return f"## {verb}\n\n```text\n{usage}\n```\n\n{prose(command.help)}\n\n{options}\n\n```text\n{examples}\n```"
