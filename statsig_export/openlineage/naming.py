"""What OpenLineage calls our datasets: a namespace and a name, by its naming conventions. Pure.

So other tools' lineage of the same table or bucket meets ours. A name never holds a user or a password, and of the
webhook nothing but the name that the configuration gives it.
"""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL

from statsig_export.layouts.model import SourceTable
from statsig_export.vocabulary import Category

_SCHEMES: Final = {"postgresql": "postgres", "mariadb": "mysql"}
_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "redshift": 5439}
_DEFAULT_SCHEMAS: Final = {"postgresql": "public", "redshift": "public"}
_REDSHIFT_HOST: Final = re.compile(r"(?P<name>[^.]+)\.[^.]+\.(?P<region>[^.]+)\.redshift\.amazonaws\.com(?:\.cn)?")
_FILES: Final = frozenset({"sqlite", "duckdb"})


@dataclass(frozen=True, slots=True)
class DatasetName:
    """Two datasets with both parts equal are one to OpenLineage."""

    namespace: str
    name: str


def table_name(url: URL, table: SourceTable) -> DatasetName:
    """A source table; `url` is the database's."""
    backend = url.get_backend_name()
    if backend in _FILES:
        return DatasetName(f"{backend}://{url.database}", table.qualified_name)
    if backend == "bigquery":
        return DatasetName(backend, _dotted(url.host, table.schema or url.database, table.table))
    if backend == "snowflake":
        database, _, schema = (url.database or "").partition("/")
        return DatasetName(f"{backend}://{url.host}", _dotted(database, table.schema or schema, table.table))
    schema = table.schema or _DEFAULT_SCHEMAS.get(backend, "")
    port = url.port or _PORTS.get(backend)
    authority = _host(url) if port is None else f"{_host(url)}:{port}"
    return DatasetName(f"{_SCHEMES.get(backend, backend)}://{authority}", _dotted(url.database, schema, table.table))


def files_name(storage_url: str, category: Category) -> DatasetName:
    """The partition files of one category, all windows of it; `storage_url` is a path or any fsspec URL."""
    tail = f"/events/category={category.value}"
    scheme, separated, rest = storage_url.rpartition("::")[2].partition("://")
    if not separated or scheme == "file":
        return DatasetName("file", (rest or scheme).rstrip("/") + tail)
    authority, _, path = rest.partition("/")
    bucket = authority.rpartition("@")[2]
    return DatasetName(f"{scheme}://{bucket}", (path.rstrip("/") + tail).lstrip("/"))


def destination_name(webhook_name: str) -> DatasetName:
    """What the webhook received; it is known by its configured name alone, since its URL is a secret."""
    return DatasetName("webhook", webhook_name)


def _host(url: URL) -> str:
    """A Redshift cluster goes by its own name and its region: <cluster>.<account>.<region>.redshift.amazonaws.com."""
    host = url.host or "localhost"
    cluster = _REDSHIFT_HOST.fullmatch(host)
    return f"{cluster['name']}.{cluster['region']}" if cluster else host


def _dotted(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)
