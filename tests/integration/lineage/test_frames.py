import json

import pandas as pd
import pytest
from home import DAY, ExportHome
from rows import custom_event, exposure, utc

import statsig_export
from statsig_export.errors import ConfigError
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.vocabulary import Category


def test_exported_events_are_read_as_one_frame_over_generations(any_home: ExportHome):
    any_home.add([custom_event(1)], [exposure(1)])
    any_home.export()
    any_home.add([custom_event(2, "late")])
    any_home.export()
    frame = statsig_export.read_events(any_home.config)

    assert sorted(frame["event_name"]) == ["late", "page_view", "statsig::gate_exposure"]
    assert all(json.loads(event)["timeUUID"] == uuid for event, uuid in zip(frame.event, frame.time_uuid, strict=True))
    assert len(statsig_export.read_events(any_home.config, categories=[Category.GATE_EXPOSURE])) == 1
    assert len(statsig_export.read_events(any_home.config, start=utc(1))) == 0
    assert len(statsig_export.read_events(any_home.config, end=utc(1))) == 3


def test_a_file_the_ledger_does_not_name_does_not_show(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    file = next((home.folder / "files" / "events").rglob("*.parquet"))
    (file.parent / "0002-left-behind.parquet").write_bytes(file.read_bytes())

    assert len(statsig_export.read_events(home.config)) == 1


def test_every_attempt_is_a_row_of_the_deliveries(any_home: ExportHome):
    any_home.receiver.play([Rule(requests=[1], actions=[answer(500)])])
    any_home.add([custom_event(1)])
    any_home.export()
    any_home.ship()
    frame = statsig_export.deliveries(any_home.config)

    assert list(frame["outcome"]) == ["unavailable", "accepted"]
    assert list(frame["status"]) == [500, 200]
    assert list(frame["attempt"]) == [1, 2]
    assert len(set(frame["batch_id"])) == 1
    assert str(frame["started"].dt.tz) == "UTC"


def test_only_the_columns_that_are_asked_for_are_read(any_home: ExportHome):
    any_home.add([custom_event(1)], [exposure(1)])
    any_home.export()
    frame = statsig_export.read_events(any_home.config, columns=["unit_id", "category"])

    assert list(frame.columns) == ["unit_id", "category"]
    assert dict(zip(frame["category"], frame["unit_id"].fillna(""), strict=True)) == {
        "gate_exposure": "userID",
        "custom_event": "",
    }
    assert list(statsig_export.read_events(any_home.config, columns=["window"])["window"]) == [DAY, DAY]
    with pytest.raises(ConfigError, match="events have no column 'unit'"):
        statsig_export.read_events(any_home.config, columns=["unit", "event"])


def test_the_chunks_together_are_what_is_read_at_once(home: ExportHome):
    home.add([custom_event(key) for key in range(1, 8)], [exposure(key) for key in range(1, 4)])
    home.export()
    chunks = list(statsig_export.event_chunks(home.config, rows=3))

    assert [len(chunk) for chunk in chunks] == [3, 3, 1, 3]
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), statsig_export.read_events(home.config))
    (only,) = statsig_export.event_chunks(home.config, categories=[Category.GATE_EXPOSURE], columns=["user_id"])
    assert only.to_dict("list") == {"user_id": ["user-1", "user-2", "user-3"]}


def test_every_generation_is_a_row_of_the_partition_files(any_home: ExportHome):
    any_home.add([custom_event(1), custom_event(2)])
    any_home.export()
    any_home.add([custom_event(3)])
    run = any_home.export()
    frame = statsig_export.partition_files(any_home.config)
    late = run.partitions[Category.CUSTOM_EVENT]

    assert list(frame["generation"]) == [1, 2]
    assert list(frame["rows"]) == [2, 1]
    assert (frame["file"][1], frame["digest"][1], frame["export_run"][1]) == (late.file, late.digest, run.run_id)
    assert (frame["start"][0], frame["end"][0]) == (any_home.window().start, any_home.window().end)
    assert frame["exported"].is_monotonic_increasing
    assert list(pd.read_parquet(frame["file"][1])["user_id"]) == ["user-3"]
    assert statsig_export.partition_files(any_home.config, start=utc(1)).empty


def test_deliveries_are_of_the_windows_that_are_asked_for(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    home.ship()
    (attempt,) = statsig_export.deliveries(home.config, end=utc(1)).itertuples()

    assert attempt.finished >= attempt.started
    assert statsig_export.deliveries(home.config, start=utc(1)).empty


def test_nothing_exported_is_an_empty_frame_with_all_columns(home: ExportHome):
    config = home.config

    assert {"category", "event"} <= set(statsig_export.read_events(config).columns)
    assert {"batch_id", "replay"} <= set(statsig_export.deliveries(config).columns)
    assert {"start", "end", "file"} <= set(statsig_export.partition_files(config).columns)
    assert [
        *statsig_export.read_events(config).index,
        *statsig_export.deliveries(config).index,
        *statsig_export.partition_files(config).index,
        *statsig_export.event_chunks(config),
    ] == []
    assert not (home.folder / "ledger.db").exists()
