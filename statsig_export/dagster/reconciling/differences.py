"""Which materializations are missing in Dagster: for each partition of the ledger, what it shows of it and what not.

Runs are compared by their ids and deliveries by their counts too, never by times: the clocks of two machines differ.
What is reported here is known the next time, so nothing is reported twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg

from statsig_export.config import Config
from statsig_export.dagster.delivery import materializations as delivered
from statsig_export.dagster.events import materializations as events
from statsig_export.dagster.keys import names_of
from statsig_export.dagster.metadata import Link
from statsig_export.dagster.reconciling.picture import Picture, is_by
from statsig_export.errors import ConfigError
from statsig_export.ledger.changes import ChangedPartition
from statsig_export.shipping.changes import LedgerChanges, LedgerPartition
from statsig_export.windows import window_from_key

EXPORT_RUN, SHIP_RUN, ROW_COUNT, FORGOTTEN = "export run", "ship run", "dagster/partition_row_count", "forgotten"


@dataclass(slots=True)
class Difference:
    """What Dagster does not show of some partitions."""

    missing: list[tuple[int, dg.AssetMaterialization]] = field(default_factory=list)
    """With the id that the partition has in the ledger, in its order."""
    waits_for: set[str] = field(default_factory=set)
    """Runs under way, which will report of some of them."""


def difference(config: Config, ledger: LedgerChanges, picture: Picture, ids: Sequence[int]) -> Difference:
    """Compare the partitions with these ids."""
    names = names_of(config)
    partitions = [each for each in ledger.partitions(ids) if _has_a_window(config, each.changed)]
    # Before looking at what is shown: a run that has ended by then has reported by then.
    runs = [(each.changed.export, each.changed.shipped) for each in partitions]
    picture.look_up({run.by for both in runs for run in both if run is not None})
    keys = [each.changed.partition for each in partitions]
    exported, shipped = picture.newest(names.events, keys), picture.newest(names.delivered, keys)
    found, unshipped = Difference(), list[LedgerPartition]()
    for each in partitions:
        changed, key = each.changed, each.changed.partition
        if not _shows_export(picture, names.events, each, exported.get(key)):
            if picture.is_under_way(changed.export.by):
                found.waits_for.add(changed.export.by)
                continue  # it reports "nothing to send", too
            metadata = events.of_ledger(each.status, changed.planned, picture.link(changed.export.by))
            version = events.data_version(config, changed.filter_fingerprint, changed.privacy_fingerprint)
            found.missing.append((changed.id, events.materialization(names.events, key, metadata, version)))
        if not changed.planned:
            if key not in shipped or not _counts(shipped[key].asset_materialization, changed):
                found.missing.append((changed.id, delivered.nothing_to_send(names, key)))
        elif not _shows_shipment(picture, names.delivered, changed, shipped.get(key)):
            if changed.shipped is not None and picture.is_under_way(changed.shipped.by):
                found.waits_for.add(changed.shipped.by)
            else:
                unshipped.append(each)
    found.missing += _shipments(config, ledger, picture.link, unshipped)
    found.missing.sort(key=lambda pair: pair[0])
    return found


def _has_a_window(config: Config, changed: ChangedPartition) -> bool:
    """Not one from before the windows got another start or length: Dagster has no such partition."""
    try:
        return window_from_key(changed.window, config.windows).start >= config.windows.start
    except ConfigError:
        return False


def _shows_export(
    picture: Picture, asset: dg.AssetKey, partition: LedgerPartition, newest: dg.EventLogRecord | None
) -> bool:
    """Whether Dagster shows the latest export, and as many forgotten rows as there are by now."""
    changed, forgotten = partition.changed, partition.status.account.forgotten
    event = None if newest is None else newest.asset_materialization
    if newest is not None and event is not None and is_by(event, newest.run_id, changed.export, EXPORT_RUN):
        return _forgotten_in(event) == forgotten
    told = picture.told_by(changed.export, asset, changed.partition)
    return any(_forgotten_in(event) == forgotten for event in told)


def _forgotten_in(event: dg.AssetMaterialization) -> object:
    return getattr(event.metadata.get(FORGOTTEN), "value", 0)


def _shows_shipment(
    picture: Picture, asset: dg.AssetKey, changed: ChangedPartition, newest: dg.EventLogRecord | None
) -> bool:
    """Whether Dagster shows the last ship run that delivered something, and as many events as were delivered."""
    event = None if newest is None else newest.asset_materialization
    if changed.shipped is None:  # nothing was delivered; or it was pruned, and any materialization tells more
        return event is not None or not changed.forwarded
    if newest is not None and event is not None and is_by(event, newest.run_id, changed.shipped, SHIP_RUN):
        return _counts(event, changed)
    return any(_counts(told, changed) for told in picture.told_by(changed.shipped, asset, changed.partition))


def _counts(event: dg.AssetMaterialization | None, changed: ChangedPartition) -> bool:
    if event is None:
        return True
    return getattr(event.metadata.get(ROW_COUNT), "value", changed.forwarded) == changed.forwarded


def _shipments(
    config: Config, ledger: LedgerChanges, link: Link, partitions: Sequence[LedgerPartition]
) -> Iterator[tuple[int, dg.AssetMaterialization]]:
    """What was delivered of these; of pruned partitions only how much."""
    names, last = names_of(config), ledger.last_shipments(partitions)
    for each in partitions:
        changed = each.changed
        if changed.shipped is None:
            yield changed.id, delivered.of_ledger(names, each.status)
            continue
        yield changed.id, delivered.shipment(names, link, changed.shipped.by, last[changed.partition])


def asset_totals(config: Config, event: dg.AssetMaterialization) -> dg.AssetMaterialization:
    """The same, with what is the whole asset's: it is said once, with the last of several."""
    names = names_of(config)
    of_asset = delivered.of_the_asset(config) if event.asset_key == names.delivered else events.row_count(config)
    return event.with_metadata({**event.metadata, **of_asset})
