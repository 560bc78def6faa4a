"""The account: what became of every event, in the words of Statsig's own debug view of a webhook."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from statsig_export.summary import Summarized, Summary

WORDS: Final = ("Events", "Forwarded", "Filtered", "Failed", "Pending", "Rate Limited")
"""The figures of an account, as its tables head them."""
FORGOTTEN: Final = "Forgotten"
"""One more, where any of the accounts has some."""


@dataclass(frozen=True, slots=True, repr=False)
class Account(Summarized):
    """Events = Forwarded + Filtered + Failed + Pending + Forgotten.

    `events` is counted on its own (rows read, rows laid down), never computed from the others: that is what
    makes `balances` a check. `rate_limited` counts events whose request met a 429 or a 503 with Retry-After at
    least once; they are forwarded, failed or pending besides, so it is no part of the sum. `forgotten` are rows of
    people who asked to be forgotten: taken out of the partition files, or left out by a later export.
    """

    events: int = 0
    forwarded: int = 0
    pending: int = 0
    rate_limited: int = 0
    filtered_by: Mapping[str, int] = field(default_factory=dict)
    failed_by: Mapping[str, int] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def filtered(self) -> int:
        return sum(self.filtered_by.values())

    @property
    def failed(self) -> int:
        return sum(self.failed_by.values())

    @property
    def failed_share(self) -> float:
        """The part of the events that failed, as rows at the export or as events in delivery: 0 to 1."""
        return self.failed / self.events if self.events else 0.0

    @property
    def balances(self) -> bool:
        return self.events == self.forwarded + self.filtered + self.failed + self.pending + self.forgotten

    def figures(self, words: Sequence[str] = WORDS) -> tuple[str, ...]:
        """The values of these `words`, for people."""
        counts = [self.events, self.forwarded, self.filtered, self.failed, self.pending, self.rate_limited]
        counts += [self.forgotten] if FORGOTTEN in words else []
        return tuple(f"{count:,}" for count in counts)

    def summary(self) -> Summary:
        because = [
            f"{word} by {rule}: {count:,}"
            for word, by in (("filtered", self.filtered_by), ("failed", self.failed_by))
            for rule, count in sorted(by.items())
        ]
        words = words_of([self])
        return Summary(", ".join(because) or f"{self.events:,} events", words, [self.figures(words)])

    def to_dict(self) -> dict[str, int | dict[str, int]]:
        """The `account` object of every --json report."""
        return {
            "events": self.events,
            "forwarded": self.forwarded,
            "filtered": self.filtered,
            "failed": self.failed,
            "pending": self.pending,
            "rate_limited": self.rate_limited,
            "forgotten": self.forgotten,
            "filtered_by": dict(sorted(self.filtered_by.items())),
            "failed_by": dict(sorted(self.failed_by.items())),
        }


def total(accounts: Iterable[Account]) -> Account:
    """The sum over partitions, windows or runs."""
    counts: Counter[str] = Counter()
    filtered_by: Counter[str] = Counter()
    failed_by: Counter[str] = Counter()
    for account in accounts:
        counts["events"] += account.events
        counts["forwarded"] += account.forwarded
        counts["pending"] += account.pending
        counts["rate_limited"] += account.rate_limited
        counts["forgotten"] += account.forgotten
        filtered_by.update(account.filtered_by)
        failed_by.update(account.failed_by)
    return Account(**counts, filtered_by=filtered_by, failed_by=failed_by)


def words_of(accounts: Iterable[Account]) -> tuple[str, ...]:
    """How a table of these accounts is headed."""
    return (*WORDS, FORGOTTEN) if any(account.forgotten for account in accounts) else WORDS


def summary_of(sentence: str, accounts: Iterable[tuple[str, Account]]) -> Summary:
    """A table of named accounts, closed by their sum."""
    named = list(accounts)
    lines = [*named, ("all", total(account for _, account in named))] if len(named) > 1 else named
    words = words_of(account for _, account in lines)
    return Summary(sentence, ("", *words), [(name, *account.figures(words)) for name, account in lines])
