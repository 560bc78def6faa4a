"""The people of the sample source: a pool of Statsig user objects as different SDKs would have written them.

Some are signed in, some are known by a stableID only, some belong to a company, some carry privateAttributes that must
never leave; their names hold what breaks naive code: other scripts, emoji, quotes, right-to-left text.
"""

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Texts = NDArray[np.object_]
Indexes = NDArray[np.int64]

NAMES = (
    "Ada Lovelace",
    "山田 太郎",
    "Zoë Åström-Łuczak",
    "نور الهدى",
    "אורי כהן",
    'Seán "Jack" O\'Brien',
    "Back\\slash </script>",
    "👩🏽‍🚀 Astro 🚀",
    "Привет Мир",
    "한지민",
    "Line\u2028Separator\tTab",
    "e\u0301 combining",
)
_COUNTRIES = ("US", "US", "US", "DE", "JP", "BR", "IN", "FR", "KR", "EG")
_AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
)
_SDKS = (
    ("javascript-client", "3.33.5"),
    ("statsig-server-core-python", "0.24.2"),
    ("ios-client", "1.55.1"),
    ("android-client", "4.45.0"),
)
# Which of every 8, 25, 4 or 20 users are so.
_ANONYMOUS = 3
_CONFIDING = 7
_SPACIOUS = 1
_SILENT = 19


@dataclass(frozen=True, slots=True)
class Users:
    """The pool: arrays of equal length, one element a user, the most active first."""

    user: Texts
    """JSON text of the user object."""
    user_id: Texts
    """str, or None for who is not signed in; now and then "" as some SDKs log it."""
    statsig_metadata: Texts
    """JSON text, or None."""
    has_company: NDArray[np.bool_]
    activity: NDArray[np.float64]
    """Cumulative share of the events, by Zipf's law."""

    def pick(self, rng: np.random.Generator, count: int) -> Indexes:
        """Who did each of `count` things."""
        return np.minimum(np.searchsorted(self.activity, rng.random(count)), len(self.activity) - 1)


def make_users(count: int, seed: int) -> Users:
    """A pool of `count` users, the same for the same seed."""
    chance = random.Random(f"users:{seed}")  # noqa: S311
    people = [_user(number, chance) for number in range(count)]
    shares = 1.0 / (np.arange(count) + 3.0) ** 1.05
    return Users(
        user=_texts([_written(person, number) for number, person in enumerate(people)]),
        user_id=_texts([_user_id(person, number) for number, person in enumerate(people)]),
        statsig_metadata=_texts([_statsig_metadata(number, chance) for number in range(count)]),
        has_company=np.array([_has_company(number) for number in range(count)], dtype=np.bool_),
        activity=np.cumsum(shares / shares.sum()),
    )


def _texts(values: Sequence[str | None]) -> Texts:
    return np.array(values, dtype=np.object_)


def _has_company(number: int) -> bool:
    return number % 3 == 0


def _user(number: int, chance: random.Random) -> dict[str, object]:
    user: dict[str, object] = {}
    if number % 8 != _ANONYMOUS:
        user = {"userID": f"us_{number:06d}", "email": f"user{number}@example.com"}
    user |= {
        "ip": f"192.0.2.{number % 256}",
        "userAgent": _AGENTS[number % len(_AGENTS)],
        "country": chance.choice(_COUNTRIES),
        "locale": "en_US",
        "appVersion": f"4.{number % 12}.1",
        "custom": {
            "name": NAMES[number % len(NAMES)],
            "plan": chance.choice(("free", "pro")),
            "age": 18 + number % 60,
            "tags": ["beta", None],
        },
        "customIDs": {"stableID": _uuid(chance)},
        "statsigEnvironment": {"tier": "production"},
    }
    if _has_company(number):
        user["customIDs"] = {"stableID": _uuid(chance), "companyID": f"company_{number % 97}"}
    if number % 25 == _CONFIDING:
        user["privateAttributes"] = {"taxNumber": f"private-{number}", "income": 1234.5}
    return user


def _user_id(user: dict[str, object], number: int) -> str | None:
    found = user.get("userID")
    if found is not None:
        return str(found)
    return "" if number % 16 == _ANONYMOUS else None


def _written(user: dict[str, object], number: int) -> str:
    """As one of two writers has it: compact UTF-8, or with spaces and everything else than ASCII escaped."""
    if number % 4 == _SPACIOUS:
        return json.dumps(user)
    return json.dumps(user, ensure_ascii=False, separators=(",", ":"))


def _statsig_metadata(number: int, chance: random.Random) -> str | None:
    if number % 20 == _SILENT:
        return None
    sdk, version = _SDKS[number % len(_SDKS)]
    said = {"sdkType": sdk, "sdkVersion": version, "sessionID": _uuid(chance), "batchSize": 50, "fallbackUrl": None}
    return json.dumps(said, separators=(",", ":"))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
