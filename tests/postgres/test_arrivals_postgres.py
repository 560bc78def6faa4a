"""Arrivals in a table of PostgreSQL, in both of Fivetran's forms and through both readers; and a ledger there."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from home import ExportHome
from landing import EVENTS, Landing
from rows import custom_event, exposure

from statsig_export.reconciliation.check import check_arrivals
from statsig_export.testing.webhook.receiver import Receiver


@pytest.mark.fault("F390")
@pytest.mark.parametrize(("mode", "naming"), [("packed", "fivetran"), ("unpacked", "fivetran"), ("unpacked", "source")])
def test_what_is_there_and_what_is_not_is_told_in_both_forms(tmp_path, postgres_url: str, mode: str, naming: str):
    landing = Landing("postgresql", postgres_url, mode, naming)
    with Receiver() as receiver:
        home = ExportHome(tmp_path, receiver)
        home.environ["LANDED"] = postgres_url
        home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
        home.add([custom_event(key) for key in range(1, 11)], [exposure(1)])
        home.export()
        home.ship()
        sent = receiver.events()
        landing.land(sent[1:])
        landing.land([{**sent[2], "timeUUID": "of-statsig-itself"}, sent[3]])

        report, unreadable = check_arrivals(home.config)

    assert not unreadable
    assert (report.total.arrived, report.total.missing, report.total.repeated_other, report.alien) == (10, 1, 1, 1)


@pytest.mark.fault("F404")
def test_several_comparisons_at_once_record_what_they_find(tmp_path: Path, postgres_url: str):
    landing = Landing("postgresql", postgres_url)
    with Receiver() as receiver:
        home = ExportHome(tmp_path, receiver, ledger_url=postgres_url)
        home.environ["LANDED"] = postgres_url
        home.set("arrivals", url="env:LANDED", table=EVENTS, grace="0s")
        home.set("webhook", max_events=1)
        home.add([custom_event(key) for key in range(1, 31)])
        home.export()
        home.ship()
        landing.land(receiver.events()[1:])
        with ThreadPoolExecutor(6) as threads:
            reports = list(threads.map(lambda _: check_arrivals(home.config)[0], range(12)))

    assert {(one.total.arrived, one.total.missing) for one in reports} == {(29, 1)}
