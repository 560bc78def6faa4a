import json

from export_home import ExportHome, custom_event, exposure, utc

import statsig_export
from statsig_export.events import Category
from statsig_export.testing.receiver import Rule, answer


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
    assert frame["batch_id"].nunique() == 1
    assert str(frame["started"].dt.tz) == "UTC"


def test_nothing_exported_is_an_empty_frame_with_all_columns(home: ExportHome):
    assert {"category", "event"} <= set(statsig_export.read_events(home.config).columns)
    assert statsig_export.deliveries(home.config).empty
