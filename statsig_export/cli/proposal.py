"""What `init` has found, as a section of export.toml, as JSON and for people."""

import json
from collections.abc import Iterable, Mapping, Sequence

import click

from statsig_export.cli import output
from statsig_export.cli.output import printable
from statsig_export.layouts.detection import Match, Proposal
from statsig_export.layouts.identity_names import identity_of
from statsig_export.layouts.model import ROW_KEY, Role

MOST_CANDIDATES = 5
"""A longer list is cut for people; --json has them all."""
_COMMENT_AT = 38
_LONGEST = 80
_DOT_WITHIN = frozenset('."`')


def section(match: Match) -> str:
    """The table's part of export.toml, ready to paste."""
    lines = [
        commented(f"[source.{match.table.role}]", 'also: schema, window_column, columns = { canonical = "yours" }')
    ]
    lines.append(f"table = {json.dumps(_table_name(match))}")
    if match.found.files:
        lines.append(f"files = {json.dumps(match.found.files)}")
    if match.found.schema:
        lines.append(f"schema = {json.dumps(match.found.schema)}")
    lines.append(identity(match.placed.qualified_name))
    if match.window_column:
        comment = "windows are cut by this time of insertion"
        if match.window_column == match.sources.get("timestamp"):
            comment = "the event's own time: rows come late, so see [windows] lookback"
        lines.append(commented(f"window_column = {json.dumps(match.window_column)}", comment))
    lines += _columns(match)
    if match.custom_ids:
        line = f"# custom_ids = {inline(match.custom_ids)}"
        lines.append(commented(line, "custom ID -> its column: keep those that are IDs"))
    return "\n".join(lines) + "\n"


def _columns(match: Match) -> list[str]:
    """One line where it is short, else a line per column."""
    columns = match.columns
    there = _there(match)
    line = f"columns = {inline(columns)}"
    if not columns or (len(line) <= _LONGEST and not there.keys() & columns):
        return [commented(line, 'canonical = "yours"; "": no such column')] if columns else []
    lines = [f"columns.{json.dumps(name)} = {json.dumps(column)}" for name, column in columns.items()]
    return [
        line if column else commented(line, there.get(name, "no such column"))
        for line, (name, column) in zip(lines, columns.items(), strict=True)
    ]


def absent_section(role: Role, line: str) -> str:
    """The part of export.toml for a table of which nothing was found."""
    head = commented(f"[source.{role}]", 'also: schema, window_column, columns = { canonical = "yours" }')
    return f"{head}\n{line}\n"


def identity(table: str) -> str:
    line = f"identity = {json.dumps(identity_of(('', table)))}"
    return commented(line, "stays when the table is renamed: ids are made with it")


def commented(line: str, comment: str) -> str:
    return f"{line.ljust(_COMMENT_AT - 1)} # {comment}"


def inline(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()) + " }"


def match_json(match: Match) -> dict[str, object]:
    """All that is known of a match."""
    return {
        "table": match.placed.qualified_name,
        "schema": match.found.schema,
        "score": round(match.score, 3),
        "readable": match.found.readable,
        "columns": dict(match.columns),
        "window_column": match.placed.window_column,
        "columns_missing": sorted(name for name, column in match.columns.items() if not column),
        "required_missing": list(match.missing),
        "may_be_custom_ids": sorted(match.custom_ids),
        "toml": section(match),
    }


def candidate_json(layout: str, match: Match) -> dict[str, object]:
    return {"layout": layout, "role": match.table.role.value, **match_json(match)}


def print_proposal(proposal: Proposal) -> None:
    """Which layout and tables are proposed, what is read from other columns, and what they lack."""
    click.echo(f"The layout that fits is {proposal.layout}:")
    for role, match in proposal.tables.items():
        if match is None:
            click.echo(f'  {role.value}: no such table (table = "")')
            continue
        name = printable(match.placed.qualified_name)
        click.echo(f"  {role.value}: {name}, {match.fit:.0%} of the columns, score {match.score:.2f}")
        for line in _mapping(match):
            click.echo(f"    {line}")


def print_candidates(candidates: Sequence[tuple[str, Match]], *, proposed: bool) -> None:
    """The tables that come near; with what to paste if nothing is proposed."""
    if not candidates:
        return
    click.echo("Other tables that come near:" if proposed else "Tables that come nearest:")
    for layout, match in candidates[:MOST_CANDIDATES]:
        name = printable(match.placed.qualified_name)
        click.echo(f"  {name}: {match.table.role.value} of the layout {layout}, score {match.score:.2f}{_lacks(match)}")
    if len(candidates) > MOST_CANDIDATES:
        click.echo(f"  ... and {len(candidates) - MOST_CANDIDATES:,} more: --json lists them all.")
    if not proposed:
        layout, match = candidates[0]
        click.echo(f'To use the first, write layout = "{layout}" in [source] and paste:')
        click.echo("".join(f"  {line}\n" for line in section(match).splitlines()), nl=False)


def note_broken(broken: Iterable[str]) -> None:
    names = sorted(broken)
    if names:
        shown = ", ".join(printable(name) for name in names[:MOST_CANDIDATES])
        more = f" and {len(names) - MOST_CANDIDATES:,} more" if len(names) > MOST_CANDIDATES else ""
        output.note(f"Not looked at, since the database cannot describe them (broken views?): {shown}{more}.")


def _mapping(match: Match) -> Iterable[str]:
    if match.window_column:
        yield f"window_column is {printable(match.window_column)}"
    for name, column in match.columns.items():
        if column:
            yield f"{name} is {printable(column)}"
    absent = [name for name, column in match.columns.items() if not column]
    told = {
        "not there": [name for name in absent if name not in {*match.barred, *match.unusable}],
        "there, but its type or its values are not what is meant": match.unusable,
        "there, but this user has no right to read it (GRANT SELECT)": match.barred,
    }
    yield from (f"{what}: {', '.join(names)}" for what, names in told.items() if names)
    if ROW_KEY in match.sources and match.sources.get("time_uuid") == match.sources[ROW_KEY]:
        yield "the key is a UUID, so it is the timeUUID too: the same in every copy of the database"


def _there(match: Match) -> dict[str, str]:
    """A column that is there, and is mapped to nothing all the same -> why."""
    why = dict.fromkeys(match.unusable, "holds something else")
    return {**why, **dict.fromkeys(match.barred, "no right to read it")}


def _lacks(match: Match) -> str:
    if match.missing:
        why = _there(match)
        return f", lacks {', '.join(f'{name} ({why[name]})' if name in why else name for name in match.missing)}"
    return "" if match.found.readable else ", but this user has no right to read it (GRANT SELECT)"


def _table_name(match: Match) -> str:
    """The name as export.toml reads it: quoted where a dot in it would part schema and table."""
    name = match.found.name
    if match.found.schema or not _DOT_WITHIN & set(name):
        return name
    return '"' + name.replace('"', '""') + '"'
