"""One look: find what is wrong, follow the incidents, tell who is owed something, and write down who was told.

Nothing is held while a message is under way: the record is changed before (these receivers are being told) and after
(they were told, or were not). So an alert arrives twice only where the process died, or lost the ledger, in between;
its id is then the same.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from statsig_export.alerts.incidents import Incident, Observation, Patience, Turn, followed
from statsig_export.alerts.memory import READ_WAIT_MS, LastTold, LedgerMemory, Memory, TextMemory
from statsig_export.alerts.messages import Message
from statsig_export.alerts.record import Record, Tried
from statsig_export.alerts.senders import Send, receivers_of, senders_and_wrong, senders_of
from statsig_export.config import Config
from statsig_export.errors import ConfigError, StatsigExportError
from statsig_export.monitoring.reading import read_figures
from statsig_export.monitoring.rules import Fault, Kind, Level, Limits, findings

log = logging.getLogger(__name__)

Watch = Callable[[], Sequence[Observation]]
"""More that is wrong, which the ledger does not know: runs that failed. Asked only while the ledger can be read."""


@dataclass(slots=True)
class Told:
    """What came of a look."""

    told: dict[str, list[tuple[Incident, Turn]]] = field(default_factory=dict)
    """Receiver -> what it was told."""
    failed: dict[str, str] = field(default_factory=dict)
    """Receiver -> what kept it from being told; it is tried again."""
    owed: list[str] = field(default_factory=list)
    """Receivers that are still to be told something."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Of those the ones that this look has left alone -> why, and until when."""
    incidents: list[Incident] = field(default_factory=list)
    """All that are known after it."""
    wrong: StatsigExportError | None = None
    """Why the ledger could not be read, or written where that was due."""
    unkept: ConfigError | None = None
    """Why what is to be remembered beside the ledger could not be."""

    @property
    def open(self) -> list[Incident]:
        return [one for one in self.incidents if one.open_ms is not None and one.over_ms is None]


def tell(
    config: Config,
    beside: Memory,
    watch: Watch = list,
    now: Callable[[], datetime] | None = None,
    last_told: LastTold | None = None,
) -> Told:
    """One look at the ledger, and at what `watch` sees. `beside` remembers that the ledger cannot be read, and all that
    is wrong where there is none yet; where it raises ConfigError, that is told without, as seldom as `last_told` can
    say. What `beside` has begun to follow it follows to its end: a ledger that appears meanwhile begins nothing anew.

    Raises ConfigError, before anything is told, where [alerts] is none or cannot be used.
    """
    senders = senders_of(config)
    clock = now or (lambda: datetime.now(UTC))
    told = Told()
    followed_in: list[_Followed] = []
    unremembered: list[_Followed] = []
    kept = _kept(beside)
    limits = Limits.of(config.checks)
    apart = _Seen([], {one.seen.key for one in kept})
    """What `beside` follows; while the ledger cannot be read, nobody knows what became of it."""
    try:
        figures = read_figures(config, limits, clock(), READ_WAIT_MS)
        wrong = [*map(Observation.of, findings(figures, limits)), *watch()]
        unknown = {Kind.OTHER_LEDGER.value} if figures.other_ledgers is None else set()
        seen = _Seen(wrong, unknown, elsewhere={one.seen.key for one in kept})
        if not figures.no_ledger_at:
            apart = _Seen([one for one in wrong if one.key in seen.elsewhere], unknown)
            followed_in.append(_followed(config, LedgerMemory(config), seen, clock))
        else:
            apart = _Seen(wrong, unknown)
    except StatsigExportError as error:  # of the configuration, too: a variable of the ledger is not set here
        told.wrong = error
        apart = replace(apart, wrong=[_ledger_away(error), *apart.wrong])
    try:
        followed_in.append(_followed(config, beside, apart, clock))
    except ConfigError as error:
        told.unkept = error
        if apart.wrong and not (last_told and last_told.is_lately(_ms(clock))):
            unremembered.append(_unremembered(config, apart.wrong, error, clock))
    _tell_all(config, senders, [*followed_in, *unremembered], told, clock)
    if unremembered and last_told and told.told:
        last_told.note(_ms(clock))
    return told


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of a test message."""

    outcomes: Mapping[str, str | None]
    """Receiver -> what was wrong, None if nothing was."""
    unusable: Sequence[ConfigError]
    """Of those the ones that were not even tried, since the configuration does not say how."""


def send_test(config: Config) -> Tested:
    """One message to each receiver, which no record knows of."""
    senders, unusable = senders_and_wrong(config)
    observation = Observation("test", Level.WARNING, "this is a test: nothing is wrong", Fault.NOBODY, "nothing")
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    news = [(Incident(observation, now_ms, open_ms=now_ms), Turn.BEGAN)]
    message = Message(config.webhook.name, news, config.alert_settings().dagster_url)
    return Tested(_sent({name: (send, message) for name, send in senders.items()}), unusable)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look sees, for one memory."""

    wrong: Sequence[Observation]
    unknown: Collection[str]
    """Keys of incidents of which it cannot tell whether they go on."""
    elsewhere: Collection[str] = ()
    """Keys of those that another memory follows: they are begun in none other."""

    def by(self, record: Record) -> list[Observation]:
        """What goes on, as the memory with this record takes it."""
        known = {one.seen.key: one for one in record.incidents}
        wrong = [one for one in self.wrong if one.key in known or one.key not in self.elsewhere]
        unsure = [one for key, one in known.items() if key in self.unknown]
        return wrong + [one.seen for one in unsure if one.gone_ms is None and one.over_ms is None]


def _kept(beside: Memory) -> list[Incident]:
    """What is followed beside the ledger, but for the ledger itself. Nothing where that cannot be read."""
    try:
        return [one for one in beside.read().incidents if one.seen.key != Kind.LEDGER.value]
    except ConfigError:
        return []


def _ledger_away(error: StatsigExportError) -> Observation:
    what, do = f"the ledger cannot be read or written: {error.message}", error.hint or "look at its database and disk"
    fault = Fault.CONFIGURATION if isinstance(error, ConfigError) else Fault.LEDGER
    return Observation(Kind.LEDGER.value, Level.CRITICAL, what, fault, do)


def _follow(
    config: Config,
    memory: Memory,
    seen: _Seen,
    clock: Callable[[], datetime],
) -> Record:
    """The record after this look. Writes only what has changed."""
    settings = config.alert_settings()
    receivers = receivers_of(settings)
    patience = Patience.of(settings.after, settings.over_after)
    now_ms = _ms(clock)

    def looked(record: Record) -> Record:
        incidents = followed(record.incidents, seen.by(record), receivers, patience, now_ms)
        return Record(incidents, {name: one for name, one in record.tried.items() if name in receivers})

    before = memory.read()
    after = looked(before)
    return after if after.text == before.text else memory.change(looked)


@dataclass(slots=True)
class _Followed:
    """A memory, its record after this look, and what each receiver is told of it by this look and by no other one."""

    memory: Memory
    record: Record
    taken: Mapping[str, list[tuple[Incident, Turn]]]


def _followed(
    config: Config,
    memory: Memory,
    seen: _Seen,
    clock: Callable[[], datetime],
) -> _Followed:
    return _taken(config, memory, _follow(config, memory, seen, clock), clock)


def _unremembered(
    config: Config, wrong: Sequence[Observation], unkept: ConfigError, clock: Callable[[], datetime]
) -> _Followed:
    """What cannot be remembered is told at once: nobody knows for how long it is so already."""
    why, now_ms = f"That is told again and again, since {unkept.message}", _ms(clock)
    seen = [replace(one, what=f"{one.what}. {why}", do=_both(one.do, unkept.hint or "")) for one in wrong]
    record = Record([Incident(one, now_ms, open_ms=now_ms) for one in seen])
    return _taken(config, TextMemory(record.text), record, clock)


def _both(do: str, hint: str) -> str:
    """Of a full disk both say the same."""
    return do if hint in do else f"{do}; {hint}"


def _tell_all(
    config: Config,
    senders: Mapping[str, Send],
    followed_in: Sequence[_Followed],
    told: Told,
    clock: Callable[[], datetime],
) -> None:
    """One message a receiver, of all memories together."""
    url = config.alert_settings().dagster_url
    outgoing = {
        name: (send, Message(config.webhook.name, news, url))
        for name, send in senders.items()
        if (news := [item for one in followed_in for item in one.taken.get(name, ())])
    }
    for name, wrong in _sent(outgoing).items():
        if wrong is None:
            told.told[name] = list(outgoing[name][1].told)
        else:
            told.failed[name] = wrong
            log.warning("alerts: %s was not told (%s); it is tried again", name, wrong)
    for one in followed_in:
        after = _noted(one, told, clock)
        told.incidents += after.incidents
        told.owed += [name for name in senders if after.is_owed(name) and name not in told.owed]
        told.waiting |= {name: why for name in told.owed if name not in one.taken and (why := _why(after, name, clock))}


def _why(record: Record, receiver: str, clock: Callable[[], datetime]) -> str:
    """Why a receiver is left alone; "" where it is not, or nothing is owed."""
    tried = record.tried.get(receiver, Tried())
    if tried.may_be_tried(_ms(clock)) or not record.is_owed(receiver):
        return ""
    until = _time(tried.until_ms)
    if tried.taken:
        since = _time(tried.taken_ms)
        return (
            f"another look is at telling it since {since}, or was killed at that: it is left to that one until {until}"
        )
    tries = "try has" if tried.failures == 1 else f"{tried.failures} tries have"
    return f"the last {tries} failed: it is tried again from {until} on"


def _taken(config: Config, memory: Memory, record: Record, clock: Callable[[], datetime]) -> _Followed:
    """Of two looks at once, one takes what is owed."""
    receivers = receivers_of(config.alert_settings())
    if not any(record.owed(name, _ms(clock)) for name in receivers):
        return _Followed(memory, record, {})
    mine: dict[str, list[tuple[Incident, Turn]]] = {}

    def take(current: Record) -> Record:
        now_ms = _ms(clock)
        mine.clear()
        mine.update({name: owed for name in receivers if (owed := current.owed(name, now_ms))})
        return current.taking(list(mine), now_ms)

    return _Followed(memory, memory.change(take), mine)


def _noted(one: _Followed, told: Told, clock: Callable[[], datetime]) -> Record:
    if not one.taken:
        return one.record

    def note(current: Record) -> Record:
        for name, news in one.taken.items():
            if name in told.told:
                current = current.after_telling(name, news)
            else:
                current = current.after_failing(name, _ms(clock))
        return current

    try:
        return one.memory.change(note)
    except StatsigExportError as error:
        log.warning("alerts: who was told could not be written down, and may be told again (%s)", error.message)
        if isinstance(error, ConfigError):
            told.unkept = error
        else:
            told.wrong = error
        return note(one.record)


def _sent(outgoing: Mapping[str, tuple[Send, Message]]) -> dict[str, str | None]:
    """All at once: none waits for another that is slow."""
    if not outgoing:
        return {}
    with ThreadPoolExecutor(len(outgoing), "alert") as threads:
        under_way = {name: threads.submit(send, message) for name, (send, message) in outgoing.items()}
        return {name: _outcome(future.result) for name, future in under_way.items()}


def _outcome(result: Callable[[], str | None]) -> str | None:
    try:
        return result()
    except Exception as error:  # noqa: BLE001  an error of ours in one receiver is no reason not to note the others
        return f"an error of our own ({type(error).__name__})"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M:%S} UTC"


def _ms(clock: Callable[[], datetime]) -> int:
    return round(clock().timestamp() * 1000)
