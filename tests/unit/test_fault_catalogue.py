import re

from fault_catalogue import DOCUMENT, NOT_TESTED, entries, marked_tests, rewritten


def test_the_document_has_every_fault_once():
    faults = [entry.fault for entry in entries()]

    assert len(set(faults)) == len(faults)
    assert set(faults) >= {f"F{number:02}" for number in range(1, 75)}


def test_every_fault_has_a_test_or_a_reason_why_not():
    marked = marked_tests()
    without = [entry.fault for entry in entries() if not marked.get(entry.fault) and NOT_TESTED not in entry.says]

    assert without == []
    for entry in entries():
        reason = entry.says.partition(NOT_TESTED)[2]
        assert not (reason and marked.get(entry.fault)), f"{entry.fault} has a test and a reason to have none"
        assert not (NOT_TESTED in entry.says and len(reason) < 20), f"{entry.fault} gives no reason"


def test_no_test_bears_an_id_that_the_catalogue_does_not_have():
    assert set(marked_tests()) <= {entry.fault for entry in entries()}


def test_the_tests_named_in_the_document_are_those_that_bear_the_id():
    assert DOCUMENT.read_text(encoding="utf-8") == rewritten(), "run `python tests/fault_catalogue.py`"


def test_each_entry_is_one_line_that_says_what_happens():
    text = DOCUMENT.read_text(encoding="utf-8")

    assert len(re.findall(r"^- \*\*F\d{2,3}\*\* .{20,}$", text, re.MULTILINE)) == text.count("\n- **F")
