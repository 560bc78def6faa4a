"""One thread's line to the webhook: a connection that is kept alive between posts.

It does for one URL what a Session of requests does for any, which costs more than to send a small body: the URL is
taken apart once, not for each post. Nothing is followed, and no cookie is kept.
"""

import requests

from statsig_export.shipping.connection import WatchedAdapter
from statsig_export.shipping.destination import Destination, seconds_to_connect


class Line:
    """Of one thread at a time. Raises what requests does."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        # Plain http is for loopback alone: a proxy would see the secret URL, and reach its own machine.
        self._proxies = {"https": destination.proxy} if destination.proxy else {}
        self._timeout = seconds_to_connect(destination.timeout), destination.timeout
        self._adapter = WatchedAdapter()
        self._blank: requests.PreparedRequest | None = None

    def post(self, sent: bytes, headers: dict[str, str]) -> None:
        """One request; what came back is in this thread's Progress."""
        if self._blank is None:
            blank = requests.Request("POST", self._destination.url, {"Accept": "*/*", "Connection": "keep-alive"})
            self._blank = blank.prepare()
        request = self._blank.copy()
        request.prepare_headers({**self._blank.headers, **headers})
        request.prepare_body(sent, None)
        answer = self._adapter.send(
            request, timeout=self._timeout, verify=self._destination.ca_bundle or True, proxies=self._proxies
        )
        answer.raw.drain_conn()
        answer.raw.release_conn()

    def close(self) -> None:
        self._adapter.close()
