"""What is made of an answer of Fivetran's API: a connection, or why there is none; no exception, and not its words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.reconciliation.connection import Connection, Untold, connection_of, document_in
from statsig_export.reconciliation.judge import moment

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.sampled_from(["connected", "broken", "scheduled", "syncing", "paused"]) | JSON
STATUS = st.fixed_dictionaries({"setup_state": WORDS, "sync_state": WORDS, "rescheduled_for": JSON}) | JSON
KEYS = ("succeeded_at", "failed_at", "schema", "paused", "schedule_type")
ASKED_MS = 7_000_000_000_000  # in the year 2191: most of the times are past
ANSWERS = st.fixed_dictionaries({"service": st.just("webhooks"), "status": STATUS}, optional=dict.fromkeys(KEYS, JSON))


@pytest.mark.fault("F408")
@given(ANSWERS, st.integers(-300_000, 300_000))
def test_whatever_it_says_is_a_connection_or_the_reason_why_not(document: dict[str, object], ahead_ms: int):
    found = connection_of(document, ASKED_MS, ahead_ms)

    assert isinstance(found, Connection | Untold)
    if isinstance(found, Connection):
        said = (found.setup_state, found.sync_state, found.schedule_type, found.name)
        assert all(" " not in word and word.isascii() for word in said), "no sentence of others in a report"
        for time in (found.succeeded_ms, found.failed_ms, found.rescheduled_ms):
            assert time is None or moment(time - 10**12), "a moment before it is one, too"


@pytest.mark.fault("F408")
@given(JSON | st.fixed_dictionaries({"data": JSON}))
def test_a_document_is_the_object_within_or_none(document: object):
    found = document_in(json.dumps(document).encode())

    assert found is None or isinstance(found, dict)
