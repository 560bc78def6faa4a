"""The macros of the dbt package in deploy/dbt, from the queries of `dedupe_view`. Pure."""

from typing import Final

from statsig_export.reconciliation.dedupe_view import Warehouse, dedupe_query

ADAPTERS: Final = {
    "snowflake": Warehouse.SNOWFLAKE,
    "bigquery": Warehouse.BIGQUERY,
    "redshift": Warehouse.REDSHIFT,
    "databricks": Warehouse.DATABRICKS,
    "postgres": Warehouse.POSTGRESQL,
    "duckdb": Warehouse.DUCKDB,
}
"""The name that dbt dispatches by -> the database. MySQL and SQLite have no adapter that dbt's makers name."""
_MACRO: Final = "statsig_events_once"
_PACKAGE: Final = "statsig_export"
_HEAD: Final = f"""\
{{#- Written by `statsig-export dedupe-view --dbt`; do not edit. Each macro is the query of that verb. -#}}

{{% macro {_MACRO}(relation, mode='packed', id_column='time_uuid') %}}
{{{{ return(adapter.dispatch('{_MACRO}', '{_PACKAGE}')(relation, mode, id_column)) }}}}
{{% endmacro %}}

{{% macro default__{_MACRO}(relation, mode, id_column) %}}
{{{{ exceptions.raise_compiler_error(
  '{_PACKAGE} has no view for ' ~ target.type ~ ': it is written for {", ".join(ADAPTERS)}') }}}}
{{% endmacro %}}
"""


def dbt_macros() -> str:
    """The file `macros/statsig_events_once.sql`: one macro an adapter, and the one that chooses."""
    return "\n".join([_HEAD, *(_macro(adapter, warehouse) for adapter, warehouse in ADAPTERS.items())])


def _macro(adapter: str, warehouse: Warehouse) -> str:
    packed = dedupe_query(warehouse, table="{{ relation }}", packed=True)
    unpacked = dedupe_query(warehouse, table="{{ relation }}", packed=False, id_column="{{ id_column }}")
    return (
        f"{{% macro {adapter}__{_MACRO}(relation, mode, id_column) %}}\n"
        f"{{%- if mode == 'packed' %}}\n{packed}{{%- elif mode == 'unpacked' %}}\n{unpacked}{{%- else %}}\n"
        "{{ exceptions.raise_compiler_error('mode is packed or unpacked, not ' ~ mode) }}\n"
        "{%- endif %}\n{% endmacro %}\n"
    )
