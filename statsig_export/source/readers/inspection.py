"""The catalog of a database through SQLAlchemy's inspection: for those that cannot be asked in one statement."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Inspector
from sqlalchemy import inspect as inspect_database
from sqlalchemy.engine import ObjectKind
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import SQLAlchemyError

from statsig_export.source.catalogs import Catalog, CatalogTable
from statsig_export.source.schema import found_column


def inspected_catalog(connection: Connection, schema: str | None) -> Catalog:
    """The tables and views of a schema, None for the connection's own.

    At once where the dialect can; else one by one, and a view that cannot be inspected ends only itself.
    """
    inspector = inspect_database(connection)
    try:
        found = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
    except (SQLAlchemyError, NotImplementedError):
        connection.rollback()
        return _one_by_one(connection, schema)
    return Catalog(
        tuple(_table(schema, name, columns, connection) for (_, name), columns in sorted(found.items(), key=str))
    )


def _one_by_one(connection: Connection, schema: str | None) -> Catalog:
    tables, broken = [], []
    for name in sorted(_names(inspect_database(connection), schema)):
        try:
            columns = inspect_database(connection).get_columns(name, schema=schema)
        except SQLAlchemyError:
            connection.rollback()
            broken.append(name)
        else:
            tables.append(_table(schema, name, columns, connection))
    return Catalog(tuple(tables), tuple(broken))


def _names(inspector: Inspector, schema: str | None) -> Iterator[str]:
    yield from inspector.get_table_names(schema)
    try:
        yield from inspector.get_view_names(schema)
    except NotImplementedError:
        return


def _table(schema: str | None, name: str, columns: Iterable[ReflectedColumn], connection: Connection) -> CatalogTable:
    found = tuple(found_column(column["name"], column["type"], connection.dialect) for column in columns)
    return CatalogTable(schema, name, found, visible=schema is None)
