"""What OpenLineage calls our datasets: a namespace and a name, by its naming conventions. Pure.

So other tools' lineage of the same table or bucket meets ours. A name never holds a user or a password, and of the
webhook nothing but the name that the configuration gives it.
"""

import re

from sqlalchemy.engine import URL

from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import DatasetName
from statsig_export.source.backends.known import backend_of
from statsig_export.vocabulary import Category


def table_name(url: URL, table: SourceTable) -> DatasetName:
    """A source table; `url` is the database's."""
    return backend_of(url.get_backend_name()).dataset(url, table)


def source_files_name(pattern: str) -> DatasetName:
    """The files of a source table: the folder that is before the first wildcard, or of Iceberg's metadata; `pattern` is
    a path or a URL.
    """
    folder = re.split(r"/[^/]*[*?\[]", pattern, maxsplit=1)[0]
    return _place(re.sub(r"/metadata/[^/]+\.metadata\.json(\.gz)?$", "", folder))


def files_name(storage_url: str, category: Category) -> DatasetName:
    """The partition files of one category, all windows of it; `storage_url` is a path or any fsspec URL."""
    place, tail = _place(storage_url), f"events/category={category.value}"
    return DatasetName(place.namespace, f"{place.name}/{tail}" if place.name else tail)


def _place(url: str) -> DatasetName:
    """A folder: `file` and its path, or the bucket's URL and the path in it."""
    scheme, separated, rest = url.rpartition("::")[2].partition("?")[0].partition("://")
    if not separated or scheme == "file":
        return DatasetName("file", (rest or scheme).rstrip("/"))
    authority, _, path = rest.partition("/")
    bucket = authority.rpartition("@")[2]
    return DatasetName(f"{scheme}://{bucket}", path.strip("/"))


def destination_name(webhook_name: str) -> DatasetName:
    """What the webhook received; it is known by its configured name alone, since its URL is a secret."""
    return DatasetName("webhook", webhook_name)
