"""How reports show themselves in a notebook and at the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsig_export.account import Account, summary_of
from statsig_export.export.reports import PlanReport
from statsig_export.lineage.trace_report import Trace
from statsig_export.shipping.reports import ReplayReport, ShipReport
from statsig_export.summary import Summarized, Summary
from statsig_export.vocabulary import Category

ACCOUNT = Account(events=1_200, forwarded=1_100, filtered_by={"debug": 60}, failed_by={"malformed_json": 40})


class Report(Summarized):
    def __init__(self, *rows: tuple[str, ...], sentence: str = "said") -> None:
        self._summary = Summary(sentence, ("name", "count"), rows)

    def summary(self) -> Summary:
        return self._summary


def test_an_account_shows_its_words_and_why_events_were_left_out():
    assert repr(ACCOUNT) == (
        "Account: filtered by debug: 60, failed by malformed_json: 40\n"
        "Events  Forwarded  Filtered  Failed  Pending  Rate Limited\n"
        " 1,200      1,100        60      40        0             0"
    )


def test_a_plan_shows_a_line_per_category_and_their_sum_but_no_example():
    accounts = {Category.GATE_EXPOSURE: ACCOUNT, Category.CUSTOM_EVENT: ACCOUNT}
    plan = PlanReport("2026-11-20", accounts, 1_100, {Category.GATE_EXPOSURE: '{"user":"ada@example.com"}'})

    for shown in (repr(plan), plan._repr_html_()):
        assert "window 2026-11-20, 1,100 events would be sent; nothing was sent or written" in shown
        assert "gate_exposure" in shown
        assert "2,400" in shown
        assert "ada@" not in shown


def test_a_sum_of_one_is_not_repeated():
    assert len(summary_of("", [("only", ACCOUNT)]).rows) == 1


@pytest.mark.parametrize("empty", [ShipReport("run", None, 0.0, None, ()), Trace("some-id", None, 3)])
def test_a_report_of_nothing_is_a_sentence(empty: Summarized):
    assert "\n" not in repr(empty)
    assert "<table>" not in empty._repr_html_()


def test_a_replay_says_what_became_of_it():
    shown = repr(ReplayReport(10, 2, 1, ShipReport("run", None, 0.0, None, ())))

    assert shown == "ReplayReport: 10 events planned again, 2 pending, 1 failed"


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_out_of_the_table_or_steers_the_terminal(sentence: str, name: str, count: str):
    report = Report((name, count), sentence=sentence)
    html, plain = report._repr_html_(), repr(report)

    assert html.count("<td") == 2
    assert html.count("<") == html.count(">") == 22
    assert plain.replace("\n", "").isprintable()
    assert plain.count("\n") == 2
