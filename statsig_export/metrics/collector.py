"""One scrape: the ledger is read once, and whatever keeps it from being read is `up 0`, never an exception."""

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from statsig_export.config import Config
from statsig_export.metrics.families import PREFIX, families
from statsig_export.metrics.observed import Observed, observe
from statsig_export.version import VERSION

Ended = Callable[[Exception | None], None]


class LedgerCollector(Collector):
    """The metrics of one configuration.

    `ended` is called after each reading of the ledger with what was wrong, None if nothing was. Scrapes that come
    together, or within `fresh` seconds, get the same reading: whoever can scrape cannot keep the database busy.
    """

    def __init__(self, config: Config, ended: Ended, *, fresh: float = 0) -> None:
        self._config, self._ended, self._fresh = config, ended, fresh
        self._turn = Lock()
        self._latest: tuple[float, list[Metric]] | None = None

    def describe(self) -> Iterable[Metric]:
        """The names, which the registry knows the collector by; asked for them it would read the ledger otherwise."""
        return [*self._of_scrape(0, succeeded=False), *families("", Observed(compares=True))]

    def collect(self) -> Iterable[Metric]:
        with self._turn:
            if self._latest is None or time.monotonic() - self._latest[0] > self._fresh:
                read = list(self._read())
                self._latest = time.monotonic(), read
            return self._latest[1]

    def _read(self) -> Iterator[Metric]:
        began = time.perf_counter()
        found: list[Metric] = []
        wrong: Exception | None = None
        try:
            found = list(families(self._config.webhook.name, observe(self._config)))
        except Exception as error:  # noqa: BLE001  whatever it is, the scrape says that it failed, and the log why
            wrong = error
        self._ended(wrong)
        yield from self._of_scrape(time.perf_counter() - began, succeeded=wrong is None)
        yield from found

    def _of_scrape(self, seconds: float, *, succeeded: bool) -> Iterator[Metric]:
        name = self._config.webhook.name
        for metric, says, value in (
            ("up", "1 if the ledger could be read; 0: it is locked, not there, newer, or damaged.", float(succeeded)),
            ("scrape_duration_seconds", "How long reading the ledger took.", seconds),
            (
                "scrape_timestamp_seconds",
                "When the ledger was read: a file that is written no more stays.",
                time.time(),
            ),
        ):
            family = GaugeMetricFamily(PREFIX + metric, says, labels=["destination"])
            family.add_metric([name], value)
            yield family
        build = InfoMetricFamily(f"{PREFIX}build", "The version that reads the ledger.", labels=["destination"])
        build.add_metric([name], {"version": VERSION})
        yield build


def registry_of(config: Config, ended: Ended, *, fresh: float = 0) -> CollectorRegistry:
    """A registry with nothing but the metrics of this configuration: none of the process, none of Python."""
    registry = CollectorRegistry()
    registry.register(LedgerCollector(config, ended, fresh=fresh))
    return registry
