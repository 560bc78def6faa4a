"""The library in other hands: times without a zone, texts for times and categories, files pruned meanwhile."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from home import ExportHome
from rows import custom_event, exposure

from statsig_export import (
    deliveries,
    event_chunks,
    export_window,
    export_windows,
    failed_rows,
    partition_files,
    plan,
    read_events,
    ship,
    status,
    trace,
)
from statsig_export.errors import ConfigError, PartitionFileError
from statsig_export.export.volumes import event_volumes
from statsig_export.maintenance.prune import prune
from statsig_export.shipping.replay import replay
from statsig_export.storage.storage import Storage

NEXT = {"timestamp": datetime(2026, 11, 21, 2), "ingested_at": datetime(2026, 11, 21, 2)}
"""In the first hours of the next day: another day in New York's time than in UTC."""
BOUNDS = [
    (datetime(2026, 11, 21), datetime(2026, 11, 22)),
    (datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
    (pd.Timestamp("2026-11-21"), pd.Timestamp("2026-11-22")),
    (pd.Timestamp("2026-11-20 19:00", tz="America/New_York"), pd.Timestamp("2026-11-21 19:00", tz="America/New_York")),
    (date(2026, 11, 21), date(2026, 11, 22)),
    ("2026-11-21", "2026-11-22T00:00Z"),
    (np.datetime64("2026-11-21"), np.datetime64("2026-11-22")),
]


@pytest.fixture
def home(home: ExportHome) -> ExportHome:
    """Two days of events: rows 1 to 3 of the first, 4 of the second, and a failed row of each."""
    home.begin(f"two days, sent in {time.tzname}", lambda: send_two_days(home))
    return home


def send_two_days(home: ExportHome) -> None:
    home.add([*map(custom_event, range(1, 4)), custom_event(8, name=None)], [exposure(1)])
    home.add([custom_event(4, **NEXT), custom_event(9, name=None, **NEXT)])
    for day in ("2026-11-20", "2026-11-21"):
        home.export(day)
    home.ship()


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.fault("F280")
@pytest.mark.usefixtures("new_york")
@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda bounds: type(bounds[0]).__name__)
def test_every_function_takes_the_same_day_from_times_of_every_type_in_every_zone(home: ExportHome, bounds):
    config = home.config
    id_of_4 = read_events(config, *bounds, columns=["time_uuid"])["time_uuid"].item()

    assert len(read_events(config, *bounds)) == sum(map(len, event_chunks(config, *bounds))) == 1
    assert list(failed_rows(config, *bounds)["row_key"]) == ["9"]
    for frame in (partition_files(config, *bounds), deliveries(config, *bounds)):
        assert set(frame["window"]) == {"2026-11-21"}
    assert {line.window for line in status(config, *bounds)} == {"2026-11-21"}
    assert trace(config, id_of_4, start=bounds[0], end=bounds[1]).found
    assert sum(line.volume for line in event_volumes(config, *bounds).custom_events) == 1
    pruned = prune(config, bounds[0], datetime(2026, 12, 1), dry_run=True).pruned
    assert {key.partition("|")[2] for key in pruned} == {"2026-11-20"}


@pytest.mark.fault("F280")
@pytest.mark.usefixtures("new_york")
def test_what_is_no_time_category_or_window_is_one_sentence_from_every_function(home: ExportHome):
    config, window = home.config, home.window()
    for refused in (
        lambda: read_events(config, "yesterday"),
        lambda: read_events(config, pd.NaT),
        lambda: next(event_chunks(config, 2026)),
        lambda: status(config, end=20261121),
        lambda: trace(config, "x", start="now"),
        lambda: prune(config, "soon", datetime.now(UTC)),
        lambda: event_volumes(config, "soon"),
        lambda: read_events(config, categories=["gate"]),
        lambda: export_window(config, window, "gate"),
        lambda: list(export_windows(config, {window: ["gate"]})),
        lambda: plan(config, window, [None]),
        lambda: export_window(config, "2026-11-20"),
        lambda: list(export_windows(config, {"2026-11-20": None})),
        lambda: plan(config, date(2026, 11, 20)),
        lambda: ship(config, [("custom_event", "2026-11-20")]),
        lambda: replay(config, [None]),
    ):
        with pytest.raises(ConfigError, match=r".\. ."):
            refused()


@pytest.mark.fault("F280")
def test_a_categorys_text_is_the_category(home: ExportHome):
    config, window = home.config, home.window()

    assert set(read_events(config, categories="gate_exposure")["category"]) == {"gate_exposure"}
    assert len(read_events(config, categories=["custom_event", "gate_exposure"])) == 5
    assert list(plan(config, window, "custom_event").accounts) == ["custom_event"]
    assert list(export_window(config, window, ["custom_event"]).partitions) == ["custom_event"]
    assert replay(config, "custom_event|2026-11-20").replayed == 3


@pytest.mark.fault("F356")
@pytest.mark.parametrize("rows", [0, -1, 1.5, "10", None, [1]])
def test_a_number_of_rows_that_is_none_is_the_callers_fault_and_not_the_files(home: ExportHome, rows):
    with pytest.raises(ConfigError, match="a whole number, 1 or more"):
        event_chunks(home.config, rows=rows)


@pytest.mark.fault("F356")
@pytest.mark.parametrize("rows", [1, np.int64(1), 2**80])
def test_every_whole_number_of_rows_is_taken(home: ExportHome, rows):
    assert sum(len(frame) for frame in event_chunks(home.config, rows=rows)) == len(read_events(home.config))


@pytest.mark.fault("F356")
@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("event", "a list of names, not one text"),
        (["event", "event"], "'event' is asked for twice"),
        (["event", 1], "no column 1"),
        ([["event"]], "no column"),
        ([None], "no column None"),
    ],
)
def test_columns_that_are_none_are_one_sentence(home: ExportHome, columns, sentence: str):
    for function in (read_events, event_chunks):
        with pytest.raises(ConfigError, match=sentence):
            function(home.config, columns=columns)


@pytest.mark.fault("F356")
@pytest.mark.parametrize("kind", [list, tuple, pd.Index, np.array, pd.Series, dict.fromkeys, iter])
def test_columns_may_be_named_by_what_pandas_has(home: ExportHome, kind):
    assert list(read_events(home.config, columns=kind(["event_name", "window"]))) == ["event_name", "window"]


@pytest.mark.fault("F281")
def test_a_frame_has_the_same_types_empty_full_and_before_any_answer(home: ExportHome):
    config, nothing = home.config, ("2026-01-01", "2026-01-02")
    full = [function(config) for function in (deliveries, partition_files, failed_rows, read_events)]
    empty = [function(config, *nothing) for function in (deliveries, partition_files, failed_rows, read_events)]
    (home.folder / "ledger.db").rename(home.folder / "old.db")
    without = [function(config) for function in (deliveries, partition_files, failed_rows, read_events)]

    for frames in zip(full, empty, without, strict=True):
        assert len(frames[0]) > len(frames[1]) == len(frames[2]) == 0
        assert frames[0].dtypes.to_dict() == frames[1].dtypes.to_dict() == frames[2].dtypes.to_dict()
        together = pd.concat(frames)
        assert together.dtypes.to_dict() == frames[0].dtypes.to_dict()


@pytest.mark.fault("F281")
def test_an_attempt_that_has_no_outcome_yet_changes_no_type(home: ExportHome):
    answered = deliveries(home.config)
    home.receiver.close()
    home.add([custom_event(5)])
    home.export()
    home.ship()

    assert deliveries(home.config).dtypes.to_dict() == answered.dtypes.to_dict()
    assert deliveries(home.config)["status"].isna().any()


@pytest.mark.fault("F282")
@pytest.mark.parametrize("function", [event_chunks, read_events])
def test_a_partition_that_is_pruned_while_it_is_read_is_said_to_be(home: ExportHome, function, monkeypatch):
    config = home.config

    def pruned_first(*arguments: object) -> object:
        monkeypatch.undo()
        prune(config, "2026-11-22", datetime.now(UTC))
        return original(*arguments)

    original = Storage.read_chunks
    monkeypatch.setattr(Storage, "read_chunks", pruned_first)

    with pytest.raises(PartitionFileError, match=r"custom_event\|2026-11-20 was pruned .* read again") as caught:
        list(function(config))
    assert "backup" not in str(caught.value)
    assert list(event_chunks(config)) == []


@pytest.mark.fault("F282")
def test_a_prune_between_two_chunks_leaves_the_first_ones_whole(home: ExportHome):
    config = home.config
    chunks = event_chunks(config, rows=2)

    first = next(chunks)
    prune(config, "2026-11-22", datetime.now(UTC))

    assert len(first) == 2
    with pytest.raises(PartitionFileError, match="was pruned"):
        list(chunks)


@pytest.mark.fault("F282")
def test_a_file_that_is_lost_is_still_said_to_be_lost(home: ExportHome):
    chunks = event_chunks(home.config)
    next(chunks)
    for file in (home.folder / "files").rglob("*.parquet"):
        file.unlink()

    with pytest.raises(PartitionFileError, match=r"gone.*backup"):
        list(chunks)


@pytest.mark.fault("F282")
def test_failed_rows_say_so_too(home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    config = home.config
    original = Storage.read_table

    def pruned_first(*arguments: object) -> object:
        monkeypatch.undo()
        prune(config, "2026-11-22", datetime.now(UTC))
        return original(*arguments)

    monkeypatch.setattr(Storage, "read_table", pruned_first)
    with pytest.raises(PartitionFileError, match="was pruned"):
        failed_rows(config)


@pytest.mark.fault("F282")
def test_a_trace_names_the_partitions_that_were_pruned_while_it_searched(
    home: ExportHome, monkeypatch: pytest.MonkeyPatch
):
    config = home.config
    original = Storage.find

    def pruned_first(*arguments: object) -> object:
        monkeypatch.undo()
        prune(config, "2026-11-22", datetime.now(UTC))
        return original(*arguments)

    monkeypatch.setattr(Storage, "find", pruned_first)
    searched = trace(config, "nobody's")

    assert not searched.found
    assert {partition.partition for partition in searched.pruned} >= {"custom_event|2026-11-20"}
