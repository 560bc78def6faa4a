"""What is believed of an answer of Fivetran's API on a connection."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from statsig_export.reconciliation.connection import Connection, Untold, connection_of

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def answered(ahead: timedelta = timedelta(0), **changed: object) -> Connection | Untold:
    """By a clock that is so much ahead of Fivetran's, whose is NOW."""
    status = {"setup_state": "connected", "sync_state": "scheduled"}
    document: dict[str, Any] = {"service": "webhooks", "paused": False, "status": status, **changed}
    ms = round((NOW + ahead).timestamp() * 1000)
    return connection_of(document, ms, round(ahead.total_seconds() * 1000))


@pytest.mark.fault("F487")
@pytest.mark.parametrize("key", ["succeeded_at", "failed_at"])
@pytest.mark.parametrize("ahead", [-4 * MINUTE, 4 * MINUTE])
def test_a_sync_that_would_end_in_the_future_is_not_believed(key: str, ahead: timedelta):
    for later in (6 * MINUTE, timedelta(days=1), timedelta(days=36_500)):
        assert isinstance(answered(ahead, **{key: (NOW + later).isoformat()}), Untold)
    for earlier in (timedelta(0), timedelta(days=1)):
        assert isinstance(answered(ahead, **{key: (NOW - earlier).isoformat()}), Connection)


@pytest.mark.fault("F487")
@pytest.mark.parametrize("paused", ["false", 0, [], {}])
def test_a_flag_of_another_type_is_not_believed(paused: object):
    assert isinstance(answered(paused=paused), Untold)


@pytest.mark.fault("F487")
def test_a_sync_that_fivetran_puts_off_may_go_on_in_the_future():
    status = {"setup_state": "connected", "sync_state": "rescheduled", "rescheduled_for": "2026-11-28T18:00:00Z"}

    assert isinstance(answered(status=status), Connection)
