"""The verb init: looks at the database, proposes a layout, writes export.toml and what Dagster loads, shows a plan."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import Any

import click

from statsig_export.cli import connect_options, output
from statsig_export.cli.code_location import CodeLocation, write_code_location
from statsig_export.cli.options import Invocation
from statsig_export.cli.output import printable
from statsig_export.cli.proposal import (
    absent_section,
    candidate_json,
    commented,
    identity,
    match_json,
    note_broken,
    print_candidates,
    print_proposal,
    section,
)
from statsig_export.cli.table_creation import create_source_tables
from statsig_export.cli.verb_options import as_json
from statsig_export.cli.verbs.plan import plan_of, print_plan
from statsig_export.config import Config, load_config, parse_config
from statsig_export.config_file import DEFAULT_FILE, spelled, working_folder
from statsig_export.errors import ConfigError
from statsig_export.layouts.detection import FoundTable, Match, Proposal, candidates, propose
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Role
from statsig_export.privacy.masking import Masking
from statsig_export.settings import WindowSettings
from statsig_export.source.backends.duckdb import IN_MEMORY
from statsig_export.source.discovery import EARLIEST, Discovery
from statsig_export.source.files import SourceFiles, options_of_files
from statsig_export.source.outside import Place
from statsig_export.windows import LENGTH, Window, closed_windows

_TEMPLATE = files("statsig_export") / "export_template.toml"
_TABLES = re.compile(r"\[source\.exposures\].*(?=\[windows\])", re.DOTALL)
_START = re.compile(r"start = \"[^\"]*\"")
_LAYOUT = 'layout = "native"       '
_MOST_LOOKS = 4
_OUTSIDE = {Place.BEFORE_START: "before 2000", Place.IN_FUTURE: "in the future"}
"""What is told of a place; of rows that no window can hold the plan tells."""
_DEFAULT = "env:STATSIG_DATABASE_URL"
_URL = f'url = "{_DEFAULT}"'
_URL_LINE = re.compile(rf"^{re.escape(_URL)}.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the database has told."""

    schema: str | None
    """The only one that was looked at."""
    proposal: Proposal | None
    candidates: Sequence[tuple[str, Match]]
    """(layout, match) of the tables that come near and are not proposed."""
    broken: Sequence[str]
    """Views that the database cannot describe."""
    looked_at: int
    """How many tables and views it has."""
    first_day: datetime | None
    """The first day in UTC that holds a row; None where there is none."""
    newest: datetime | None
    """The greatest time in a closed window."""
    of_files: bool
    """Whether files were looked at, instead of a database."""
    outside: Mapping[str, Sequence[str]]
    """Table -> where it has rows that no window from the first day to now holds."""


@click.command("init")
@click.option(
    "--tables", is_flag=True, help="Create the tables of the layout (native by default); do not inspect the database."
)
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="Use this layout; do not inspect the database.")
@click.option("--url", default=_DEFAULT, show_default=True, help="The database: env:NAME or a URL.")
@click.option(
    "--connect",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument of the driver's own connect(), for [source.connect]; secrets as env:NAME. May be repeated; "
    "--force keeps those of the file.",
)
@click.option(
    "--files",
    multiple=True,
    metavar="NAME=PATTERN",
    help="Files instead of a database, as the table NAME: Parquet (a path or URL, also with wildcards), or the folder"
    " of a Delta or Iceberg table. May be repeated.",
)
@click.option("--schema", help="The only schema to inspect, written to the file; by default all are inspected.")
@click.option("--force", is_flag=True, help="Overwrite an existing file; its [privacy] is kept.")
@as_json
@click.pass_obj
def command(  # noqa: PLR0913 - the options of the verb
    invocation: Invocation,
    *,
    tables: bool,
    layout: str | None,
    url: str,
    connect: tuple[str, ...],
    files: tuple[str, ...],
    schema: str | None,
    force: bool,
    json_: bool,
) -> None:
    """Inspect the database, write a commented export.toml that fits it, and show the first plan.

    Beside export.toml it writes what `dagster dev` loads there: definitions.py and workspace.yaml, unless the folder is
    a Dagster project already.
    """
    path = invocation.config_path or Path(DEFAULT_FILE)
    is_there = _is_there(path)
    if is_there and not (force or tables):
        raise ConfigError(f"{path} already exists", hint="--force overwrites it; --tables keeps and uses it")
    if is_there and not force and schema:
        raise ConfigError(
            f"{path} already exists and is kept, so --schema would change nothing",
            hint="set schema in its [source.<table>] sections, or overwrite it with --force",
        )
    if files and (tables or layout or schema or url != _DEFAULT):
        raise ConfigError(
            "--files is for files instead of a database, whose layout is looked for",
            hint="leave out --url, --schema, --layout and --tables",
        )
    arguments = connect_options.parsed(connect) or connect_options.of_file(path)
    privacy = connect_options.privacy_of_file(path)
    patterns = connect_options.named_files(files)
    config = parse_config(
        {"source": {"connect": arguments} if patterns else {"url": url, "connect": arguments}},
        folder=spelled(working_folder() / path.parent),  # as the file is read later
        environ=os.environ,
        name="--url",
    )
    look, location = None, CodeLocation()
    if force or not is_there:
        look = None if layout or tables else _look(config, schema, patterns)
        _write(path, _rendered(layout or "native", url, arguments, look, schema) + privacy)
        output.note(f"Wrote {path}: check [filter] and [windows], and set the environment variables that it names.")
        if privacy:
            output.note("[privacy] of the file that was there is kept, at its end.")
        location = write_code_location(path)
        output.note(str(location))
    if tables:
        create_source_tables(path)
    if look is not None:
        _note(look)
        _report(path, look, location, json_=json_)
    elif json_:
        output.print_json(_report_json(path, load_config(path).source.layout, location))
    output.note(f"Next: statsig-export --config {quote(str(path))} plan --from ... --to ...")


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"{path} cannot be looked at ({error.strerror})", hint="name another with --config") from None
    return True


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})", hint="name another with --config") from None


def _look(config: Config, schema: str | None, patterns: Mapping[str, str]) -> _Look | None:
    """What the database, or the files that the patterns mean, hold; None where the database's variable is not set.

    Raises ConfigError for a URL that is none, SourceError for a database that cannot be looked at.
    """
    url = config.source.url
    if not patterns and url.startswith("env:") and not os.environ.get(url.removeprefix("env:")):
        output.note(
            f"{url.removeprefix('env:')} is not set, so the database was not inspected: the file has the defaults."
        )
        return None
    arguments = config.source_arguments()
    files = {
        name: SourceFiles("--files", config.files_place("--files", pattern), options_of_files(arguments))
        for name, pattern in patterns.items()
    }
    with Discovery(IN_MEMORY if files else config.source_url(), arguments, files) as discovery:
        tables = discovery.tables(schema)
        listed = tuple(replace(table, files=patterns.get(table.name)) for table in tables.found)
        found = _looked_into(discovery, listed)
        proposal = propose(found)
        near = candidates(found, proposal)
        reaches = _reaches(discovery, proposal.matches if proposal else [])
    return _Look(schema, proposal, near, tables.broken, len(tables.found), of_files=bool(files), **reaches)


def _looked_into(discovery: Discovery, found: Sequence[FoundTable]) -> tuple[FoundTable, ...]:
    """The tables, those that are proposed with what their values say; that may put others in their place."""
    tables = {(table.schema, table.name): table for table in found}
    for _ in range(_MOST_LOOKS):
        proposal = propose(tuple(tables.values()))
        before = dict(tables)
        for match in proposal.matches if proposal else []:
            tables[match.found.schema, match.found.name] = discovery.looked_into(match)
        if tables == before:
            break
    return tuple(tables.values())


def _reaches(discovery: Discovery, matches: Sequence[Match]) -> dict[str, Any]:
    """The first day with rows and the newest row of a closed window, and the tables with rows outside of all that."""
    now = datetime.now(UTC)
    closed = closed_windows(now - 2 * LENGTH["day"], now, WindowSettings(), now)
    end = closed[-1].end if closed else now
    first_days, newest, outside = [], [], {}
    for match in matches:
        table = match.placed
        past = discovery.reach(table, end)
        reach = past or discovery.reach(table, now)
        first_days += [reach.first_day] if reach else []
        newest += [past.newest] if past else []
        places = discovery.places_outside(table, EARLIEST, now)
        outside[table.qualified_name] = [told for place, told in _OUTSIDE.items() if place in places]
    return {
        "first_day": min(first_days, default=None),
        "newest": max(newest, default=None),
        "outside": {name: where for name, where in outside.items() if where},
    }


def _rendered(layout: str, url: str, arguments: connect_options.Given, look: _Look | None, schema: str | None) -> str:
    """The template, with what the look has told in the place of its defaults."""
    proposal = look.proposal if look else None
    text = _TEMPLATE.read_text(encoding="utf-8")
    if proposal and any(match.found.files for match in proposal.matches):
        text = _URL_LINE.sub("", text)
    text = text.replace(_URL, f"url = {json.dumps(url)}")
    proposed = proposal.layout if proposal else layout
    text = text.replace(_LAYOUT, f'layout = "{proposed}"'.ljust(len(_LAYOUT)))
    sections = proposal.tables if proposal else {table.role: None for table in LAYOUTS[proposed]}
    written = "\n".join(
        section(match) if match else _default_section(proposed, role, schema, looked=proposal is not None)
        for role, match in sections.items()
    )
    text = _TABLES.sub(lambda _: f"{connect_options.section(arguments)}{written}\n", text)
    if look and look.first_day:
        text = _START.sub(f'start = "{look.first_day:%Y-%m-%dT00:00:00Z}"', text)
    return text


def _default_section(layout: str, role: Role, schema: str | None, *, looked: bool) -> str:
    if looked:
        return absent_section(role, commented('table = ""', "the database has none"))
    default = replace(next(table for table in LAYOUTS[layout] if table.role is role), schema=schema)
    lines = [f"table = {json.dumps(default.table)}"]
    if schema:
        lines.append(f"schema = {json.dumps(schema)}")
    return absent_section(role, "\n".join((*lines, identity(default.qualified_name))))


def _report_json(path: Path, layout: str, location: CodeLocation) -> dict[str, object]:
    return {"config": str(path), "layout": layout, "tables": {}, "plan": None, "dagster": location.to_dict()}


def _report(path: Path, look: _Look, location: CodeLocation, *, json_: bool) -> None:
    """What was found, and the dry run of the newest closed window that can hold any of it."""
    config = load_config(path)
    window = _newest_closed(look, config.windows)
    planned = plan_of(config, [window], (), 0, rule=Masking()) if window else None
    if json_:
        roles = look.proposal.tables if look.proposal else {}
        tables = {role.value: None if match is None else match_json(match) for role, match in roles.items()}
        output.print_json(
            {
                **_report_json(path, config.source.layout, location),
                "tables": tables,
                "candidates": [candidate_json(layout, match) for layout, match in look.candidates],
                "tables_looked_at": look.looked_at,
                "not_looked_at": sorted(look.broken),
                "rows_outside": look.outside,
                "plan": planned.to_dict() if planned else None,
            }
        )
        return
    click.echo(f"Tables and views looked at: {look.looked_at:,}")
    if look.proposal:
        print_proposal(look.proposal)
    print_candidates(look.candidates, proposed=look.proposal is not None)
    if planned:
        print_plan(planned, failed=False)
    elif look.proposal:
        click.echo("No closed window has rows yet, so there is nothing to plan.")


def _note(look: _Look) -> None:
    """What may surprise, on standard error."""
    note_broken(look.broken)
    if look.proposal is None and look.of_files:
        output.note("None of the files look like a table of Statsig's: docs/how-to/map-your-tables.md maps columns.")
    elif look.proposal is None:
        where = "this database" if look.schema is None else f"the schema {printable(look.schema)}"
        output.note(f"No table of {where} looks like one of Statsig's: --tables creates the native ones.")
    for table, places in look.outside.items():
        output.note(
            f"{printable(table)} has rows {' and '.join(places)} by its window column: no window between [windows] "
            "start and now holds them."
        )


def _newest_closed(look: _Look, settings: WindowSettings) -> Window | None:
    if look.newest is None:
        return None
    end = look.newest + timedelta(microseconds=1)
    closed = closed_windows(end - 2 * LENGTH[settings.every], end, settings, datetime.now(UTC))
    return closed[-1] if closed else None
