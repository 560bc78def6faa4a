"""The tables of the configured layout, placed where export.toml says they are. Pure."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from statsig_export.errors import ConfigError
from statsig_export.layouts.identity_names import identity_of, salt_of
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import (
    EXPOSURE_TYPES,
    ROW_KEY,
    ColumnRule,
    Form,
    Kind,
    Meaning,
    Predicate,
    Role,
    SourceTable,
    is_unit_column,
    unit_column,
)
from statsig_export.settings import SourceSettings, TableSettings

_PART: Final = re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|[^."`]+')
_QUALIFIED: Final = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")
_SPELLED = frozenset({Kind.TEXT, Kind.IDENTIFIER, Kind.BOOLEAN, Kind.VALUE})
_ALLOWED = {"exposure_type": tuple(EXPOSURE_TYPES.values()), "gate_value": ("true", "false")}


def source_tables(settings: SourceSettings) -> tuple[SourceTable, ...]:
    """The tables of the configured layout, with what export.toml says about each of them, but for those it leaves out.

    Raises ConfigError when it names a column that the layout does not have, or an option that the table has no use for.
    """
    overrides = table_settings(settings)
    tables = [table for table in LAYOUTS[settings.layout] if overrides[table.role].table != ""]
    if not tables:
        raise ConfigError("every table of the layout is left out", hint='[source.<table>] table = "" leaves one out')
    placed = tuple(_placed(table, overrides[table.role], settings.name) for table in tables)
    _refuse_one_identity(placed, settings.name)
    return placed


def table_settings(settings: SourceSettings) -> dict[Role, TableSettings]:
    """What export.toml says about each table, whether the layout has it or not."""
    return {
        Role.EXPOSURES: settings.exposures,
        Role.CUSTOM_EVENTS: settings.custom_events,
        Role.SDK_EVENTS: settings.sdk_events,
        Role.STATSIG_EVENTS: settings.statsig_events,
    }


def _refuse_one_identity(tables: Sequence[SourceTable], source_name: str) -> None:
    """Raise ConfigError where `identity` gives two tables one: row 1 of each would be an event of the same id."""
    sections: dict[tuple[str, str], SourceTable] = {}
    for table in tables:
        other = sections.setdefault(table.salted(source_name), table)
        if other is not table and (table.salt or other.salt):
            raise ConfigError(
                f"{_section(other)} and {_section(table)} have the same identity, "
                f"{identity_of(table.salted(source_name), source_name)}: their rows would get the same ids",
                hint="each table keeps the name it had when its rows were first sent: mend or remove one of the lines",
            )


def _placed(table: SourceTable, settings: TableSettings, source_name: str) -> SourceTable:
    key, rules = _renamed(table, settings.columns)
    units, unit_rules = _custom_units(table, settings.custom_ids)
    if settings.repeats is not None and key is not None:
        raise ConfigError(
            f"{_section(table)} says repeats, but its rows have a key",
            hint="a repeated row is known by its key already: remove the line",
        )
    found = {rule.canonical for rule in rules}
    schema, name = _place(settings)
    meanings = _meanings(table, rules, settings.values)
    return replace(
        table,
        table=name or table.table,
        schema=schema or table.schema,
        key=key,
        window_column=settings.window_column or _moved(table, rules) or table.window_column,
        columns=(*rules, *unit_rules),
        units=tuple(unit for unit in table.units if unit_column(unit) in found) + units,
        predicates=_meant(tuple(each for each in table.predicates if each.column in found), meanings),
        meanings=meanings,
        repeats_are_duplicates=settings.repeats == "duplicates",
        in_files=settings.files is not None,
        salt=None if settings.identity is None else salt_of(settings.identity, source_name),
    )


def _place(settings: TableSettings) -> tuple[str | None, str | None]:
    """The schema and the name of a table: `table = "analytics.events"` says both, unless `schema` says one.

    Quotes as in SQL keep a dot within a name: `table = '"my.events"'`.
    """
    if settings.table is None or settings.schema_:
        return settings.schema_, settings.table
    if not _QUALIFIED.fullmatch(settings.table):
        return None, settings.table
    *path, name = (_unquoted(part) for part in _PART.findall(settings.table))
    return ".".join(path) or None, name


def _unquoted(part: str) -> str:
    quote = part[0]
    return part[1:-1].replace(quote * 2, quote) if quote in '"`' else part


def _renamed(table: SourceTable, columns: Mapping[str, str]) -> tuple[str | None, tuple[ColumnRule, ...]]:
    """The key and the column rules under their names in this database; a rule renamed to "" is left out.

    A column is named by the canonical frame's name for it, or by the layout's own.
    """
    renamed = dict(columns)
    key = renamed.pop(ROW_KEY, None) or renamed.pop(table.key or ROW_KEY, None) or table.key
    canonical = [renamed.pop(rule.canonical, None) for rule in table.columns]
    rules = [
        replace(rule, column=renamed.pop(rule.column, rule.column) if name is None else name)
        for rule, name in zip(table.columns, canonical, strict=True)
    ]
    if renamed:
        raise _unknown_column(table, next(iter(renamed)))
    return key, tuple(rule for rule in rules if rule.column)


def _meanings(
    table: SourceTable, rules: Sequence[ColumnRule], values: Mapping[str, Mapping[str, str | bool]]
) -> tuple[Meaning, ...]:
    """What `values` says, by canonical names."""
    meanings = []
    for name, spellings in values.items():
        rule = next((rule for rule in rules if name in {rule.canonical, rule.column}), None)
        if rule is None or rule.kind not in _SPELLED:
            spelled = ", ".join(rule.canonical for rule in rules if rule.kind in _SPELLED)
            raise ConfigError(
                f"{_section(table)} values names {name}, which is no column of text or booleans of this layout",
                hint=f"it can name {spelled}" if spelled else "remove the line",
            )
        for found, means in spellings.items():
            meaning = Meaning(rule.canonical, found, str(means).lower() if isinstance(means, bool) else means)
            allowed = _ALLOWED.get(rule.canonical)
            if allowed is not None and meaning.means not in allowed:
                raise ConfigError(
                    f"{_section(table)} values gives {rule.canonical} a meaning that it cannot have",
                    hint=f"write one of {', '.join(allowed)}",
                )
            meanings.append(meaning)
    return tuple(meanings)


def _meant(predicates: tuple[Predicate, ...], meanings: Sequence[Meaning]) -> tuple[Predicate, ...]:
    """The predicates on what is found: a value that means another is claimed by who claims that one."""
    spelled = {meaning for meaning in meanings if any(each.column == meaning.canonical for each in predicates)}
    given = {(meaning.canonical, meaning.found) for meaning in spelled}
    kept = [each for each in predicates if (each.column, each.value) not in given]
    added = [
        replace(each, value=meaning.found)
        for meaning in sorted(spelled)
        for each in predicates
        if (each.column, each.value) == (meaning.canonical, meaning.means)
    ]
    return (*kept, *added)


def _moved(table: SourceTable, rules: Sequence[ColumnRule]) -> str | None:
    """The new name of the window column, where it is one of the columns that were renamed."""
    before = {rule.canonical for rule in table.columns if rule.column == table.window_column}
    return next((rule.column for rule in rules if rule.canonical in before), None)


def _custom_units(table: SourceTable, custom_ids: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[ColumnRule, ...]]:
    if custom_ids and not (table.form is Form.EXPORTED and table.units):
        raise ConfigError(
            f"{_section(table)} says custom_ids, but its layout has no column for each custom ID",
            hint="only the tables that Statsig forwards or exports with one column an ID take it: remove the line",
        )
    rules = tuple(ColumnRule(unit_column(unit), column, Kind.IDENTIFIER) for unit, column in custom_ids.items())
    return tuple(custom_ids), rules


def _unknown_column(table: SourceTable, name: str) -> ConfigError:
    section = _section(table)
    if name == table.window_column:
        return ConfigError(
            f"{section} columns renames {name}", hint=f'{name} is set by {section} window_column = "..."'
        )
    known = [ROW_KEY, *(rule.column if is_unit_column(rule.canonical) else rule.canonical for rule in table.columns)]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(known)}"
    return ConfigError(f"{section} columns names {name}, which the layout does not have", hint=hint)


def _section(table: SourceTable) -> str:
    return f"[source.{table.role}]"
