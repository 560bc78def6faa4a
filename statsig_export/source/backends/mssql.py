"""SQL Server, Azure SQL, Fabric: what differs there.

A DATETIMEOFFSET is a moment; `SWITCHOFFSET` shows it in UTC, and a cast to DATETIME2 drops the offset. Text is compared
without regard to case and to blanks at its end by most collations, so no predicate on text is exact. A cast to
NVARCHAR without a length cuts at 30 characters: the longest is written out. A FLOAT's text has six digits.
"""

from typing import Final

from sqlalchemy import URL, cast, func, literal_column
from sqlalchemy.dialects.mssql import DATETIME2, NVARCHAR

from statsig_export.layouts.families import Family
from statsig_export.layouts.model import SourceTable
from statsig_export.source.backends.backend import (
    Backend,
    DatasetName,
    SqlColumn,
    cast_bound,
    if_zoned,
    information_schema_look,
    never_exact,
    server_dataset,
)

_TEXT: Final = NVARCHAR("max")  # type: ignore[arg-type]  # as the dialect has it


def _to_utc(column: SqlColumn) -> SqlColumn:
    return cast(func.switchoffset(column, literal_column("'+00:00'")), DATETIME2(6))  # type: ignore[no-untyped-call]


def _json_member(column: SqlColumn, _: Family, key: str) -> SqlColumn:
    return func.json_value(column, literal_column(f"'$.{key}'"))


def _dataset(url: URL, table: SourceTable) -> DatasetName:
    return server_dataset(url, table, scheme="mssql", port=1433, schema="dbo", host=url.host or "localhost")


MSSQL: Final = Backend(
    name="mssql",
    look=information_schema_look(
        view="INFORMATION_SCHEMA.COLUMNS", current="schema_name()", system=("information_schema", "sys")
    ),
    families={
        "DATETIMEOFFSET": Family.TIMESTAMP_TZ,
        "BIT": Family.BOOLEAN,
        "UNIQUEIDENTIFIER": Family.LABEL,
        "uniqueidentifier": Family.LABEL,
        "timestamp": Family.OTHER,
        "rowversion": Family.OTHER,
        "TIMESTAMP": Family.OTHER,
    },
    text_type=_TEXT,
    casts_text=False,
    floats_as_text=False,
    json_member=_json_member,
    exact_text=never_exact,
    utc=if_zoned(_to_utc),
    bound=cast_bound(naive="DATETIME2", zoned="DATETIMEOFFSET"),
    dataset=_dataset,
)
