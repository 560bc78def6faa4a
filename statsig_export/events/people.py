"""People who are forgotten: nobody is known here by name. Pure, and light to import.

A person is the digest of an id, under a key of the ledger.
"""

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

USER: Final = "userid"
"""The unit type whose ids have a column of their own."""


def plain(unit_type: str) -> str:
    """A unit type as it is compared: `companyID`, `company_id` and `companyid` are one."""
    return unit_type.replace("_", "").lower()


def digest(key: bytes, unit_type: str, identity: str) -> str:
    """What is kept of the id of a person: 64 hex digits. `unit_type` as `plain` writes it."""
    return hmac.digest(key, f"{unit_type}\0{identity}".encode("utf-8", "surrogatepass"), "sha256").hex()


Stored = Callable[[str, str], str | None]
"""A unit type's name and an id -> what events hold in its place (privacy.rule.Rule.stored_id)."""


def as_it_is(_: str, identity: str) -> str:
    """Where nothing is hashed."""
    return identity


@dataclass(frozen=True, slots=True)
class Forgotten:
    """People who are forgotten. Holds some 120 bytes each."""

    key: bytes = b""
    digests: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Unit type, as `plain` writes it -> the digests of its ids."""
    latest: int = 0
    """Which was the last to be remembered: another number, other people."""
    stored: Stored = field(default=as_it_is, compare=False)
    """For ids of the source. Several may be one in events: `Ada` and `ada`, where they are hashed in lower case."""

    def __bool__(self) -> bool:
        return any(self.digests.values())

    def has(self, unit_type: str, identity: str, name: str = "") -> bool:
        """Whether this is one of them, by itself or by what events hold in its place; `name` is the unit type as events
        write it. Takes about a microsecond.
        """
        ids = self.digests.get(unit_type)
        if ids is None:
            return False
        if digest(self.key, unit_type, identity) in ids:
            return True
        stored = self.stored(name or unit_type, identity)
        return stored not in {None, identity} and digest(self.key, unit_type, str(stored)) in ids

    @property
    def by_other_units(self) -> bool:
        """Whether some are known by an id of another unit than the user."""
        return any(ids for unit_type, ids in self.digests.items() if unit_type != USER)


NOBODY: Final = Forgotten()
