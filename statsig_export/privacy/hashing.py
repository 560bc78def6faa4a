"""How one value is hashed: HMAC-SHA-256 with the key, as 64 hexadecimal digits. Pure.

The message is the value's text in UTF-8, after the normalisation that the rule names. Equal values give equal digests
under one key, so joins still work; without the key nobody can try addresses out. The empty text stays empty: it says
that there is no value, and one digest for all who have none would look like one busy person.
"""

import hmac
from typing import Final, Literal

Normalize = Literal["none", "lower", "trim_lower"]
"""What is done to a text before: nothing; all letters lower case; blanks around it cut and all letters lower case."""

SHORTEST_KEY: Final = 32
"""Bytes of UTF-8: as long as the digest, below which a key is the easier thing to guess."""
_KEY_CHECK: Final = b"statsig-export: which key is this?"
_MOST_KEPT: Final = 20_000


def normalized(value: str, normalize: Normalize) -> str:
    match normalize:
        case "none":
            return value
        case "lower":
            return value.lower()
        case "trim_lower":
            return value.strip().lower()


def hashed(value: str, key: bytes, normalize: Normalize = "none") -> str:
    """The digest that stands for a value; "" for one that is empty, or blank where blanks are cut."""
    text = normalized(value, normalize)
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex() if text else ""


def key_check(key: bytes) -> str:
    """Tells two keys apart in the record of a run, without giving anything of them away."""
    return hmac.digest(key, _KEY_CHECK, "sha256").hex()[:16]


class Hasher:
    """`hashed` under one key, each of the latest values once: an ID stands in an event twice, and in many events."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._kept: dict[tuple[str, Normalize], str] = {}

    def __call__(self, value: str, normalize: Normalize) -> str:
        found = self._kept.get((value, normalize))
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[value, normalize] = hashed(value, self._key, normalize)
        return found
