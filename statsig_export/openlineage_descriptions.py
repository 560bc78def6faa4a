"""What our runs read and write, as the events of OpenLineage describe it: before a run, and after it.

Needs statsig-export[openlineage].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from openlineage.client.event_v2 import InputDataset, OutputDataset

from statsig_export.config import Config
from statsig_export.events import Category
from statsig_export.openlineage_datasets import destination_output, file_inputs, file_outputs, source_inputs
from statsig_export.partitions import Window, partition_key, split_partition_key
from statsig_export.reports import ExportReport, ShipReport


@dataclass(frozen=True, slots=True)
class Described:
    """What an event says of a run beside its state."""

    inputs: list[InputDataset] = field(default_factory=list)
    outputs: list[OutputDataset] = field(default_factory=list)
    run_id: str | None = None
    partitions: Sequence[str] = ()
    account: dict[str, int | dict[str, int]] | None = None
    queries: Mapping[str, str] = field(default_factory=dict)


def to_export(config: Config, window: Window, categories: Sequence[Category]) -> Described:
    """An export that begins. Raises ConfigError where the source cannot be named."""
    return Described(
        inputs=source_inputs(config, categories),
        outputs=file_outputs(config, categories, {}),
        partitions=[partition_key(category, window.key) for category in categories],
    )


def exported(config: Config, categories: Sequence[Category], report: ExportReport) -> Described:
    """An export that is done."""
    return Described(
        inputs=source_inputs(config, categories),
        outputs=file_outputs(config, categories, report.partitions),
        run_id=report.run_id,
        partitions=[partition_key(category, report.window) for category in categories],
        account=report.account.to_dict(),
        queries=report.queries,
    )


def to_ship(config: Config, keys: Sequence[str]) -> Described:
    """A shipment of these partitions that begins. Raises ConfigError for what is no partition."""
    categories = _categories(keys)
    outputs = [destination_output(config, categories, None)]
    return Described(file_inputs(config, categories, []), outputs, partitions=keys)


def shipped(config: Config, report: ShipReport) -> Described:
    """A shipment that is done, or that the destination refused."""
    keys = list(report.shipments)
    categories, shipments = _categories(keys), list(report.shipments.values())
    return Described(
        inputs=file_inputs(config, categories, shipments),
        outputs=[destination_output(config, categories, shipments)],
        run_id=report.run_id,
        partitions=keys,
        account=report.account.to_dict(),
    )


def _categories(keys: Sequence[str]) -> tuple[Category, ...]:
    found = {split_partition_key(key)[0] for key in keys}
    return tuple(category for category in Category if category in found)
