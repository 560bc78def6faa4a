"""Fivetran's REST API, asked for one connection and for a sync of it.

Every request is answered or given up within SECONDS, and nothing here raises for what the network or the API does: an
answer that says nothing is `Untold`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Final, Literal

import requests
from urllib3.exceptions import HTTPError

from statsig_export.config import Config
from statsig_export.delivery.retry_after import retry_after
from statsig_export.reconciliation.connection import Connection, Untold, connection_of, document_in
from statsig_export.shipping.connection import WatchedAdapter, watched
from statsig_export.shipping.deadlines import Deadlines
from statsig_export.shipping.destination import CONNECT_SECONDS
from statsig_export.shipping.http_answer import HttpAnswer
from statsig_export.shipping.http_records import quiet_records
from statsig_export.shipping.unanswered import unanswered
from statsig_export.version import VERSION

SECONDS: Final = 10.0
"""For one request, from the name's lookup to the end of the answer."""
CLOCKS_DIFFER_MS: Final = 300_000
"""Beyond that the times of the two cannot be compared: a clock is wrong, or the answer is an old one from a cache."""
_ANSWER_BYTES: Final = 1 << 20
_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "User-Agent": f"statsig-export/{VERSION}",
}
_FAULTS: Final = {
    400: "it refuses the request (400)",
    401: "it refuses the API key or secret (401): look at arrivals.api_key and arrivals.api_secret",
    403: "the API key may not do that to this connection (403): give its user a role that may",
    404: "it knows no such connection (404): look at arrivals.connection",
    409: "the connection is busy (409): try again later",
}


class FivetranApi:
    """The API for the connection that `[arrivals]` names."""

    def __init__(self, config: Config, now_ms: Callable[[], int]) -> None:
        """Raises ConfigError where no connection is named, or a variable is not set or holds what cannot be used."""
        settings = config.arrivals_settings()
        self._url = f"{settings.api_url}/v1/connections/{settings.connection}"
        self._now_ms = now_ms
        self._proxy, self._ca_bundle = config.webhook_proxy(), config.webhook_ca_bundle()
        self._keys = config.fivetran_api_keys()

    def connection(self) -> Connection | Untold:
        asked_ms = self._now_ms()
        answer = self._ask("GET", "")
        if isinstance(answer, Untold):
            return answer
        document = document_in(answer.body)
        if document is None:
            return Untold("it answers with something else than its JSON: look for a proxy or a login page in between")
        ahead_ms = self._ahead_ms(answer)
        if abs(ahead_ms) > CLOCKS_DIFFER_MS:
            minutes = f"{abs(ahead_ms) // 60_000:,} minutes {'ahead of' if ahead_ms > 0 else 'behind'}"
            return Untold(f"the clock here is {minutes} its answer: set the clock, or look for a cache in between")
        return connection_of(document, asked_ms, ahead_ms)

    def sync(self) -> Untold | None:
        """Start a sync, unless one is running: a running one is never stopped. None where it was taken."""
        answer = self._ask("POST", "/sync", {"force": False})
        return answer if isinstance(answer, Untold) else None

    def turn_schedule_off(self) -> Untold | None:
        """Let the connection sync only when it is asked to. None where it was taken."""
        answer = self._ask("PATCH", "", {"schedule_type": "manual", "run_setup_tests": False})
        return answer if isinstance(answer, Untold) else None

    def _ask(
        self, method: Literal["GET", "POST", "PATCH"], path: str, body: Mapping[str, object] | None = None
    ) -> HttpAnswer | Untold:
        with (
            _quiet(),
            closing(Deadlines()) as deadlines,
            watched(deadlines, SECONDS, _ANSWER_BYTES) as progress,
            self._session() as session,
        ):
            try:
                session.request(
                    method, self._url + path, json=body, timeout=(CONNECT_SECONDS, SECONDS), allow_redirects=False
                )
            except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
                if progress.answer is None:
                    _, why = unanswered(error, progress, self._proxy, self._ca_bundle)
                    return Untold(f"it does not answer: {why}")
        answer = progress.answer
        if answer is None or not answer.whole:
            return Untold("it does not answer: the exchange broke off")
        if answer.status // 100 == 2:  # noqa: PLR2004  the class of success
            return answer
        return Untold(self._refusal(answer))

    def _session(self) -> requests.Session:
        """One a request: a connection that lay idle may have been closed by then, and a sync is asked for once."""
        session = requests.Session()
        session.trust_env = False
        session.auth = self._keys
        session.verify = self._ca_bundle or True
        session.proxies = {"https": self._proxy} if self._proxy else {}
        session.headers.update(_HEADERS)
        for scheme in ("https://", "http://"):
            session.mount(scheme, WatchedAdapter())
        return session

    def _refusal(self, answer: HttpAnswer) -> str:
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after(answer.headers.get("retry-after"), answer.headers.get("date"), self._now_ms() / 1000)
            later = "later" if wait is None else f"in {wait:.0f} s"
            return f"too many requests were made with this API key (429): try again {later}"
        if answer.status // 100 == 5:  # noqa: PLR2004  the class of the server's own faults
            return f"it has a fault of its own ({answer.status}): try again later"
        if answer.status // 100 == 3:  # noqa: PLR2004  redirects, which are not followed: they may lead anywhere
            return f"it leads elsewhere ({answer.status}), where the secret is not sent: look at arrivals.api_url"
        return _FAULTS.get(answer.status, f"it refuses the request ({answer.status})")

    def _ahead_ms(self, answer: HttpAnswer) -> int:
        """Of an answer without a date the clocks are taken to be one."""
        try:
            date = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return 0
        return round(self._now_ms() / 1000 - date.timestamp()) * 1000


@contextmanager
def _quiet() -> Iterator[None]:
    end = quiet_records()
    try:
        yield
    finally:
        end()
