"""The verb init: looks at the database, proposes a layout, writes export.toml and what Dagster loads, shows a plan."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import click
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.cli import output
from statsig_export.cli.code_location import CodeLocation, write_code_location
from statsig_export.cli.options import Invocation
from statsig_export.cli.verb_options import as_json
from statsig_export.cli.verbs.plan import plan_of, print_plan
from statsig_export.config import DEFAULT_FILE, load_config, parse_config
from statsig_export.errors import ConfigError
from statsig_export.layouts.detection import Match, Proposal, propose
from statsig_export.layouts.identity_names import identity_of
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Role
from statsig_export.layouts.native_tables import create_tables
from statsig_export.settings import WindowSettings
from statsig_export.source.discovery import Discovery
from statsig_export.source.errors import SourceErrors
from statsig_export.windows import LENGTH, Window, closed_windows

_TEMPLATE = files("statsig_export") / "export_template.toml"
_TABLES = re.compile(r"\[source\.exposures\].*(?=\[windows\])", re.DOTALL)
_START = re.compile(r"start = \"[^\"]*\"")
_LAYOUT = 'layout = "native"       '
_COMMENT_AT = 38
_URL = 'url = "env:STATSIG_DATABASE_URL"'


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the database has told."""

    proposal: Proposal
    oldest: datetime | None
    newest: datetime | None
    """The least and the greatest time of its window columns; None where there is none."""


@click.command("init")
@click.option(
    "--tables", is_flag=True, help="Create the tables of the layout (native by default); do not inspect the database."
)
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="Use this layout; do not inspect the database.")
@click.option("--url", default="env:STATSIG_DATABASE_URL", show_default=True, help="The database: env:NAME or a URL.")
@click.option("--schema", help="The database schema to inspect; by default, that of the connection.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@as_json
@click.pass_obj
def command(  # noqa: PLR0913 - the options of the verb
    invocation: Invocation,
    *,
    tables: bool,
    layout: str | None,
    url: str,
    schema: str | None,
    force: bool,
    json_: bool,
) -> None:
    """Inspect the database, write a commented export.toml that fits it, and show the first plan.

    Beside export.toml it writes what `dagster dev` loads there: definitions.py and workspace.yaml, unless the folder is
    a Dagster project already.
    """
    path = invocation.config_path or Path(DEFAULT_FILE)
    if path.exists() and not (force or tables):
        raise ConfigError(f"{path} already exists", hint="--force overwrites it; --tables keeps and uses it")
    look, location = None, CodeLocation()
    if force or not path.exists():
        look = None if layout or tables else _look(url, schema)
        _write(path, _rendered(layout or "native", url, look))
        output.note(f"Wrote {path}: check [filter] and [windows], and set the environment variables that it names.")
        location = write_code_location(path)
        output.note(str(location))
    if tables:
        _create_tables(path)
    if look is not None:
        _report(path, look, location, json_=json_)
    elif json_:
        _print_json(path, load_config(path).source.layout, location, {}, None)
    output.note(f"Next: statsig-export --config {path} plan --from ... --to ...")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})", hint="name another with --config") from None


def _look(url: str, schema: str | None) -> _Look | None:
    """What the database holds; None where its variable is not set, or no table fits a layout.

    Raises ConfigError for a URL that is none, SourceError for a database that cannot be looked at.
    """
    config = parse_config({"source": {"url": url}}, folder=Path.cwd(), environ=os.environ, name="--url")
    if url.startswith("env:") and not os.environ.get(url.removeprefix("env:")):
        output.note(
            f"{url.removeprefix('env:')} is not set, so the database was not inspected: the file has the defaults."
        )
        return None
    with Discovery(config.source_url()) as discovery:
        proposal = propose(discovery.tables(schema))
        if proposal is None:
            output.note("No table of this database looks like one of Statsig's: --tables creates the native ones.")
            return None
        found = [match for match in proposal.tables.values() if match is not None]
        reaches = [reach for match in found if (reach := discovery.reach(match.placed)) is not None]
    oldest, newest = min((reach[0] for reach in reaches), default=None), max((r[1] for r in reaches), default=None)
    return _Look(proposal, oldest, newest)


def _rendered(layout: str, url: str, look: _Look | None) -> str:
    """The template, with what the look has told in the place of its defaults."""
    text = _TEMPLATE.read_text(encoding="utf-8").replace(_URL, f"url = {json.dumps(url)}")
    proposed = look.proposal.layout if look else layout
    text = text.replace(_LAYOUT, f'layout = "{proposed}"'.ljust(len(_LAYOUT)))
    sections = look.proposal.tables if look else {table.role: None for table in LAYOUTS[proposed]}
    written = "\n".join(_section(proposed, role, match, looked=look is not None) for role, match in sections.items())
    text = _TABLES.sub(lambda _: f"{written}\n", text)
    if look and look.oldest:
        text = _START.sub(f'start = "{look.oldest:%Y-%m-%dT00:00:00Z}"', text)
    return text


def _section(layout: str, role: Role, match: Match | None, *, looked: bool) -> str:
    lines = [_commented(f"[source.{role}]", 'also: schema, window_column, columns = { canonical = "yours" }')]
    if match is None:
        default = next(table for table in LAYOUTS[layout] if table.role is role)
        lines.append(_commented('table = ""', "the database has none") if looked else _identity(default.table))
        return "\n".join(lines) + "\n"
    lines.append(f"table = {json.dumps(match.found.name)}")
    if match.found.schema:
        lines.append(f"schema = {json.dumps(match.found.schema)}")
    lines.append(_identity(match.placed.qualified_name))
    if match.columns:
        lines.append(_commented(f"columns = {_inline(match.columns)}", "columns that this table does not have"))
    if match.custom_ids:
        line = f"# custom_ids = {_inline(match.custom_ids)}"
        lines.append(_commented(line, "custom ID -> its column: keep those that are IDs"))
    return "\n".join(lines) + "\n"


def _identity(table: str) -> str:
    line = f"identity = {json.dumps(identity_of(('', table)))}"
    return _commented(line, "stays when the table is renamed: ids are made with it")


def _commented(line: str, comment: str) -> str:
    return f"{line.ljust(_COMMENT_AT - 1)} # {comment}"


def _inline(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()) + " }"


def _print_json(path: Path, layout: str, location: CodeLocation, tables: object, plan: object) -> None:
    output.print_json(
        {"config": str(path), "layout": layout, "tables": tables, "plan": plan, "dagster": location.to_dict()}
    )


def _report(path: Path, look: _Look, location: CodeLocation, *, json_: bool) -> None:
    """What was found, and the dry run of the newest closed window that can hold any of it."""
    config = load_config(path)
    window = _newest_closed(look, config.windows)
    planned = plan_of(config, [window], None, 0) if window else None
    if json_:
        tables = {role.value: _told(match) for role, match in look.proposal.tables.items()}
        plan = planned.to_dict() if planned else None
        _print_json(path, look.proposal.layout, location, tables, plan)
        return
    click.echo(f"The layout that fits is {look.proposal.layout}:")
    for role, match in look.proposal.tables.items():
        told = f"{match.placed.qualified_name}, {match.fit:.0%} of the columns" if match else "no such table"
        click.echo(f"  {role.value}: {told}")
    if planned:
        print_plan(planned, failed=False)
    else:
        click.echo("No closed window has rows yet, so there is nothing to plan.")


def _told(match: Match | None) -> dict[str, object] | None:
    if match is None:
        return None
    return {
        "table": match.placed.qualified_name,
        "columns_missing": sorted(match.columns),
        "may_be_custom_ids": sorted(match.custom_ids),
    }


def _newest_closed(look: _Look, settings: WindowSettings) -> Window | None:
    if look.newest is None:
        return None
    end = look.newest + timedelta(microseconds=1)
    closed = closed_windows(end - 2 * LENGTH[settings.every], end, settings, datetime.now(UTC))
    return closed[-1] if closed else None


def _create_tables(path: Path) -> None:
    config = load_config(path)
    url, arguments = config.source_url(), config.source_arguments()
    try:
        engine = create_engine(url, connect_args=arguments, hide_parameters=True)
    except (ImportError, SQLAlchemyError):
        raise ConfigError(
            f"tables cannot be created through {url.drivername}",
            hint="--tables is for SQLite, PostgreSQL and MySQL; elsewhere create them by hand, as docs/sources.md says",
        ) from None
    try:
        create_tables(engine, config.source.layout)
    except SQLAlchemyError as error:
        raise SourceErrors(url, arguments).unmade(error) from None
    finally:
        engine.dispose()
    output.note(f"The tables of the layout {config.source.layout} exist.")
