"""Paths of export.toml, checked: those that can never match are refused, with what was perhaps meant. Pure."""

import difflib
from typing import Final

from statsig_export.privacy.paths import Path, Step, parse_path, written
from statsig_export.privacy.rule import EXPOSURE_KEYS, USER_ID

_ROOTS: Final = ("user", "userID", "value", "metadata", "statsigMetadata")
_NEEDED: Final = ("eventName", "timestamp", "time", "timeUUID", "unitID")
_KNOWN: Final = {
    "user": (
        *(USER_ID, "email", "ip", "userAgent", "country", "locale", "appVersion", "custom", "customIDs"),
        *("statsigEnvironment", "name"),
    ),
    "user.customIDs": ("stableID", "companyID", "deviceID"),
    "statsigMetadata": ("sdkType", "sdkVersion", "stableID", "sessionID", "deviceModel", "deviceOS", "userAgent"),
}
"""What Statsig's SDKs call the members."""
_NEVER_SENT: Final = frozenset({"privateAttributes", "secondaryExposures"})
_NEAR: Final = 0.8


def event_path(text: str) -> Path:
    """A path of `drop` or `hash`, from the event on: `userID` is `user.userID`. Raises ValueError."""
    path = parse_path(text)
    first, *others = path
    if first.name in _NEEDED:
        raise ValueError(f"{text}: every event needs {first.name}; it can be neither dropped nor hashed")
    if first.name not in _ROOTS or "*" in first.name:
        raise ValueError(f"{text}: an event has no {first.name}{_meant_root(path)}; paths begin with {_list(_ROOTS)}")
    if first.name == USER_ID:
        path = (Step("user"), *path)
    _refuse_inside_the_id(text, path)
    _refuse_never_sent(text, path)
    if others:
        _refuse_misspelled(text, first.name, path[1:])
    if first.name == "metadata" and len(path) == 2 and path[1].is_literal and path[1].name in EXPOSURE_KEYS:  # noqa: PLR2004
        raise ValueError(f"{text}: it says what an exposure is of, and can be neither dropped nor hashed")
    return path


def user_path(text: str) -> Path:
    """A path of `keep_user`, from the event on. Raises ValueError."""
    path = parse_path(text)
    if path[0].name == "user" and not path[0].quoted and len(path) > 1:
        raise ValueError(f"{text}: paths of keep_user begin inside the user (did you mean {written(path[1:])}?)")
    _refuse_never_sent(text, path)
    _refuse_misspelled(text, "", path)
    path = (Step("user"), *path)
    _refuse_inside_the_id(text, path)
    return path


def _refuse_inside_the_id(text: str, path: Path) -> None:
    if path[:2] == (Step("user"), Step(USER_ID)) and len(path) > 2:  # noqa: PLR2004  below userID
        raise ValueError(f"{text}: userID is one text, nothing lies in it")


def _refuse_never_sent(text: str, path: Path) -> None:
    for step in path:
        if step.name in _NEVER_SENT:
            raise ValueError(f"{text}: {step.name} never leaves in any case")


def _refuse_misspelled(text: str, root: str, below: Path) -> None:
    """A key that Statsig spells otherwise would let through what it was written for. `root` is "" inside the user."""
    step, *others = below
    known = _KNOWN.get(root or "user", ())
    if step.quoted or not step.is_literal or step.name in known:
        return
    near = _near(step.name, known)
    if near:
        above = [Step(root)] if root else []
        meant = written((*above, Step(near), *others))
        exactly = written((*above, Step(step.name, quoted=True), *others))
        raise ValueError(f"{text}: did you mean {meant}? If a row really has {step.name}, write {exactly}")


def _meant_root(path: Path) -> str:
    first, *others = path
    root = _near(first.name, _ROOTS)
    if root:
        return f" (did you mean {written((Step(root), *others))}?)"
    for place, known in _KNOWN.items():
        key = _near(first.name, known)
        if key:
            return f" (did you mean {place}.{written((Step(key), *others))}?)"
    return ""


def _near(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that it resembles: but for case and dashes, or by most of its letters."""
    plain = {_plain(one): one for one in known}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=_NEAR)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
