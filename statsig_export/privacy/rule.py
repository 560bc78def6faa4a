"""The rule as a tree: what becomes of a member, found by its keys from the event downwards. Pure.

Of several paths that name a member, the first that applies: `drop`; `keep_user`, which drops what it does not name;
`hash`, and of several hashes the one that stands first. Whatever lies below a dropped member is dropped with it, and of
a hashed object or list every value is hashed.

An ID that is dropped or hashed (`userID`, or a custom ID) is so under its name in `user`, `user.custom`,
`user.customIDs`, `statsigMetadata` and `metadata`, however the name is spelled (`user_id`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Literal

from statsig_export.privacy.hashing import Hasher, Normalize, key_check
from statsig_export.privacy.kept import Kept
from statsig_export.privacy.paths import Path, Step, letters_of, written

Action = Literal["drop", "hash", "keep_user"]

USER_ID: Final = "userID"
CUSTOM_IDS: Final = "customIDs"
STABLE_ID: Final = "stableID"
EXPOSURE_KEYS: Final = frozenset({"gate", "gateValue", "config", "ruleID", "experimentGroupName"})
"""The members of an exposure's metadata that say what it is of: no rule takes them from an exposure."""
_CUSTOM_ID: Final = ("user", CUSTOM_IDS)
_PLACES_OF_IDS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "user": ((), ("custom",), (CUSTOM_IDS,)),
    "metadata": ((),),
    "statsigMetadata": ((),),
}
"""Where in the event's own members an ID may stand under its name."""
_MOST_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class RulePath:
    """One entry of the rule; the path begins at the event (`userID` is `user.userID`)."""

    path: Path
    action: Action
    normalize: Normalize = "none"
    origin: str = ""
    """As it is written in export.toml."""


class Fate(Enum):
    """What becomes of a member about which there is nothing more to find out."""

    STAYS = "stays"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class _Live:
    """What is left of a path below the members that have matched so far."""

    steps: Path
    rule: RulePath
    order: int


@dataclass(slots=True)
class Node:
    """What the rule says of the members of one object, or of the value that stands in its place."""

    live: tuple[_Live, ...] = ()
    """The paths that go on from here."""
    allow: bool = False
    """Whether what no path of keep_user names is dropped."""
    hashing: tuple[int, Normalize] | None = None
    """Which hash it is that a member above asked for, by its order: every value below is hashed."""
    spared: frozenset[str] = frozenset()
    """Keys that stay as they are."""
    matched: set[str] = field(default_factory=set)
    """The paths, as they are written, that have matched a member: shared by the whole tree."""
    decided: "dict[str, Node | Fate]" = field(default_factory=dict)
    """What `of` has said of the keys so far."""
    _leaves: "dict[object, Node]" = field(default_factory=dict)
    """The nodes below that no path goes on from: there are few kinds of them, and perhaps many keys."""
    _in_place: "Node | Fate | None" = None
    _named: "Mapping[str, list[_Live]] | None" = None
    """The paths whose next step is a name, by its letters; under "" the others."""

    @property
    def goes_on(self) -> bool:
        """Whether what lies inside has to be looked at."""
        return self.allow or bool(self.live)

    def of(self, key: str) -> "Node | Fate":
        """What becomes of the member with this key; a node where it depends on what lies inside, or is hashed."""
        found = self.decided.get(key)
        if found is None:
            if len(self.decided) >= _MOST_KEYS:
                self.decided.clear()
            found = self.decided[key] = self._decide(key)
        return found

    @property
    def in_place(self) -> "Node | Fate":
        """What becomes of a value that stands where an object should: `user.customIDs.*` names all that customIDs has,
        so also a text that it is itself, or that stands in a list there. A leaf, or a fate.
        """
        if self._in_place is None:
            all_of_it = [live for live in self.live if all(step.is_any for step in live.steps)]
            dropped = any(live.rule.action == "drop" for live in all_of_it)
            hashes = [(live.order, live.rule.normalize) for live in all_of_it if live.rule.action == "hash"]
            whole = Node((), hashing=min(hashes), matched=self.matched) if hashes else Fate.STAYS
            self._in_place = Fate.DROPPED if dropped else whole
            if all_of_it:
                self.matched.update(live.rule.origin for live in all_of_it if live.rule.action != "keep_user")
        return self._in_place

    def _hit(self, key: str) -> list[_Live]:
        """The paths whose next step is this key, in their order: there may be as many as a user has IDs."""
        if self._named is None:
            named = defaultdict(list)
            for live in self.live:
                named[live.steps[0].letters].append(live)
            self._named = named
        near = [*self._named.get(letters_of(key), ()), *self._named.get("", ())]
        return sorted((live for live in near if live.steps[0].matches(key)), key=lambda live: live.order)

    def _decide(self, key: str) -> "Node | Fate":
        if key in self.spared:
            return Fate.STAYS
        hit = self._hit(key)
        ended = [live for live in hit if len(live.steps) == 1]
        self.matched.update(live.rule.origin for live in ended)
        if any(live.rule.action == "drop" for live in ended):
            return Fate.DROPPED
        kept = any(live.rule.action == "keep_user" for live in ended)
        if self.allow and not kept and not any(live.rule.action == "keep_user" for live in hit):
            return Fate.DROPPED
        hashes = [(live.order, live.rule.normalize) for live in ended if live.rule.action == "hash"]
        hashing = min([*hashes, *([self.hashing] if self.hashing else [])], default=None)
        goes_on = tuple(_Live(live.steps[1:], live.rule, live.order) for live in hit if len(live.steps) > 1)
        if kept:
            goes_on = tuple(live for live in goes_on if live.rule.action != "keep_user")
        allow = self.allow and not kept
        if not goes_on and hashing is None and not allow:
            return Fate.STAYS
        if goes_on:
            return Node(goes_on, allow, hashing, matched=self.matched)
        return self._leaves.setdefault((allow, hashing), Node((), allow, hashing, matched=self.matched))


class Rule:
    """A rule, with the key under which it hashes. `repr` shows neither the key nor anything made of it."""

    def __init__(self, paths: Sequence[RulePath], key: bytes | None, *, limits_user: bool = False) -> None:
        """`key` may be None where nothing is hashed. `limits_user`: whether there is a keep_user, be it empty."""
        self.paths = tuple(paths)
        self.limits_user = limits_user
        self.matched: set[str] = set()
        """The paths, as they are written, that have matched a member of some event so far."""
        self.key_check = None if key is None else key_check(key)
        """Names the key in the record of a run."""
        self.users: Kept[Any] = Kept()
        """What was made of the users that were met last: they have many events."""
        self._hash = Hasher(key or b"")
        self._live = tuple(_Live(entry.path, entry, order) for order, entry in enumerate(self.paths))
        self._ids = Node(tuple(live for live in self._live if live.rule.action != "keep_user"))
        self.names_custom_ids = _below(self._ids, "user", CUSTOM_IDS) is not Fate.STAYS
        """Whether it may drop or hash custom IDs: then which of them a user has matters elsewhere in its events."""
        self._known_ids = frozenset((USER_ID, STABLE_ID)) | {
            entry.path[2].name for entry in self.paths if _names_a_custom_id(entry.path)
        }
        self._roots: dict[tuple[str, frozenset[str], bool], Node | Fate] = {}

    def __repr__(self) -> str:
        return f"Rule({', '.join(f'{entry.action} {written(entry.path)}' for entry in self.paths)})"

    @property
    def unmatched(self) -> list[str]:
        """The paths, as they are written, that have matched nothing so far."""
        origins = dict.fromkeys(entry.origin for entry in self.paths if entry.origin)
        return [origin for origin in origins if origin not in self.matched]

    def hash_value(self, value: str, normalize: Normalize) -> str:
        """The digest that stands for a value (hashing.hashed)."""
        return self._hash(value, normalize)

    def stored_id(self, unit_type: str, value: str) -> str | None:
        """What events hold in place of an ID of this type (`userID`, `stableID`, a custom ID's name): the same where no
        path names it, its digest where one hashes it, None where it is dropped. `userID` is also the column `user_id`.
        """
        return self.applied(_below(self.root("user"), *_place_of(unit_type)), value)

    def applied(self, fate: "Node | Fate", value: str) -> str | None:
        """What stands for a text of this fate; None where it is dropped."""
        if isinstance(fate, Node):
            return self.hash_value(value, fate.hashing[1]) if fate.hashing else None if fate.allow else value
        return None if fate is Fate.DROPPED else value

    def user_id_fate(self, ids: Iterable[str]) -> "Node | Fate":
        """What becomes of the event's `userID`, and of the column `user_id`, whose user has these custom IDs."""
        return _below(self.root("user", ids), USER_ID)

    def moved_ids(self, custom_ids: Iterable[str]) -> frozenset[str]:
        """Those of a user's custom IDs that are dropped or hashed, and so wherever else they stand."""
        return frozenset(name for name in custom_ids if _moves(_below(self._ids, "user", CUSTOM_IDS, name)))

    def root(self, key: str, ids: Iterable[str] = (), *, of_exposure: bool = False) -> Node | Fate:
        """What becomes of a member of the event itself (`user`, `metadata`, `statsigMetadata`, `value`), whose user has
        these custom IDs.
        """
        asked = (key, frozenset(ids), of_exposure)
        found = self._roots.get(asked)
        if found is None:
            if len(self._roots) >= _MOST_KEYS:
                self._roots.clear()
            found = self._roots[asked] = self._root(*asked)
        return found

    def _root(self, key: str, ids: frozenset[str], of_exposure: bool) -> Node | Fate:  # noqa: FBT001  private
        found = Node((*self._live, *self._ids_elsewhere(key, ids)), matched=self.matched).of(key)
        if found is Fate.DROPPED:
            return found
        node = found if isinstance(found, Node) else Node(matched=self.matched)
        node.allow = self.limits_user and key == "user"
        node.spared = EXPOSURE_KEYS if of_exposure and key == "metadata" else frozenset()
        return node if node.goes_on or node.hashing else Fate.STAYS

    def _ids_elsewhere(self, key: str, ids: frozenset[str]) -> Iterator[_Live]:
        """The IDs that are dropped or hashed, wherever else they may stand."""
        for name in sorted(self._known_ids | ids) if key in _PLACES_OF_IDS else ():
            fate = _below(self._ids, "user", *_place_of(name))
            if _moves(fate):
                hashing = fate.hashing if isinstance(fate, Node) else None
                action: Action = "drop" if hashing is None else "hash"
                for place in _PLACES_OF_IDS[key]:
                    path = (*map(Step, (key, *place)), Step.spelled_anyhow(name))
                    yield _Live(path, RulePath(path, action, hashing[1] if hashing else "none"), len(self.paths))


def _moves(fate: Node | Fate) -> bool:
    """Whether a value of this fate is dropped or hashed."""
    return fate.hashing is not None if isinstance(fate, Node) else fate is Fate.DROPPED


def _place_of(unit_type: str) -> tuple[str, ...]:
    """Where an ID stands in the user."""
    return (USER_ID,) if unit_type == USER_ID else (CUSTOM_IDS, unit_type)


def _names_a_custom_id(path: Path) -> bool:
    return (
        len(path) == len(_CUSTOM_ID) + 1
        and path[-1].is_literal
        and tuple(step.name for step in path[:-1]) == _CUSTOM_ID
    )


def _below(fate: Node | Fate, *keys: str) -> Node | Fate:
    for key in keys:
        if isinstance(fate, Fate):
            return fate
        fate = fate.of(key)
    return fate
