"""What deploy/metrics holds fits what the verb prints: every name, every label, every value of one."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from home import ExportHome
from landing import landing_in
from promtool import promtool
from scrapes import Scrape, scraped
from sent_home import compared, fifteen_sent

FOLDER = Path(__file__).parents[3] / "deploy" / "metrics"
RULES = FOLDER / "statsig_export.rules.yaml"
DASHBOARD = FOLDER / "grafana_dashboard.json"
PLAYED = Path(__file__).parent / "alerts_played.yaml"
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "metrics.md"
FUNCTIONS = {"time", "sum", "rate", "increase", "absent", "histogram_quantile", "label_values", "count"}
WORDS = {"by", "without", "unless", "and", "or", "on", "bool"}
_METRIC = re.compile(r"(?P<name>[a-z_]\w*)(?:\{(?P<labels>[^}]*)\})?")
_LABEL = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')


def rules() -> list[dict]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def dashboard_expressions() -> Iterator[str]:
    found = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in found["panels"] for target in panel["targets"])
    yield from (one["query"]["query"] for one in found["templating"]["list"] if isinstance(one["query"], dict))


def metrics_of(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The metrics that an expression names, each with its matchers (label, operator, value)."""
    bare = re.sub(r"\b(by|without|on) \([^)]*\)", "", expression)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    if bare.startswith("label_values("):
        bare = bare.partition(",")[0]
    for found in _METRIC.finditer(bare):
        if found["name"] not in FUNCTIONS | WORDS:
            yield found["name"], _LABEL.findall(found["labels"] or "")


@pytest.fixture
def everything(home: ExportHome) -> Scrape:
    """A home of which every series is there."""
    landing = landing_in(home.folder)
    fifteen_sent(home, landing)
    compared(home)
    return scraped(home)


def unknown(expression: str, scrape: Scrape) -> list[str]:
    """What an expression names and no scrape has."""
    named = list(metrics_of(expression))
    assert named, expression
    missing = [name for name, _ in named if not any(series == name for series, _ in scrape.samples)]
    for name, matchers in named:
        has = [dict(labels) for series, labels in scrape.samples if series == name]
        for label, operator, value in matchers:
            values = value.split("|") if operator == "=~" else [value]
            missing += [
                f"{name}{{{label}={one}}}"
                for one in values
                if not any(label in labels and (one == "$destination" or labels[label] == one) for labels in has)
            ]
    return missing


@pytest.mark.fault("F504")
def test_every_metric_that_rules_and_dashboard_name_is_printed_with_these_labels(everything: Scrape):
    wanted = [*(rule["expr"] for rule in rules()), *dashboard_expressions()]

    assert [found for expression in wanted for found in unknown(expression, everything)] == []
    assert unknown('rate(statsig_export_gone_total{state="x"}[5m])', everything)
    assert unknown('statsig_export_events{state="gone"}', everything)


def test_every_metric_is_in_the_dashboard_a_rule_or_the_page(everything: Scrape):
    said = PAGE.read_text()

    assert [family.name for family in everything.families if f"`{family.name}" not in said] == []


@pytest.mark.fault("F504")
def test_the_rules_have_the_form_that_prometheus_reads():
    document = yaml.safe_load(RULES.read_text())

    assert set(document) == {"groups"}
    assert [set(group) for group in document["groups"]] == [{"name", "rules"}]
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"StatsigExport[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"\d+[smhd]", rule["for"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert set(rule["annotations"]) == {"summary", "description"}
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_the_dashboard_has_the_form_that_grafana_imports():
    found = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in found["panels"]]
    places = {(x, y) for p in found["panels"] for x in tiles(p, "x", "w") for y in tiles(p, "y", "h")}

    assert len(set(ids)) == len(ids)
    assert len(places) == sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in found["panels"])
    assert {variable["name"] for variable in found["templating"]["list"]} == {"datasource", "destination"}
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in found["panels"])


def tiles(panel: dict, start: str, length: str) -> range:
    """The columns or rows that a panel lies on."""
    place = panel["gridPos"]
    return range(place[start], place[start] + place[length])


@pytest.mark.fault("F504")
def test_no_rate_is_taken_of_what_may_fall(everything: Scrape):
    counters = {series for series, _ in everything.totals()}
    for expression in [*(rule["expr"] for rule in rules()), *dashboard_expressions()]:
        rated = re.findall(r"(?:rate|increase)\((\w+)", expression)
        assert set(rated) <= counters, expression


@pytest.mark.acceptance
@pytest.mark.fault("F504", "F506")
def test_prometheus_own_checker_takes_the_rules_and_each_alert_fires_for_its_own_and_none_while_all_is_well(
    tmp_path: Path,
):
    for file in (RULES, PLAYED):
        shutil.copy(file, tmp_path)
    checked = promtool("check", "rules", RULES.name, folder=tmp_path)
    played = promtool("test", "rules", PLAYED.name, folder=tmp_path)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert played.returncode == 0, played.stdout + played.stderr
    fired = set(re.findall(r'alertname="(\w+)"', PLAYED.read_text()))
    assert fired == {rule["alert"] for rule in rules()}


@pytest.mark.acceptance
@pytest.mark.fault("F504", "F505")
def test_prometheus_own_checker_finds_nothing_to_say_of_names_and_types(everything: Scrape, tmp_path: Path):
    checked = promtool("check", "metrics", folder=tmp_path, given=everything.text)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@pytest.mark.fault("F505")
def test_the_histogram_is_whole_for_node_exporter_which_shows_no_buckets_without_a_count(everything: Scrape):
    name = "last_hour_request_duration_seconds"
    (count,), (total,) = everything.of(f"{name}_count"), everything.of(f"{name}_sum")

    assert count == everything.sum(f"{name}_bucket", le="+Inf") == everything.sum("requests_total") > 0
    assert total > 0
    assert "_gcount" not in everything.text
