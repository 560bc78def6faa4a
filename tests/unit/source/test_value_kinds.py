import pytest

from statsig_export.source.value_kinds import looks_like

SERIAL_DAY = "a spreadsheet's serial day (Excel counts days since 1900)"


@pytest.mark.fault("F246")
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        ("0", "zero"),
        ("20260901", "YYYYMMDD"),
        (b"20260901", "YYYYMMDD"),
        ("20260901.0000", "YYYYMMDD"),
        ("2.0260901e+07", "YYYYMMDD"),
        ("202609", "YYYYMM"),
        ("2026090110", "YYYYMMDDHH"),
        ("20260901103000", "YYYYMMDDHHMMSS"),
        ("45900", SERIAL_DAY),
        ("45900.4375", SERIAL_DAY),
        ("20697", "days since 1970"),
        ("638970000000000000", ".NET ticks (100 ns since the year 1)"),
        ("-5", "a negative number"),
        ("NaN", "infinity, or no number"),
        ("-infinity", "infinity, or no number"),
        ("0000-00-00 00:00:00", "a zero date"),
        ("0001-01-01 00:00:00+00", "a zero date"),
        ("1970-01-21 18:25:34", "epoch seconds that were taken for milliseconds (January 1970)"),
        ("1995-01-01", "a year before 2000"),
        ("2999-01-01", "a year after 2099"),
        ("9999-12-31 23:59:59", "a year after 2099"),
        ("58723-01-01 00:00:00", "a year after 2099"),
        ("01.11.2026", "a date by day and month, such as DD.MM.YYYY or MM/DD/YYYY"),
        ("2026-09-01 10:30:00 EST", "a time with a zone by name"),
        (b"\xff", "text that is no time"),
        ("canary@example.org", "text that is no time"),
    ],
)
def test_a_value_is_known_by_its_kind_and_never_told(value: str | bytes | None, kind: str):
    assert looks_like(value) == kind


@pytest.mark.parametrize("value", ["1793534400", "1793534400123", "2026-09-01 10:30:00", "2001-01-01T00:00:00Z"])
def test_a_time_like_any_other_looks_like_nothing_else(value: str):
    assert looks_like(value) is None
