"""What Prometheus makes of a scrape: by its client's own parser."""

from collections.abc import Iterable

from home import Home
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from statsig_export.metrics.collector import registry_of

PREFIX = "statsig_export_"


class Scrape:
    """The samples of one answer."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        """The value of the only series of this name."""
        (value,) = self.of(name)
        return value

    def of(self, name: str, **labels: str) -> list[float]:
        """The values of the series of this name (without the prefix) that have these labels."""
        wanted = set(labels.items())
        return [value for (named, has), value in self.samples.items() if named == PREFIX + name and wanted <= set(has)]

    def sum(self, name: str, **labels: str) -> float:
        return sum(self.of(name, **labels))

    @property
    def up(self) -> float:
        return self["up"]

    def totals(self) -> dict[object, float]:
        return {series: value for series, value in self.samples.items() if series[0].endswith("_total")}


def scraped(home: Home, told: list[Exception | None] | None = None) -> Scrape:
    """One scrape in this process; what it ended with is added to `told`."""
    errors: list[Exception | None] = [] if told is None else told
    return of_registry(registry_of(home.config, errors.append))


def of_registry(registry: CollectorRegistry) -> Scrape:
    return Scrape(generate_latest(registry).decode())


def names(scrapes: Iterable[Scrape]) -> set[str]:
    """The names of all their series."""
    return {name for scrape in scrapes for name, _ in scrape.samples}
