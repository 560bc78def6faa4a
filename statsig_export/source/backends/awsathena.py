"""Athena, whose engine is Trino: what differs there.

Its dialect (pyathena 4.2) knows no moment: a `timestamp with time zone`, which only tables of Iceberg have, has to be
cast by a view. A STRUCT is what Trino calls a ROW. The cursor fetches the result, which lies in S3, page by page.
"""

from dataclasses import replace
from typing import Final

from sqlalchemy import URL

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import DatasetName, dotted
from statsig_export.source.backends.trino import TRINO


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    catalog = str(url.query.get("catalog_name", "AwsDataCatalog"))
    return DatasetName(
        f"awsathena://{url.host}", dotted(catalog, table.schema or url.database or "default", table.table)
    )


ATHENA: Final = replace(
    TRINO,
    name="awsathena",
    extra="athena",
    families=dict.fromkeys(("struct", "map", "JSON"), Family.NESTED),
    dataset=_dataset,
)
