"""The columns of every layout, from the layouts themselves."""

from generators.markdown import code, table
from statsig_export.layouts.known import LAYOUTS
from statsig_export.layouts.model import Kind, SourceTable, is_unit_column
from statsig_export.layouts.native_tables import NATIVE, SDK_LOG

INTRODUCTION = """\
# Columns of the layouts

The tables that each layout reads. *Canonical name* is the name by which `columns = {...}` of
[export.toml](configuration.md) says that yours is called otherwise. Map a column that your table does not have to `""`.
[Sources](../sources.md) says how the columns become an event.
"""
KINDS = {
    Kind.KEY: "key",
    Kind.WINDOW: "time, by which rows fall into windows",
    Kind.IDENTIFIER: "text, number or UUID",
    Kind.TEXT: "text",
    Kind.JSON: "JSON, or text that holds JSON",
    Kind.BOOLEAN: "boolean",
    Kind.VALUE: "text or number",
    Kind.TIME: "time",
}


def page() -> str:
    parts = [INTRODUCTION.rstrip()]
    for layout, tables in LAYOUTS.items():
        parts.append(f"## {layout}")
        parts += [_section(layout, one) for one in tables]
    return "\n\n".join(parts) + "\n"


def _section(layout: str, source_table: SourceTable) -> str:
    rules = [
        *([source_table.key_rule] if source_table.key_rule else []),
        source_table.window_rule,
        *source_table.columns,
    ]
    rows = [
        (code(rule.column), "" if is_unit_column(rule.canonical) else code(rule.canonical), KINDS[rule.kind])
        for rule in rules
    ]
    categories = ", ".join(code(category.value) for category in source_table.categories)
    lead = f"`[source.{source_table.role.value}]`. Categories: {categories}."
    columns = table(["column", "canonical name", "holds"], rows)
    return f"### {layout}: {source_table.table}\n\n{lead}\n\n{columns}{_created(layout, source_table)}"


def _created(layout: str, source_table: SourceTable) -> str:
    """What `init --tables` creates, with the comments of its columns."""
    made = {"native": NATIVE, "sdk_log": SDK_LOG}.get(layout)
    if made is None:
        return ""
    columns = made.tables[source_table.table].columns
    rows = [
        (code(column.name), str(column.type), "" if column.nullable else "yes", column.comment or "")
        for column in columns
    ]
    return "\n\n`init --tables` creates it with these types:\n\n" + table(
        ["column", "type", "required", "values"], rows
    )
