"""The outcomes of an attempt, and the HTTP statuses that do not mean what their class says."""

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """The outcome of an attempt."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"
    TOO_LARGE = "too_large"
    REJECTED = "rejected"
    REFUSED = "refused"


BREAKING: Final = frozenset({Outcome.NOT_SENT, Outcome.UNAVAILABLE, Outcome.UNKNOWN})
"""The outcomes that say something about the destination's health; in a row, they open the breaker."""

DOUBTFUL: Final = frozenset({Outcome.TOO_LARGE, Outcome.REJECTED})
"""The outcomes that are about a payload, or look like it: some servers say so of a wrong certificate too."""

STATUSES: Final[dict[Outcome, dict[int, str]]] = {
    Outcome.TOO_LARGE: {413: "the body is too large: a smaller one may pass"},
    Outcome.THROTTLED: {429: "too many requests"},
    Outcome.UNAVAILABLE: {
        408: "the server waited too long for the request",
        423: "something is locked for the moment",
        424: "something else failed first",
        425: "too early, in a handshake that may be replayed",
        499: "a proxy says that the client went away",
    },
    Outcome.REFUSED: {
        401: "no or wrong credentials",
        402: "somebody has to pay first",
        403: "not allowed",
        404: "no such endpoint",
        405: "the endpoint takes no POST",
        406: "it cannot answer as we ask, and we ask the same of every answer",
        407: "the proxy wants credentials",
        410: "the endpoint is gone",
        411: "it wants a length, which every request has: something between takes it away",
        412: "a precondition, and we send none",
        414: "the URL is too long, and it is the same for every body",
        416: "a range, and we send none",
        417: "an expectation, and we send none",
        421: "another host than the one that is meant",
        426: "another protocol is asked for",
        428: "a precondition is asked for",
        431: "the headers are too large, and they are the same for every body",
        451: "the law forbids it",
        494: "nginx: the headers are too large",
        495: "nginx: the client's certificate does not hold",
        496: "nginx: no client certificate",
        497: "nginx: plain HTTP on a port for TLS",
        501: "it knows no POST, or not our framing of a body",
        505: "another version of HTTP is asked for",
        506: "its content negotiation is set up in a circle",
        510: "an extension is asked for",
        511: "a network wants a login: it is not the webhook that answers",
    },
}
"""The statuses that are not what their class says, and why. The rest of 4xx is `rejected` (400, 409, 415, 418, 422 and
every unassigned one: it may be about the payload, evidence.py decides), the rest of 5xx `unavailable`."""
BY_STATUS: Final = {status: outcome for outcome, statuses in STATUSES.items() for status in statuses}
