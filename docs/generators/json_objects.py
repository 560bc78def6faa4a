"""What each verb prints with --json: the verbs are run on a small export, in the order in which somebody would."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner
from sqlalchemy import create_engine

from generators.markdown import code
from statsig_export.cli.options import cli
from statsig_export.config import load_config
from statsig_export.lineage.frames import read_events
from statsig_export.testing.sample.sample import create_sample
from statsig_export.testing.webhook.receiver import Receiver

INTRODUCTION = """\
# JSON of the verbs

A verb that reports prints one object on standard output with `--json`, whatever happens. If there were errors it also
has `errors`, the lines that are on standard error, and `exit_code`. Keys are added in later versions and never change
their meaning.

Times ending in `_ms` are milliseconds since the epoch. A window is named by its key: `2026-11-20`, or `2026-11-20-13`
for an hour; a partition by `category|window`. With `--format csv` the main list is printed instead, a line each: a
key within an object is `outer.inner`, and lists are left out.

What follows was printed by the verbs themselves, on a small sample. Of each list the first item is shown; an object
whose keys are partitions, categories or names is cut likewise.
"""
DAY = ("--from", "2026-11-20", "--to", "2026-11-21")
BEFORE = (("init",), ("plan", *DAY, "--failed"), ("run", *DAY), ("status", *DAY, "--failed"), ("check",))
AFTER = (
    ("arrivals", *DAY),
    ("events", *DAY),
    ("test-event",),
    ("replay", *DAY),
    ("ship",),
    ("verify",),
    ("resume",),
    ("prune", "--before", "2026-11-21", "--dry-run"),
    ("forget", "--user-id", "us_000001", "--dry-run"),
)
"""What is typed before and after a trace of one of the events."""
EVENTS, BAD_ROWS = 60, 4
_LONG = 60
"""Characters of a text that are shown."""


def page() -> str:
    logging.disable(logging.INFO)  # the records of the exports are no lines of the site's build
    try:
        return _page()
    finally:
        logging.disable(logging.NOTSET)


def _page() -> str:
    return "\n\n".join([INTRODUCTION.rstrip(), *(_section(words, report) for words, report in _reports())]) + "\n"


def _section(words: str, report: object) -> str:
    verb = words.split(maxsplit=1)[0]
    shown = json.dumps(_shortened(report), indent=2, ensure_ascii=False).replace('"..."', "...")
    return f"## {verb}\n\n{code(f'statsig-export {words} --json')}\n\n```text\n{shown}\n```"


def _shortened(value: object) -> object:
    match value:
        case list():
            return [*map(_shortened, value[:1]), *(["..."] if len(value) > 1 else [])]
        case dict():
            kept = list(value.items())[:1] if len(value) > 1 and _is_listing(value) else list(value.items())
            more = {"...": "..."} if len(kept) < len(value) else {}
            return {**{str(key): _shortened(inner) for key, inner in kept}, **more}
        case str() if len(value) > _LONG:
            return f"{value[:_LONG]} ..."
        case _:
            return value


def _is_listing(value: dict[str, object]) -> bool:
    """Whether its keys are names out of the data: partitions, categories, windows."""
    return all("|" in key or key.endswith(("_exposure", "_event", "_change")) for key in value)


def _reports() -> Iterator[tuple[str, object]]:
    """(words, the object that they print) of each verb that reports."""
    with TemporaryDirectory() as folder, Receiver(keep_events=False, tables=Path(folder, "landed.db")) as receiver:
        source = f"sqlite:///{folder}/source.db"
        _fill(source)
        environ = {
            "STATSIG_DATABASE_URL": source,
            "FIVETRAN_WEBHOOK_URL": receiver.url,
            "FIVETRAN_WEBHOOK_SECRET": "of-the-stand-in",
        }
        config = f"{folder}/export.toml"
        runner = CliRunner(env=environ)

        def printed(*words: str) -> tuple[str, object]:
            result = runner.invoke(cli, ["--config", config, *words, "--json"])
            return " ".join(words), json.loads(result.stdout.replace(folder, "/home/you/statsig-events"))

        yield from starmap(printed, BEFORE)
        events = read_events(load_config(config, environ=environ), columns=["time_uuid"])
        yield printed("trace", str(events["time_uuid"][0]))
        with Path(config).open("a", encoding="utf-8") as file:
            file.write('[arrivals]\nurl = "sqlite:///landed.db"\ntable = "statsig_events"\n')
        yield from starmap(printed, AFTER)


def _fill(source: str) -> None:
    engine = create_engine(source)
    create_sample(engine, events=EVENTS, start=datetime(2026, 11, 20, tzinfo=UTC), days=1, bad_rows=BAD_ROWS)
    engine.dispose()
