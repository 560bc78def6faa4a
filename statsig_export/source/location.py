"""Which table of the database a configured table is, where it is not found under the very name. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from sqlalchemy.engine import Dialect

from statsig_export.errors import SchemaError
from statsig_export.layouts.model import SourceTable
from statsig_export.source.catalogs import CatalogTable
from statsig_export.source.names import named_as, plain_name


def located(table: SourceTable, there: Sequence[CatalogTable], dialect: Dialect) -> SourceTable:
    """The table under the names that the database has for it.

    They are what the database itself would make of the configured ones if they were not quoted; or, of a name with
    dots, the table that has the whole name. Raises SchemaError that says where such a table is, or which is nearest.
    """
    for schema, name in ((table.schema, table.table), (None, table.qualified_name)):
        candidates = [each for each in there if _in_schema(each, schema, dialect)]
        stored = named_as(name, (each.name for each in candidates), dialect)
        found = [each for each in candidates if each.name == stored]
        if len(found) == 1:
            own = None if schema is None else found[0].schema
            return replace(table, table=found[0].name, schema=own)
    raise _missing(table, there, dialect)


def _in_schema(each: CatalogTable, schema: str | None, dialect: Dialect) -> bool:
    if schema is None:
        return each.visible
    return each.schema is not None and named_as(schema, [each.schema], dialect) is not None


def _missing(table: SourceTable, there: Sequence[CatalogTable], dialect: Dialect) -> SchemaError:
    section = f"[source.{table.role}]"
    what = f"the source database has no table {table.qualified_name}"
    last = table.table.rpartition(".")[2].lower()
    elsewhere = [each for each in there if each.name.lower() == last and each.schema]
    if elsewhere:
        schemas = [plain_name(str(each.schema), dialect) for each in elsewhere]
        name = plain_name(elsewhere[0].name, dialect)
        return SchemaError(
            f"{what}, but it has {_listed(f'{schema}.{name}' for schema in schemas)}",
            hint=f'set {section} table = "{name}" and schema = "{schemas[0]}"',
        )
    near = _nearest(table, there, dialect)
    return SchemaError(
        f"{what}{f' (did you mean {near}?)' if near else ''}",
        hint=f'set {section} table = "..." and schema = "..." to where it is, '
        "or create it with `statsig-export init --tables`",
    )


def _nearest(table: SourceTable, there: Sequence[CatalogTable], dialect: Dialect) -> str:
    """The name nearest to the table's: in its schema, else as one writes it with its schema."""
    own = {each.name.lower(): each.name for each in there if _in_schema(each, table.schema, dialect)}
    others = {f"{each.schema}.{each.name}".lower(): f"{each.schema}.{each.name}" for each in there if not each.visible}
    for wanted, names in ((table.table, own), (table.qualified_name, others)):
        for near in get_close_matches(wanted.lower(), names, n=1):
            return plain_name(names[near], dialect)
    return ""


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))
