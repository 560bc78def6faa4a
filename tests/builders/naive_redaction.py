"""What [privacy] makes of an event, read from its documentation: parse, redact, dump. Slow, and without a shortcut."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

KEY = "a key of the tests, 32 bytes long"
EXPOSURE_KEYS = ("gate", "gateValue", "config", "ruleID", "experimentGroupName")
GONE = object()
STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')


class Number(NamedTuple):
    """A JSON number, equal to another by its text, and to no string."""

    literal: str


Pattern = tuple[str, ...]


def split(path: str) -> Pattern:
    """Each step as a regular expression."""
    return tuple(
        re.escape(re.sub(r"\\(.)", r"\1", found[1])) if found[1] is not None else found[2].replace("*", ".*")
        for found in STEP.finditer(path)
    )


def starts(pattern: Pattern, keys: Sequence[str]) -> bool:
    """Whether the first steps of the pattern are these keys, or all of it the first keys."""
    return all(re.fullmatch(step, key, re.DOTALL) for step, key in zip(pattern, keys, strict=False))


def names(pattern: Pattern, keys: Sequence[str]) -> bool:
    return len(pattern) == len(keys) and starts(pattern, keys)


def covers(pattern: Pattern, keys: Sequence[str]) -> bool:
    return len(pattern) <= len(keys) and starts(pattern, keys)


def leads_into(pattern: Pattern, keys: Sequence[str]) -> bool:
    return len(pattern) > len(keys) and starts(pattern, keys)


class Naive:
    """The rule of a `[privacy]` document."""

    def __init__(self, privacy: Mapping[str, Any]) -> None:
        def whole(path: str) -> Pattern:
            pattern = split(path)
            return ("user", *pattern) if pattern[0] == "userID" else pattern

        self.drop = [whole(path) for path in privacy.get("drop", ())]
        entries = [{"path": one} if isinstance(one, str) else one for one in privacy.get("hash", ())]
        self.hash = [(whole(one["path"]), one.get("normalize", "none")) for one in entries]
        keep = privacy.get("keep_user")
        named = [*privacy.get("drop", ()), *(one["path"] for one in entries), *(f"user.{one}" for one in keep or ())]
        steps = [[(found[1], found[2]) for found in STEP.finditer(path)] for path in named]
        self.literal_ids = [
            quoted or bare
            for quoted, bare in (path[2] for path in steps if len(path) == 3 and path[1][1] == "customIDs")
            if quoted or "*" not in bare
        ]
        self.keep = None if keep is None else [("user", *split(path)) for path in keep]

    def event(self, text: str) -> str:
        event = parsed(text)
        user = event["user"]
        found = user.get("customIDs") if isinstance(user, dict) else None
        if isinstance(found, str):
            found = parsed_or_none(found)
        ids = {"userID", "stableID", *self.literal_ids, *(found if isinstance(found, dict) else ())}
        one = _One(self, ids, exposure="unitID" in event)
        result = dict(event)
        for key in ("user", "statsigMetadata", "metadata"):
            value = one.member((key,), event[key])
            result[key] = {} if value is GONE else value
        value = one.member(("value",), event["value"])
        result["value"] = "" if value is GONE else value
        user_id = GONE if one.member(("user",), {}) is GONE else one.member(("user", "userID"), event["userID"])
        result["userID"] = "" if user_id is GONE else user_id
        return dumped(result)


class _One:
    """One event."""

    def __init__(self, rule: Naive, ids: set[str], *, exposure: bool) -> None:
        self.rule = rule
        self.exposure = exposure
        self.drop, self.hash = list(rule.drop), list(rule.hash)
        for name in sorted(ids):
            place = ("user", "userID") if name == "userID" else ("user", "customIDs", name)
            normalize = next((normalize for hashed, normalize in rule.hash if covers(hashed, place)), None)
            dropped = any(covers(one, place) for one in rule.drop)
            letters = [f"[{letter.lower()}{letter.upper()}]" for letter in name if letter not in "_-"]
            plain = re.fullmatch("[A-Za-z0-9_-]+", name)
            spelled = f"[_-]*{'[_-]*'.join(letters)}[_-]*" if plain else re.escape(name)
            for where in (("user",), ("user", "custom"), ("user", "customIDs"), ("metadata",), ("statsigMetadata",)):
                if dropped:
                    self.drop.append((*where, spelled))
                elif normalize is not None:
                    self.hash.append(((*where, spelled), normalize))

    def member(self, keys: tuple[str, ...], value: Any) -> Any:  # noqa: ANN401
        if self.exposure and keys[0] == "metadata" and len(keys) == 2 and keys[1] in EXPOSURE_KEYS:
            return value
        if any(names(pattern, keys) for pattern in self.drop):
            return GONE
        return self.value(keys, value)

    def value(self, keys: tuple[str, ...], value: Any) -> Any:  # noqa: ANN401
        limited = self.limited(keys)
        if limited and not any(leads_into(pattern, keys) for pattern in self.rule.keep or ()) and len(keys) > 1:
            return GONE
        hashed = next((normalize for pattern, normalize in self.hash if covers(pattern, keys)), None)
        match value:
            case dict():
                found = {key: self.member((*keys, key), inner) for key, inner in value.items()}
                return {key: inner for key, inner in found.items() if inner is not GONE}
            case list():
                found = [self.value(keys, inner) for inner in value]
                return [inner for inner in found if inner is not GONE]
            case _ if hashed is not None:
                return None if value is None else digest(value, hashed)
            case str():
                return self.text(keys, value, limited=limited)
            case _:
                return GONE if limited else self.in_place(keys, value)

    def text(self, keys: tuple[str, ...], value: str, *, limited: bool) -> Any:  # noqa: ANN401
        deeper = any(leads_into(pattern, keys) for pattern in (*self.drop, *(one for one, _ in self.hash)))
        inner = value.strip("\ufeff \t\r\n")
        if (deeper or limited) and inner[:1] in ("{", "[", '"') and inner:
            found = parsed_or_none(inner)
            if found is not None:
                changed = self.value(keys, found)
                return value if changed == found else GONE if changed is GONE else dumped(changed)
            if inner[0] in "{[":
                return GONE
        return GONE if limited else self.in_place(keys, value)

    def in_place(self, keys: tuple[str, ...], value: Any) -> Any:  # noqa: ANN401
        """A value where an object should be: all keys of it are named, so it is."""

        def all_of_it(pattern: Pattern) -> bool:
            return leads_into(pattern, keys) and all(step.strip(".*") == "" for step in pattern[len(keys) :])

        if value is None:
            return value
        if any(map(all_of_it, self.drop)):
            return GONE
        hashed = next((normalize for pattern, normalize in self.hash if all_of_it(pattern)), None)
        return value if hashed is None else digest(value, hashed)

    def limited(self, keys: tuple[str, ...]) -> bool:
        """Whether keep_user has not let it through as a whole."""
        return (
            self.rule.keep is not None
            and keys[0] == "user"
            and not any(covers(pattern, keys) for pattern in self.rule.keep)
        )


def digest(value: Any, normalize: str) -> str:  # noqa: ANN401
    match value:
        case bool():
            text = str(value).lower()
        case Number():
            text = positional(value.literal)
        case _:
            text = value
    text = {"none": str, "lower": str.lower, "trim_lower": lambda one: one.strip().lower()}[normalize](text)
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest() if text else ""


def positional(literal: str) -> str:
    number = f"{float(literal):.10f}".rstrip("0").rstrip(".") if {"e", "E", "."} & set(literal) else literal
    return "0" if number in ("-0", "0") else number


def parsed(text: str) -> Any:  # noqa: ANN401
    def refuse(_: str) -> None:
        raise ValueError

    found = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    json.dumps(found, ensure_ascii=False).encode()  # no half of a pair
    return found


def parsed_or_none(text: str) -> Any:  # noqa: ANN401
    try:
        return parsed(text)
    except (ValueError, RecursionError):
        return None


def dumped(value: Any) -> str:  # noqa: ANN401
    """Compact, the numbers as they were."""
    match value:
        case dict():
            return "{" + ",".join(f"{dumped(key)}:{dumped(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(dumped, value)) + "]"
        case Number():
            return value.literal
        case _:
            return json.dumps(value, ensure_ascii=False)
