"""What a materialization of `fivetran/statsig_events` says: a shipment of a partition, or that it has nothing to send.

The lineage of the columns and the asset's row count are said once a run, with its last shipment: Dagster stores all
metadata of every one.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.keys import Names, names_of
from statsig_export.dagster.metadata import Link, newest, run_link
from statsig_export.ledger.records import PartitionStatus, Shipment
from statsig_export.shipping.status import totals
from statsig_export.vocabulary import EVENT_KEYS
from statsig_export.windows import split_partition_key

JSON_KEYS = frozenset({"user", "statsigMetadata", "metadata"})


SENT_KEYS = dg.TableSchema(
    columns=[
        dg.TableColumn(key, "int64" if key == "timestamp" else "json" if key in JSON_KEYS else "string")
        for key in EVENT_KEYS
    ]
)
"""The keys of an event as the webhook gets it."""

Metadata = Mapping[str, dg.MetadataValue]


def shipments(
    instance: dg.DagsterInstance, config: Config, ship_run: str, reported: Sequence[Shipment]
) -> Iterator[dg.AssetMaterialization]:
    """Shipments of one run, as events of the asset."""
    names, link = names_of(config), cache(partial(run_link, instance))
    for sent in reported:
        event = shipment(names, link, ship_run, sent)
        yield event.with_metadata({**event.metadata, **of_the_asset(config)}) if sent is reported[-1] else event


def shipment(names: Names, link: Link, ship_run: str, sent: Shipment) -> dg.AssetMaterialization:
    """`ship_run` is Dagster's id of the run, or the ledger's of one that Dagster did not start."""
    links = {"ship run": link(ship_run), **export_links(link, sent.export_runs)}
    return _materialization(names, sent.partition, _of_shipment(names, sent, links))


def of_the_asset(config: Config) -> Metadata:
    event = [dg.TableColumnDep(asset_key=names_of(config).events, column_name="event")]
    lineage = dg.TableColumnLineage({column.name: event for column in SENT_KEYS.columns})
    return {
        "dagster/row_count": dg.MetadataValue.int(totals(config).delivered),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage),
    }


def nothing_to_send(names: Names, partition: str) -> dg.AssetMaterialization:
    """A partition that was exported and holds no event: without a word it would look as if it were missing. The page of
    a partition shows no description, so its metadata says it too.
    """
    why = "the window has no event of this category that the filter lets through"
    metadata = {
        **_counts(partition, 0),
        "pending": dg.MetadataValue.int(0),
        "nothing to send": dg.MetadataValue.text(why),
    }
    return _materialization(names, partition, metadata, f"Nothing to send: {why}.")


def of_ledger(names: Names, line: PartitionStatus) -> dg.AssetMaterialization:
    """What was delivered of a partition that was pruned since: the ledger has its account, and no request of it."""
    account = line.account
    metadata = {
        **_counts(line.partition, account.forwarded),
        "pending": dg.MetadataValue.int(account.pending),
        "failed": dg.MetadataValue.int(account.failed),
        "rate limited": dg.MetadataValue.int(account.rate_limited),
        "exported partition": dg.MetadataValue.asset(names.events),
        "pruned": dg.MetadataValue.text("its files and requests were removed, its account was kept"),
    }
    return _materialization(names, line.partition, metadata, "Delivered, and pruned since.")


def _materialization(
    names: Names, partition: str, metadata: Metadata, description: str | None = None
) -> dg.AssetMaterialization:
    category, window = split_partition_key(partition)
    return dg.AssetMaterialization(
        names.delivered,
        partition=dg.MultiPartitionKey({"category": category.value, "window": window}),
        tags={"dagster/partition/category": category.value, "dagster/partition/window": window},
        metadata=metadata,
        description=description,
    )


def _counts(partition: str, forwarded: int) -> Metadata:
    """The count under a name of its category too: of that Dagster plots one line, over the windows."""
    category, _ = split_partition_key(partition)
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(forwarded),
        f"events of {category.value}": dg.MetadataValue.int(forwarded),
    }


def _of_shipment(names: Names, shipment: Shipment, links: Metadata) -> Metadata:
    account = shipment.account
    return {
        **_counts(shipment.partition, account.forwarded),
        "delivered events": dg.MetadataValue.int(shipment.delivered_events),
        "delivered batches": dg.MetadataValue.int(shipment.delivered_batches),
        "delivered bytes": dg.MetadataValue.int(shipment.delivered_bytes),
        "requests": dg.MetadataValue.int(shipment.requests),
        **{f"status {status}": dg.MetadataValue.int(count) for status, count in shipment.statuses.items()},
        **{outcome: dg.MetadataValue.int(count) for outcome, count in shipment.outcomes.items()},
        "pending": dg.MetadataValue.int(account.pending),
        "failed": dg.MetadataValue.int(account.failed),
        "rate limited": dg.MetadataValue.int(account.rate_limited),
        "exported partition": dg.MetadataValue.asset(names.events),
        **links,
        **_files(shipment.files),
        **_latencies(shipment),
    }


def export_links(link: Link, export_runs: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """A link per export run; plain text for a run that Dagster did not start (the command line, a notebook)."""
    links: dict[str, dg.MetadataValue] = {}
    for number, run in enumerate(newest(export_runs), start=1):
        label = "export run" if number == 1 else f"export run {number}"
        links[label] = link(run)
    return links


def _files(files: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """The file and its digest; of several generations each file with its own."""
    if len(files) == 1:
        ((file, digest),) = files.items()
        return {"file": dg.MetadataValue.path(file), "digest": dg.MetadataValue.text(digest)}
    return {"files": dg.MetadataValue.json({file: files[file] for file in newest(list(files))})}


def _latencies(shipment: Shipment) -> dict[str, dg.MetadataValue]:
    values = {"latency ms (median)": shipment.latency_ms_median, "latency ms (max)": shipment.latency_ms_max}
    return {label: dg.MetadataValue.float(round(value, 1)) for label, value in values.items() if value is not None}
