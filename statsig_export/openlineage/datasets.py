"""The OpenLineage datasets of a run: the source tables, the partition files, what the webhook received.

Needs statsig-export[openlineage]. Facets hold names, types and counts; nothing of an event, and no secret.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    BaseFacet,
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    column_lineage_dataset,
    dataset_version_dataset,
    datasource_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
    storage_dataset,
)

from statsig_export.config import Config
from statsig_export.export.reports import PartitionExport
from statsig_export.layouts.model import SourceTable
from statsig_export.layouts.placement import source_tables
from statsig_export.ledger.records import Shipment
from statsig_export.lineage.columns import feeding_columns
from statsig_export.openlineage.naming import destination_name, files_name, source_files_name, table_name
from statsig_export.source.backends.backend import DatasetName
from statsig_export.storage.schemas import EVENTS
from statsig_export.vocabulary import EVENT_KEYS, Category

PRODUCER: Final = "https://github.com/statsig-export/statsig-export"

_SENT_TYPES: Final = {"user": "object", "statsigMetadata": "object", "metadata": "object", "timestamp": "integer"}
_DIRECT: Final = [column_lineage_dataset.Transformation("DIRECT", "TRANSFORMATION")]
_IDENTITY: Final = [column_lineage_dataset.Transformation("DIRECT", "IDENTITY")]
_FILTER: Final = [column_lineage_dataset.Transformation("INDIRECT", "FILTER")]

Facet = TypeVar("Facet", bound=BaseFacet)


def facet(kind: type[Facet], **values: Any) -> Facet:  # noqa: ANN401  as the client's facets take them
    """A facet that names this project as its producer."""
    return kind(producer=PRODUCER, **values)


def source_inputs(config: Config, categories: Iterable[Category]) -> list[InputDataset]:
    """The source tables that can hold events of these categories."""
    return [
        InputDataset(name.namespace, name.name, facets=_source_facets(name, table))
        for table, name in _tables(config, categories)
    ]


def file_outputs(
    config: Config, categories: Iterable[Category], exported: Mapping[Category, PartitionExport]
) -> list[OutputDataset]:
    """The partition files of these categories, with what the run added to each; `exported` is empty before its end."""
    found = []
    for category in categories:
        name = files_name(config.storage_url(), category)
        facets = {**_file_facets(name), "columnLineage": _lineage_of_files(config, category)}
        partition = exported.get(category)
        if partition is not None and partition.digest is not None:
            facets["version"] = facet(
                dataset_version_dataset.DatasetVersionDatasetFacet, datasetVersion=partition.digest
            )
        found.append(OutputDataset(name.namespace, name.name, facets=facets, outputFacets=_added(partition)))
    return found


def file_inputs(config: Config, categories: Iterable[Category], shipments: Iterable[Shipment]) -> list[InputDataset]:
    """The partition files of these categories, with how much of each was delivered."""
    shipped = list(shipments)
    found = []
    for category in categories:
        name = files_name(config.storage_url(), category)
        mine = [shipment for shipment in shipped if shipment.partition.startswith(f"{category.value}|")]
        found.append(InputDataset(name.namespace, name.name, facets=_file_facets(name), inputFacets=_read(mine)))
    return found


def destination_output(
    config: Config, categories: Iterable[Category], shipments: Iterable[Shipment] | None
) -> OutputDataset:
    """What the webhook received, by its name; None for `shipments` before the end of the run."""
    name = destination_name(config.webhook.name)
    files = [files_name(config.storage_url(), category) for category in categories]
    facets: dict[str, DatasetFacet] = {
        "schema": _schema({key: _SENT_TYPES.get(key, "string") for key in EVENT_KEYS}),
        "dataSource": facet(datasource_dataset.DatasourceDatasetFacet, name=name.name, uri=f"webhook:{name.name}"),
        "columnLineage": facet(
            column_lineage_dataset.ColumnLineageDatasetFacet,
            fields={key: _fields([(file, "event") for file in files], _IDENTITY) for key in EVENT_KEYS},
        ),
    }
    return OutputDataset(name.namespace, name.name, facets=facets, outputFacets=_delivered(shipments))


def _tables(config: Config, categories: Iterable[Category]) -> list[tuple[SourceTable, DatasetName]]:
    wanted = set(categories)
    tables = [table for table in source_tables(config.source) if wanted & set(table.categories)]
    if files := config.source_files():
        return [(table, source_files_name(files[table.role])) for table in tables]
    url = config.source_url()
    return [(table, table_name(url, table)) for table in tables]


def _source_facets(name: DatasetName, table: SourceTable) -> dict[str, DatasetFacet]:
    columns = {rule.column: rule.kind.value for rule in (*table.selected_rules, table.window_rule)}
    source = facet(datasource_dataset.DatasourceDatasetFacet, name=name.namespace, uri=name.namespace)
    return {"schema": _schema(columns), "dataSource": source}


def _file_facets(name: DatasetName) -> dict[str, DatasetFacet]:
    uri = f"file://{name.name}" if name.namespace == "file" else f"{name.namespace}/{name.name}"
    return {
        "schema": _schema({field.name: str(field.type) for field in EVENTS}),
        "dataSource": facet(datasource_dataset.DatasourceDatasetFacet, name=name.namespace, uri=uri),
        "storage": facet(storage_dataset.StorageDatasetFacet, storageLayer=name.namespace, fileFormat="parquet"),
    }


def _schema(columns: Mapping[str, str]) -> schema_dataset.SchemaDatasetFacet:
    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in columns.items()]
    return facet(schema_dataset.SchemaDatasetFacet, fields=fields)


def _lineage_of_files(config: Config, category: Category) -> column_lineage_dataset.ColumnLineageDatasetFacet:
    """Each column of the files with the source columns that feed it; the window column decides on whole rows."""
    feeding: dict[str, list[tuple[DatasetName, str]]] = {}
    windows = []
    for table, name in _tables(config, [category]):
        windows.append(_field(name, table.window_column, _FILTER))
        for column, origins in feeding_columns(table).items():
            feeding.setdefault(column, []).extend((name, origin) for origin in origins)
    fields = {column: _fields(origins, _DIRECT) for column, origins in feeding.items()}
    return facet(column_lineage_dataset.ColumnLineageDatasetFacet, fields=fields, dataset=windows)


def _fields(
    origins: Iterable[tuple[DatasetName, str]], transformations: list[column_lineage_dataset.Transformation]
) -> column_lineage_dataset.Fields:
    return column_lineage_dataset.Fields([_field(name, column, transformations) for name, column in origins])


def _field(
    name: DatasetName, column: str, transformations: list[column_lineage_dataset.Transformation]
) -> column_lineage_dataset.InputField:
    return column_lineage_dataset.InputField(name.namespace, name.name, column, transformations)


def _added(partition: PartitionExport | None) -> dict[str, OutputDatasetFacet]:
    if partition is None:
        return {}
    return {
        "outputStatistics": facet(
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=partition.planned,
            size=partition.file_bytes,
            fileCount=partition.files,
        )
    }


def _read(shipments: list[Shipment]) -> dict[str, InputDatasetFacet]:
    if not shipments:
        return {}
    return {
        "inputStatistics": facet(
            input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
            rowCount=sum(shipment.delivered_events for shipment in shipments),
            fileCount=sum(len(shipment.files) for shipment in shipments),
        )
    }


def _delivered(shipments: Iterable[Shipment] | None) -> dict[str, OutputDatasetFacet]:
    if shipments is None:
        return {}
    shipped = list(shipments)
    return {
        "outputStatistics": facet(
            output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
            rowCount=sum(shipment.delivered_events for shipment in shipped),
            size=sum(shipment.delivered_bytes for shipment in shipped),
        )
    }
