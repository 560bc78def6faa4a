"""What the metrics say of a ledger: what `status` says, in sums that never fall, and in as many series for ever."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from home import DAY, ExportHome
from landing import landing_in
from old_windows import lived, next_day, pruned
from rows import NOON, custom_event
from scrapes import Scrape, scraped
from sent_home import compared, fifteen_sent
from sqlalchemy import Engine, event, update

from statsig_export.account import total
from statsig_export.errors import DestinationError
from statsig_export.forgetting.forget import forget
from statsig_export.ledger import retention
from statsig_export.ledger.tables import batches
from statsig_export.ledger.transactions import ledger_of
from statsig_export.shipping.replay import replay
from statsig_export.shipping.status import status, unsent_partitions
from statsig_export.testing.webhook.faults import Rule, answer

LABELS = {"destination", "category", "state", "outcome", "status_class", "reason", "step", "le", "version"}
HALTING = [Rule(actions=[answer(401)])]
LATER = [Rule(actions=[answer(503, Retry_After="60")])]


def account_of(scrape: Scrape) -> dict[str, float]:
    return {
        state: scrape.sum("events", state=state)
        for state in ("forwarded", "filtered", "failed", "pending", "forgotten")
    }


@pytest.mark.fault("F495")
def test_the_account_is_that_of_status_before_and_after_pruning_and_no_counter_falls(any_home: ExportHome):
    lived(any_home)
    before, account = scraped(any_home), any_home.account()
    pruned(any_home)
    after = scraped(any_home)

    for scrape in (before, after):
        assert scrape.up == 1
        assert account_of(scrape) == {state: getattr(account, state) for state in account_of(scrape)}
        assert scrape.sum("rate_limited_events") == account.rate_limited
    assert before.totals() == after.totals()
    assert before.sum("requests_total") > before.sum("requests_total", outcome="accepted") > 0
    assert before.sum("batches") == after.sum("batches", state="pruned") > 0
    assert before.of("last_success_timestamp_seconds", step="shipment") <= [
        value + 1 for value in after.of("last_success_timestamp_seconds", step="shipment")
    ]


@pytest.mark.fault("F513")
def test_the_account_balances_and_no_counter_falls_when_somebody_is_forgotten_and_pruned(any_home: ExportHome):
    lived(any_home)
    before, events = scraped(any_home), any_home.account().events
    forget(any_home.config, [("userID", "user-1"), ("userID", "user-2")])
    after, account = scraped(any_home), any_home.account()
    pruned(any_home)
    later = scraped(any_home)

    assert account.forgotten > 0
    assert sum(account_of(after).values()) == account.events == events
    assert account_of(after) == {state: getattr(account, state) for state in account_of(after)}
    assert before.totals() == after.totals() == later.totals()


@pytest.mark.fault("F495")
def test_a_scrape_in_the_middle_of_a_prune_sees_what_was_before(any_home: ExportHome, monkeypatch: pytest.MonkeyPatch):
    lived(any_home)
    before = scraped(any_home)
    between: list[Scrape] = []
    monkeypatch.setattr(retention, "reach", lambda _: between.append(scraped(any_home)))
    pruned(any_home)

    assert len(between) == 4  # in the transaction of each partition, and after it
    assert [scrape.totals() for scrape in between] == [before.totals()] * 4
    assert between[0].sum("last_hour_requests") == before.sum("last_hour_requests")


@pytest.mark.fault("F495")
def test_status_and_latency_are_of_the_last_hour_and_no_counters_since_pruning_forgets_them(home: ExportHome):
    lived(home)
    before = scraped(home)
    pruned(home)
    after = scraped(home)
    families = {family.name: family.type for family in before.families}

    assert families["statsig_export_last_hour_requests"] == "gauge"
    assert before.sum("last_hour_requests") == before.sum("requests_total")
    assert before.sum("last_hour_requests", status_class="5xx") == 1
    assert before.sum("last_hour_requests", status_class="none") == 1
    assert before["last_hour_request_duration_seconds_count"] == before.sum(
        "last_hour_request_duration_seconds_bucket", le="+Inf"
    )
    assert before["last_hour_request_duration_seconds_sum"] > 0
    assert after.sum("last_hour_requests") == 0


@pytest.mark.fault("F496")
def test_what_is_late_is_counted_when_it_is_added_and_stays(home: ExportHome):
    lived(home)

    assert scraped(home).sum("late_events_total") == 1
    pruned(home)
    assert scraped(home).sum("late_events_total", category="custom_event") == 1


def test_what_waits_is_told_with_its_age_and_size(home: ExportHome):
    home.set("checks", overdue_after="30m")
    home.add([custom_event(key) for key in range(3)])
    home.export()
    with ledger_of(home.config) as ledger, ledger.database.write() as connection:
        connection.execute(update(batches).values(due_ms=batches.c.due_ms - 7_200_000))
    scrape = scraped(home)

    assert (scrape.sum("events", state="pending"), scrape.sum("batches", state="planned")) == (3, 1)
    assert scrape["pending_bytes"] > 300
    assert 7_190 < scrape["oldest_due_age_seconds"] < 7_300
    assert scrape["oldest_due_age_seconds"] == pytest.approx(unsent_partitions(home.config)[0].overdue, abs=10)
    assert scrape["oldest_pending_age_seconds"] < 60
    assert scrape["overdue_after_seconds"] == 1_800


def test_a_replay_waits_beside_the_account(home: ExportHome):
    home.add([custom_event(key) for key in range(3)])
    home.export()
    home.ship()
    home.receiver.play(LATER)
    replay(home.config, [line.partition for line in status(home.config)])
    scrape = scraped(home)

    assert scrape.sum("events", state="forwarded") == scrape.sum("replay_pending_events") == 3
    assert scrape.sum("events", state="pending") == 0
    assert scrape.sum("pending_batches", outcome="throttled") == 1
    assert scrape.of("paused", reason="rate_limit") == [1]
    assert scrape.of("paused", reason="breaker") == [0]


@pytest.mark.fault("F499")
def test_a_halt_is_told_by_its_class_and_shows_no_url_and_no_answer(home: ExportHome):
    home.add([custom_event(1)])
    home.export()
    home.receiver.play(HALTING)
    with pytest.raises(DestinationError):
        home.ship()
    scrape = scraped(home)

    assert scrape["halted"] == 1
    assert scrape.of("halt_reason", reason="credentials") == [1]
    assert scrape.sum("halt_reason") == 1
    assert "secret_endpoint" not in scrape.text
    home.environ["HOOK"] = "https://another.example/"
    assert scraped(home)["halted"] == 0  # another set-up lifts it


@pytest.mark.fault("F497")
def test_there_are_as_many_series_after_many_windows_as_after_one(home: ExportHome):
    home.set("windows", every="hour", start="2026-11-01T00:00:00Z")
    home.add([custom_event(1)])
    home.export(f"{DAY}-12:00")
    first = scraped(home)
    for hour in range(13, 17):
        home.add([custom_event(hour, ingested_at=NOON + timedelta(hours=hour - 12, minutes=1))])
        home.export(f"{DAY}-{hour}:00")
    home.ship()
    many = scraped(home)

    assert set(first.samples) <= set(many.samples)
    added = set(many.samples) - set(first.samples)
    assert added == {(name, labels) for name, labels in many.samples if ("step", "shipment") in labels}
    assert {label for _, labels in many.samples for label, _ in labels} <= LABELS
    assert not re.search(r"2026-11|user-\d", many.text)


@pytest.mark.fault("F497")
def test_the_statements_are_as_many_for_many_windows_as_for_one(home: ExportHome):
    home.set("windows", every="hour", start="2026-11-01T00:00:00Z")
    home.add([custom_event(1)])
    home.export(f"{DAY}-12:00")
    once = list(statements(home))
    for hour in range(13, 17):
        home.export(f"{DAY}-{hour}:00")

    assert len(list(statements(home))) == len(once) < 40


def statements(home: ExportHome) -> Iterator[str]:
    """What one scrape sends to the database."""
    sent: list[str] = []

    def note(*arguments: object) -> None:
        sent.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        scraped(home)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    return iter(sent)


@pytest.mark.fault("F498")
def test_two_destinations_of_one_ledger_are_counted_apart_and_all_series_name_theirs(home: ExportHome):
    home.add([custom_event(key) for key in range(3)])
    home.export()
    home.ship()
    home.set("webhook", name="other", max_events=1)
    home.export()
    other = scraped(home)
    home.ship()

    assert (other.sum("requests_total"), other.sum("batches"), other.sum("events", state="pending")) == (0, 3, 3)
    assert all(("destination", "other") in labels for _, labels in other.samples)
    home.set("webhook", name="fivetran")
    assert scraped(home).sum("requests_total") == scraped(home).sum("batches") == 1


@pytest.mark.fault("F496")
def test_windows_without_an_export_are_counted_behind_and_between(home: ExportHome):
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(today - timedelta(days=back)).strftime("%Y-%m-%d") for back in (6, 5, 4, 3, 2, 1)]
    home.set("windows", start=f"{days[0]}T00:00:00Z", settle="0s", lookback="0s")

    for day in (days[0], days[1], days[3]):
        home.export(day)
    scrape = scraped(home)
    assert (scrape["windows_behind"], scrape["skipped_windows"]) == (2, 3)


def test_arrivals_are_told_once_there_is_a_table_to_compare_with(home: ExportHome):
    assert scraped(fifteen_sent_nowhere(home)).of("arrivals") == []
    landing = landing_in(home.folder)
    fifteen_sent(home, landing)
    unchecked = scraped(home)
    landing.land(home.receiver.events()[1:])
    compared(home, after=timedelta(hours=13))
    checked = scraped(home)

    assert unchecked.sum("arrivals", state="unchecked") == unchecked.sum("arrivals") == 15
    assert (checked.sum("arrivals", state="arrived"), checked.sum("arrivals", state="missing")) == (14, 1)
    assert checked.sum("arrivals") == 15
    assert len(checked.of("last_success_timestamp_seconds", step="comparison")) == 1


def fifteen_sent_nowhere(home: ExportHome) -> ExportHome:
    """A ledger, and no table of Fivetran's."""
    home.export()
    return home


@pytest.mark.fault("F495")
def test_arrivals_of_pruned_partitions_are_neither_missing_nor_unchecked(home: ExportHome):
    landing = landing_in(home.folder)
    fifteen_sent(home, landing)
    landing.land(home.receiver.events())
    compared(home)
    next_day(home)
    pruned(home)
    scrape = scraped(home)

    assert scrape.sum("arrivals", state="pruned") == scrape.sum("arrivals") == 15


def test_the_failed_share_is_that_of_check(home: ExportHome):
    home.set("checks", max_failed_share=0.2)
    home.add([custom_event(1), custom_event(2, None)])
    home.export()
    share = total(line.account for line in status(home.config)).failed_share

    assert scraped(home)["failed_ratio"] == share > 0
    assert scraped(home)["failed_ratio_allowed"] == 0.2


def test_names_and_units_are_as_prometheus_wants_them(home: ExportHome):
    lived(home)
    for family in scraped(home).families:
        assert re.fullmatch(r"statsig_export_[a-z][a-z_]*", family.name)
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|minutes|hours|kb|percent|share)\b", family.name)
        assert (family.type == "counter") == all(one.name.endswith("_total") for one in family.samples)


def test_a_breaker_that_is_open_is_a_pause(home: ExportHome):
    home.export()
    until = round(datetime.now(UTC).timestamp() * 1000) + 20_000
    with ledger_of(home.config) as ledger:
        ledger.set_breaker("fivetran", 1, until)
    scrape = scraped(home)

    assert scrape.of("paused", reason="breaker") == [1]
    assert scrape["breaker_openings"] == 1
