"""The verb alerts: tell people what is wrong, once, and once more when it is over. For cron, each minute."""

import click

from statsig_export.alerts.incidents import Incident, Turn
from statsig_export.alerts.memory import FileMemory, LastTold
from statsig_export.alerts.telling import Told, send_test, tell
from statsig_export.cli import failures, output
from statsig_export.cli.exit_codes import DONE, NOT_ALL_DONE
from statsig_export.cli.verb_options import as_json, config_of
from statsig_export.config import Config
from statsig_export.errors import ConfigError


@click.command("alerts")
@click.option("--test", is_flag=True, help="Send one test message to each receiver, whatever is wrong or not.")
@as_json
@click.pass_context
def command(ctx: click.Context, *, test: bool, json_: bool) -> None:
    """Tell the receivers of [alerts] what is wrong, once each, and once more when it is over. Run it each minute.

    It looks at what `check` looks at. Exit codes: 0 everybody knows what there is to know, or it does not last long
    enough yet; 1 somebody is not told yet and is tried again; 2 [alerts] cannot be used; 5 the ledger cannot be read
    or written (which is told, too).
    """
    config: Config = config_of(ctx.obj)
    memory = FileMemory(config.file_of("alerts.state", config.alert_settings().state))
    if test:
        ctx.exit(_tested(config, memory, json_=json_, debug=ctx.obj.debug))
    told = tell(config, memory, last_told=LastTold(memory))
    if json_:
        output.print_json(_object(told))
    else:
        _print(told)
    for name, wrong in told.failed.items():
        output.note(f"{name} was not told ({wrong}): it is tried again")
    for name, why in told.waiting.items():
        output.note(f"{name} is still to be told something: {why}")
    errors = [error for error in (told.wrong, told.unkept) if error is not None]
    code = NOT_ALL_DONE if told.failed or told.waiting else DONE
    ctx.exit(max(code, failures.report_all(errors, debug=ctx.obj.debug)))


def _tested(config: Config, memory: FileMemory, *, json_: bool, debug: bool) -> int:
    """Everything is tried, whatever is wrong with the rest of it."""
    unkept: list[ConfigError] = []
    try:
        memory.require()
    except ConfigError as error:
        unkept.append(error)
    tested = send_test(config)
    if json_:
        said: dict[str, object] = {"test": {name: wrong or "taken" for name, wrong in tested.outcomes.items()}}
        output.print_json(said | ({"state": unkept[0].message} if unkept else {}))
    else:
        for name, wrong in tested.outcomes.items():
            click.echo(f"{name}: {wrong or 'has taken the test message'}")
    code = NOT_ALL_DONE if any(tested.outcomes.values()) else DONE
    return max(code, failures.report_all([*unkept, *tested.unusable], debug=debug))


def _print(told: Told) -> None:
    for name, news in told.told.items():
        click.echo(f"{name} was told: {'; '.join(_line(*one) for one in news)}")
    if not told.told:
        nothing = "nobody was told" if told.failed or told.waiting or told.wrong or told.unkept else "nothing to tell"
        click.echo(f"{nothing}: {len(told.open)} incidents are open, {len(told.incidents)} are followed")


def _line(incident: Incident, turn: Turn) -> str:
    return output.printable(f"{turn.value} {incident.seen.what}")


def _object(told: Told) -> dict[str, object]:
    return {
        "told": {
            name: [{"key": incident.seen.key, "state": turn.value} for incident, turn in news]
            for name, news in told.told.items()
        },
        "failed": told.failed,
        "waiting": told.waiting,
        "incidents": [
            {
                "key": one.seen.key,
                "level": one.seen.level.name,
                "what": one.seen.what,
                "fault": one.seen.fault.name.lower(),
                "do": one.seen.do,
                "since_ms": one.since_ms,
                "open": one.open_ms is not None and one.over_ms is None,
            }
            for one in told.incidents
        ],
    }
