"""Why a destination is halted, as one of a few words: a label of a metric has no room for an answer of others. Pure."""

import re
from enum import StrEnum

from statsig_export.shipping.reports import EVERYTHING_REJECTED

_STATUS = re.compile(r"HTTP (\d{3})\b")


class HaltReason(StrEnum):
    """By what has to be mended."""

    CREDENTIALS = "credentials"
    """401, 402, 403, 407, 511: the secret, or whoever wants one."""
    ENDPOINT = "endpoint"
    """3xx, 404, 405, 410, 421: the URL."""
    EVENTS = "events"
    """Everything was rejected, down to single events."""
    REFUSED = "refused"
    """Any other status."""
    CONNECTION = "connection"
    """No answer of the webhook: its certificate does not hold, or a proxy refuses to connect."""


_BY_STATUS = {
    **dict.fromkeys((401, 402, 403, 407, 511), HaltReason.CREDENTIALS),
    **dict.fromkeys((404, 405, 410, 421), HaltReason.ENDPOINT),
}


def halt_reason(recorded: str) -> HaltReason:
    """The word for a reason as the ledger has it."""
    if recorded.startswith(EVERYTHING_REJECTED):
        return HaltReason.EVENTS
    answer = _STATUS.match(recorded)
    if answer is None:
        return HaltReason.CONNECTION
    status = int(answer[1])
    return _BY_STATUS.get(status, HaltReason.ENDPOINT if status // 100 == 3 else HaltReason.REFUSED)  # noqa: PLR2004
