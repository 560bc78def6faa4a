"""What Dagster's UI asks its server on a page, and what of it failed: the UI shows that as a message that goes by."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route

QUERIES = "**/graphql*"


@dataclass
class Queries:
    """Those of one page."""

    page: Page
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    _under_way: int = 0

    def look(self, route: Route) -> None:
        self._under_way += 1
        answer = route.fetch(max_retries=5)  # the server ends idle connections
        found = failures(answer.text())
        if found:
            name = (route.request.post_data_json or {}).get("operationName")
            self.failed.append(f"{self.page.url}: {name}: {found}")
        route.fulfill(response=answer)
        self._under_way -= 1
        self.answered += 1

    def settle(self) -> None:
        """Until the page has what it asked for: later ones only ask the same again."""
        quiet = 0
        while quiet < 3:
            self.page.wait_for_timeout(100)
            quiet = 0 if self._under_way or not self.answered else quiet + 1


@contextmanager
def without_failures(page: Page) -> Iterator[Queries]:
    """Fails where a query of this page did."""
    queries = Queries(page)
    page.route(QUERIES, queries.look)
    yield queries
    page.unroute_all(behavior="ignoreErrors")
    assert queries.failed == []


def failures(answer: str) -> list[str]:
    """The errors of an answer, those of a single field too."""
    errors = [str(error.get("message")) for error in json.loads(answer).get("errors") or ()]
    return errors + (["PythonError"] if '"__typename":"PythonError","message"' in answer else [])
