"""Ids taken out of packed events on our side."""

import pytest

from statsig_export.arrow.columns import TEXT, array
from statsig_export.reconciliation.documents import ids_in

DOCUMENTS = {
    '{"timeUUID": "a", "metadata": {"timeUUID": "b"}}': "a",
    '{"timeUUID": "a", "value": "\\u0000 \\ud800"}': "a",
    '{"timeUUID": 5}': "5",
    '{"timeUUID": "a", "value": ' + "9" * 5_000 + "}": "a",
    '{"timeUUID": "\\ud800"}': "?",
    '{"timeUUID": {"a": 1}}': None,
    '{"timeUUID": null}': None,
    '["timeUUID"]': None,
    "no json": None,
    "": None,
    '{"timeUUID": "a"': None,
    "[" * 100_000: None,
}


@pytest.mark.fault("F485")
def test_the_id_of_an_event_is_that_of_its_own_key_and_what_is_no_event_has_none():
    assert ids_in(array([*DOCUMENTS, None], TEXT)).to_pylist() == [*DOCUMENTS.values(), None]
