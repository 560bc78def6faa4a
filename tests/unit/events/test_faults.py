import numpy as np
from canonical_frames import records

from statsig_export.arrow.columns import TEXT, array
from statsig_export.events.faults import FailureMarks, Fault
from statsig_export.layouts.reasons import Reason


def test_the_first_fault_of_a_row_stays():
    marks = FailureMarks(4)
    marks.mark_row(1, Fault(Reason.WRONG_TYPE, "user"))
    marks.mark(np.array([False, True, True, False]), Reason.BAD_TIMESTAMP, "timestamp")
    marks.mark_row(2, Fault(Reason.TOO_LARGE, "event"))
    assert marks.passed.tolist() == [True, False, False, True]
    keys = array(["a", "b", "c", "d"], TEXT)
    assert records(marks.failed(keys, keys, array([None, "id", None, None], TEXT))) == [
        {"row_key": "b", "category": "b", "time_uuid": "id", "reason": "wrong_type", "detail": "user"},
        {"row_key": "c", "category": "c", "time_uuid": None, "reason": "bad_timestamp", "detail": "timestamp"},
    ]


def test_without_a_fault_the_table_is_empty_but_typed():
    keys = array(["a"], TEXT)
    failed = FailureMarks(1).failed(keys, keys, keys)
    assert failed.column_names == ["row_key", "category", "time_uuid", "reason", "detail"]
    assert (failed.num_rows, set(failed.schema.types)) == (0, {TEXT})
