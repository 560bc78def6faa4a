"""What the simulated outage comes to, as tables of docs/scale.md."""

from functools import cache
from typing import Final

from benchmarks.outage import HOUR, Found, Look, Scenario, simulate, with_capacity
from benchmarks.scale_tables import table, time_of

CAPACITIES: Final = (1.1, 1.25, 1.5, 2.0, 4.0)
"""Of the webhook and the shippers, as multiples of the inflow."""
SHOWN: Final = 1.5
BY_DEFAULT: Final = Scenario(batches_a_window=400)
"""Two runs of four requests, 100 ms each: over 600 times the inflow of ten million events a day."""
OVERDUE_S: Final = HOUR
"""`[checks] overdue_after`."""
ALERT_FOR_S: Final = 300.0
"""How long that has to last for the alert in deploy/metrics."""


@cache
def found(capacity: float | None) -> Found:
    """None: as it comes."""
    return simulate(BY_DEFAULT if capacity is None else with_capacity(capacity))


def capacity_table() -> str:
    rows = []
    for capacity in (*CAPACITIES, None):
        one = found(capacity)
        rows.append(
            (
                f"{capacity:g} times the inflow" if capacity else "as it comes (72 requests a second)",
                f"{one.highest:,}",
                f"{max(look.lag for look in one.looks) / HOUR:.1f} h",
                "not within 18 h" if one.drained is None else time_of(one.drained),
                f"{one.wasted}",
                f"{one.failed}",
            )
        )
    head = ("capacity", "most batches waiting", "longest lag", "back to normal after", "attempts in vain", "failed")
    return table(head, rows)


def course_table() -> str:
    """Every half hour, with `SHOWN` times the inflow."""
    looks = {look.second: look for look in found(SHOWN).looks}
    moments = [9.5 * HOUR + number * HOUR / 2 for number in range(18)]
    return table(("time", "batches waiting", "oldest due for", "lag", ""), [_row(looks[moment]) for moment in moments])


def alerts_table() -> str:
    """From the beginning of the outage until each speaks up."""
    rows = []
    for says, capacity in (("as it comes", None), *((f"{each:g} times the inflow", each) for each in CAPACITIES)):
        one = found(capacity)
        began = one.scenario.outage[0]
        paused = next((look.second for look in one.looks if look.paused and look.second >= began), None)
        overdue = one.first_time(OVERDUE_S)
        quiet = [look.second for look in one.looks if look.second > one.scenario.outage[1]]
        quiet = [look.second for look in one.looks if look.second in quiet and look.oldest_due_age > OVERDUE_S]
        rows.append(
            (
                says,
                "never" if paused is None else time_of(paused - began),
                "never" if overdue is None else time_of(overdue),
                "never" if overdue is None else time_of(overdue + ALERT_FOR_S),
                time_of(quiet[-1] + one.scenario.every - one.scenario.outage[1]) if quiet else "at once",
            )
        )
    head = ("capacity", "`paused` is 1", "`check`, `everything_due_is_sent`", "the alert", "they end, after the outage")
    return table(head, rows)


def _row(look: Look) -> tuple[str, ...]:
    hours, minutes = divmod(round(look.second / 60), 60)
    what = "out" if with_capacity(SHOWN).is_out(look.second) else ""
    return f"{hours:02d}:{minutes:02d}", f"{look.backlog:,}", time_of(look.oldest_due_age), time_of(look.lag), what
