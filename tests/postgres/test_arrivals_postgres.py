"""Arrivals in a table of PostgreSQL, in both of Fivetran's forms and through both readers."""

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
