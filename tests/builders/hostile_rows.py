"""Generates rows that a database can hold and an export must survive, from a seed.

Most rows have one or two faults; the others have none and must not be affected.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

NEVER_SENT = ("privateAttributes", "secondaryExposures")
INGESTED = "2026-11-20 12:00:00.000000"
MEGABYTE = 1_000_000
GOOD_TIME = datetime(2026, 11, 20, 11, 59, 59, 250_000, tzinfo=UTC)

NASTY_TEXTS = (
    "", " ", "null", "{}", "'; DROP TABLE exposures; --", '"\\"', "a\x00b", "\x01\x1b[31m\x7f", "\x80\x9f", "é" * 300,
    "\u2028\u2029", "\u202etxt.exe", "\ufeffbom", "\ufffe\uffff", "\U0001f600\U0001f469\u200d\U0001f467", "\U0010ffff",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "<script>", "[red]x[/red]", "[/oops]", "%s%n", "2026-11-20", "1e999",
    "NaN", "true", "0", "-0", str(2**53 + 1), "x" * 10_000, "\r\nSet-Cookie: a",
)  # fmt: skip
NOT_UTF_8 = (b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf8\x88\x80\x80\x80", b"caf\xe9")

NUMBERS = (
    "0", "-0", "-0.0", "7.0", "1.50", "1e2", "1E+21", "1e-7", "9007199254740993", "18446744073709551616",
    "-" + "9" * 60, "0.1234567890123456789", "1e400", "1e999", "-1e999", "1e-999", "9" * 5_000, "1.79e308",
)  # fmt: skip
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "01", ".5", "1.", "+1", "0x1", "1e", "nan", "--1", "1_000")
ODD_STRINGS = (
    r'"\ud800"', r'"\udc00\ud800"', r'"\ud83d\ude00"', r'"\ud83dx"', r'"\u0000"', r'"\/"', r'"\x41"', r'"\u12"',
    '"\x01"', '"\n"', '"\x7f\x9f"', '"\u2028"', '"\U0010ffff"', '"', "'a'", r'"\\ud800"', r'"\\\ud800"',
)  # fmt: skip
NO_OBJECTS = (
    "", " ", "null", " null ", "[]", '["a"]', "7", '"text"', "true", "{", "}", "{}}", "{}{}", "{},", "{a:1}", "{'a':1}",
    '{"a":1,}', '{"a"}', '{"a":}', "{,}", '{"a" 1}', '{"a":1}x', '{"a":1}//', "\ufeff{}", "{}\x00", '{"a":tru}',
    "undefined", '[{"a":1}', '{"a":[1,}', "\x0b{}",
)  # fmt: skip
ODD_OBJECTS = (
    "{ }", "\n{\t}\r ", '{"a":1,"a":2}', '{"userID":"x","userID":"y"}', '{"":""}', '{"a":{"b":{"b":1,"b":2}}}',
    '{"userID":null}', '{"userID":7}', '{"userID":1e3}', '{"userID":true}', '{"userID":["x"]}', '{"userID":{}}',
    '{"userID":1e999}', r'{"userID":"\u0041\ud83d\ude00"}', r'{"\u0061":1,"a":2}', '{"gateValue":"true"}',
    '{"gateValue":"maybe"}', '{"gate":"another","config":"c","ruleID":1,"reason":null,"experimentGroupName":"g"}',
    '{"privateAttributes":{"ssn":1},"a":1}', '{"a":[{"secondaryExposures":[]},{"b":{"privateAttributes":1,"c":2}}]}',
    r'{"private\u0041ttributes":{"ssn":1},"a":1}', '{"a":"privateAttributes"}', '{"secondaryExposures":1,"a":1,"a":2}',
    '{"t":true,"f":false,"n":null,"o":{ "x" : [ 1 , 2 ] },"a":[ ]}',
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True)
class Hostile:
    """A row as it is to be inserted, and the one thing about it that a naive reader could not tell: its moment."""

    table: str
    columns: Row
    moment_ms: int | None
    """None where the column `timestamp` holds no believable time."""


class Generator:
    """Rows by a seed. `loose` databases take anything in any column, as SQLite does."""

    def __init__(self, seed: int, *, loose: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._loose = loose

    def rows(self, count: int) -> Iterator[Hostile]:
        """`count` rows, their keys unique in their table."""
        far_keys = [0, -1, -(2**63), 2**63 - 1, 2**60, 2**60 - 1, 2**53 + 1]
        for number in range(1, count + 1):
            table = self._random.choice(("exposures", "custom_events"))
            far = bool(far_keys) and number % 50 == 0
            key = far_keys.pop() if far else number
            moment_ms, stamp = round(GOOD_TIME.timestamp() * 1000), GOOD_TIME.strftime("%Y-%m-%d %H:%M:%S.%f")
            row: Row = {**_good(table, number), "id": key, "timestamp": stamp, "ingested_at": INGESTED}
            for _ in range(0 if far else self._random.choice((0, 1, 1, 1, 2, 3))):
                column = self._random.choice([name for name in row if name not in {"id", "ingested_at"}])
                if column == "timestamp":
                    row[column], moment = self._time()
                    moment_ms = moment  # type: ignore[assignment]
                else:
                    row[column] = self._value(column, number)
            if far:
                row["time_uuid"] = None  # so that the id is made of the key
            if number % 97 == 0:
                row["ingested_at"] = self._no_time()
            yield Hostile(table, row, moment_ms)

    def _value(self, column: str, number: int) -> object:
        pick = self._random.choice
        if self._loose and self._random.random() < 0.07:
            return pick(NOT_UTF_8)
        if column in {"user", "metadata", "statsig_metadata"}:
            return self._json()
        choices: dict[str, tuple[object, ...]] = {
            "gate_value": (None, 0, 1, True, False, *(("yes", "t", "TRUE", 2, 0.5, "") if self._loose else ())),
            "exposure_type": (None, "", "hologram", "Gate", "gate ", "gate", "config", "experiment", "layer"),
            "event_name": (None, *_NAMES, *NASTY_TEXTS),
            "time_uuid": (None, "", f"g{number}", f"{number} {pick(NASTY_TEXTS)}"),
        }
        return pick(choices.get(column, (None, pick(NASTY_TEXTS))))

    def _json(self) -> str | bytes | float | None:
        pick = self._random.choice
        kinds: list[Callable[[], str | bytes | float | None]] = [
            lambda: None,
            lambda: pick(NO_OBJECTS),
            lambda: pick(ODD_OBJECTS),
            self._cut_json,
            self._nested_json,
            self._json_around,
            self._json_around,
            self._json_around,
        ]
        if self._loose:
            kinds.append(lambda: b'{"a":"' + pick(NOT_UTF_8) + b'"}')
            kinds.append(lambda: pick((7, -1, 2**63 - 1, 0.5, 1e300, float("inf"))))
        return pick(kinds)()

    def _cut_json(self) -> str:
        whole = json.dumps({"userID": "u", "custom": {"plan": ["a", {"b": 1.5}], "é": "\\"}})
        return whole[: self._random.randrange(len(whole))]

    def _nested_json(self) -> str:
        depth = self._random.choice((5, 100, 5_000, 50_000))
        lists = '{"a":' + "[" * depth + "]" * depth + "}"
        return self._random.choice((lists, '{"a":' * depth + "1" + "}" * depth))

    def _json_around(self) -> str:
        """An object with something odd at some depth."""
        inner = self._random.choice((*NUMBERS, *NO_NUMBERS, *ODD_STRINGS, *map(json.dumps, NASTY_TEXTS)))
        shape = self._random.choice(("%", "[%]", '{"x":%}', '[[],%,"s"]', '{"x":[{"y":%}]}'))
        return '{"userID":"u","key":' + shape.replace("%", inner) + "}"

    def _time(self) -> tuple[object, int | None]:
        """What the column is given, and the moment that is."""
        moment_ms = self._random.randrange(946_684_800_000, 4_102_444_800_000)
        pick: Callable[[Any], Any] = self._random.choice
        if not self._loose:
            return pick((_STAMPED, _OFFSET, *_NO_STAMPS))(moment_ms)
        return pick((*_TIMES, *_NO_TIMES))(moment_ms)

    def _no_time(self) -> object:
        return self._random.choice((None, "", "soon", b"\x00\xff", "12:00") if self._loose else (None, "infinity"))


_NAMES = (
    "statsig::diagnostics", "statsig::non_exposed_checks", "statsig::app_error", "statsig::", "statsig::gate_exposure",
    "statsig::layer_exposure", "statsig::config_change", "STATSIG::gate_exposure", "statsig::gate_exposure ",
)  # fmt: skip


def huge_rows(first: int) -> list[Hostile]:
    """Values of 10 MB in every column that can hold them, and one event that just fits into a request."""
    ten = "x" * (10 * MEGABYTE)
    texts = [("user", '{"a":"' + ten + '"}'), ("metadata", '{"a":"' + ten + '"}'), ("value", ten), ("user", "[" + ten)]
    texts += [("event_name", ten), ("time_uuid", ten), ("value", "x" * (MEGABYTE * 9 // 10))]
    stamp = GOOD_TIME.strftime("%Y-%m-%d %H:%M:%S.%f")
    rows = []
    for number, (column, value) in enumerate(texts, first):
        row = {**_good("custom_events", number), "id": number, "timestamp": stamp, "ingested_at": INGESTED}
        rows.append(Hostile("custom_events", {**row, column: value}, round(GOOD_TIME.timestamp() * 1000)))
    return rows


def _good(table: str, number: int) -> Row:
    shared: Row = {
        "time_uuid": f"id-{table}-{number}",
        "user_id": f"user-{number}",
        "user": json.dumps({"userID": f"user-{number}", "email": "ana@example.org", "custom": {"n": number}}),
        "metadata": json.dumps({"page": "/home", "n": number}),
        "statsig_metadata": '{"sdkType":"js-client"}',
    }
    if table == "custom_events":
        return {**shared, "event_name": "page_view", "value": "19.99"}
    kind = ("gate", "config", "experiment", "layer")[number % 4]
    own: Row = {"exposure_type": kind, "name": f"a_{kind}", "rule_id": "rule", "gate_value": number % 3 == 0}
    return {**shared, **own, "group_name": None, "reason": "Network:Recognized", "unit_type": "userID"}


Timed = Callable[[int], tuple[object, int | None]]


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def _stamp(shape: str, unit_ms: int = 1) -> Timed:
    return lambda ms: (_moment(ms).strftime(shape), ms // unit_ms * unit_ms)


def _offset_stamp(ms: int) -> tuple[object, int | None]:
    return (_moment(ms) + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"), ms


def _always(value: object) -> Timed:
    return lambda _: (value, None)


_STAMPED: Timed = _stamp("%Y-%m-%d %H:%M:%S.%f")
_OFFSET: Timed = lambda ms: (_moment(ms).isoformat().removesuffix("+00:00"), ms)  # noqa: E731
_TIMES: tuple[Timed, ...] = (
    _STAMPED,
    _OFFSET,
    _offset_stamp,
    _stamp("%Y-%m-%dT%H:%M:%S.%fZ"),
    _stamp(" %Y-%m-%d %H:%M:%S.%f000 "),
    _stamp("%Y-%m-%d %H:%M:%S", 1_000),
    _stamp("%Y-%m-%d", 86_400_000),
    lambda ms: (ms // 1_000, ms // 1_000 * 1_000),
    lambda ms: (ms // 1_000 + 0.25, ms // 1_000 * 1_000 + 250),
    lambda ms: (f"{ms // 1_000}.5", ms // 1_000 * 1_000 + 500),
    lambda ms: (ms, ms),
    lambda ms: (str(ms), ms),
    lambda ms: (ms * 1_000 + 999, ms),
    lambda ms: (ms * 1_000_000 + 999_999, ms),
    lambda ms: (f"{ms}000999", ms),
)
_NO_STAMPS: tuple[Timed, ...] = tuple(
    _always(value)
    for value in (None, "infinity", "-infinity", "1999-12-31 23:59:59", "2100-01-01", "0044-03-15 BC", "99999-01-01")
)
_NO_TIMES: tuple[Timed, ...] = tuple(
    _always(value)
    for value in (
        None, "", "yesterday", "now", "0", 0, -1, 1, "true", float("inf"), 1e300, 9 * 10**18, "9" * 19, "9" * 400,
        b"\xff", "1999-12-31 23:59:59", "2100-01-01", "2026-13-01", "2026-02-30 10:00:00", "2026-11-20 25:00:00",
        "12:00", "2026", "{}", "2026-11-20T", "2026-11-20 12:00:00+99:99", "-1795000000", "1795000000,5", "NaN", "\x00",
    )
)  # fmt: skip
