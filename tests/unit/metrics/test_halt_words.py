"""Why a destination is halted, in one word."""

import pytest

from statsig_export.metrics.halts import HaltReason, halt_reason
from statsig_export.shipping.reports import EVERYTHING_REJECTED


@pytest.mark.fault("F499")
@pytest.mark.parametrize(
    ("recorded", "word"),
    [
        ("HTTP 401: no or wrong credentials", HaltReason.CREDENTIALS),
        ("HTTP 403", HaltReason.CREDENTIALS),
        ("HTTP 404: no such endpoint", HaltReason.ENDPOINT),
        ("HTTP 302", HaltReason.ENDPOINT),
        ("HTTP 451: the law forbids it", HaltReason.REFUSED),
        ("HTTP 501", HaltReason.REFUSED),
        (f"{EVERYTHING_REJECTED}: HTTP 400: no", HaltReason.EVENTS),
        ("the certificate does not hold", HaltReason.CONNECTION),
        ("the proxy p refuses to connect to the webhook (HTTP 403): see webhook.proxy", HaltReason.CONNECTION),
        ("", HaltReason.CONNECTION),
    ],
)
def test_a_reason_of_whatever_words_is_one_of_a_few(recorded: str, word: HaltReason):
    assert halt_reason(recorded) is word
