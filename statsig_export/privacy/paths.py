r"""Paths into an event, in its own words: `user.custom.phone*`, `metadata."a.b"`. Pure.

A step is one level of the JSON. `*` in it stands for any characters of one key, also none; a step in double quotes is
taken literally (`\"` and `\\` are a quote and a backslash in it), so that keys with dots, stars and quotes can be
named. Keys are compared as they are decoded, letter by letter. Lists are no level: a step is looked for in each of
their elements.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Self

MOST_STEPS: Final = 32
_STEP: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^."]+)')
_ESCAPED: Final = re.compile(r"\\(.)")
_BETWEEN: Final = "[_-]*"
_LOOSE: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One level of a path."""

    name: str
    """As it is written, without quotes."""
    quoted: bool = False
    loose: bool = False
    """Whether the case of ASCII letters, "_" and "-" are left out of the comparison: userID is user_id then."""
    letters: str = field(init=False, repr=False, compare=False)
    """Those of the keys that it can match (`letters_of`); "" where they may be any."""

    def __post_init__(self) -> None:
        wild = not self.is_literal and not self.loose
        object.__setattr__(self, "letters", "" if wild else letters_of(self.name))

    @classmethod
    def spelled_anyhow(cls, name: str) -> Self:
        """The key of this name, in whatever case and with whatever dashes; exactly where it is no ASCII name."""
        return cls(name, quoted=True, loose=_LOOSE.fullmatch(name) is not None)

    @property
    def is_literal(self) -> bool:
        """Whether it stands for one key alone."""
        return not self.loose and (self.quoted or "*" not in self.name)

    @property
    def is_any(self) -> bool:
        """Whether it stands for every key there is."""
        return self.name == "*" and not self.quoted

    @property
    def expression(self) -> str | None:
        """The regular expression (of RE2, whose time is linear) for the whole key; None for a literal."""
        if self.loose:
            return f"{_BETWEEN}(?i:{_BETWEEN.join(self.letters)}){_BETWEEN}"
        return None if self.is_literal else ".*".join(re.escape(part) for part in self.name.split("*"))

    def matches(self, key: str) -> bool:
        if self.loose:
            return letters_of(key) == self.letters
        return key == self.name if self.is_literal else _fits(key, self.name.split("*"))

    def __str__(self) -> str:
        if not self.quoted:
            return self.name
        return '"' + self.name.replace("\\", "\\\\").replace('"', '\\"') + '"'


Path = tuple[Step, ...]


def _fits(key: str, parts: list[str]) -> bool:
    """Whether the key is these parts, in their order, with anything between them. Each part is taken where it stands
    first, so that no key of others takes long.
    """
    first, *middle, last = parts
    if len(key) < len(first) + len(last) or not (key.startswith(first) and key.endswith(last)):
        return False
    at, end = len(first), len(key) - len(last)
    for part in middle:
        found = key.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def letters_of(name: str) -> str:
    """What two spellings of one name have in common."""
    return name.replace("_", "").replace("-", "").lower()


def parse_path(text: str) -> Path:
    """The steps of a path. Raises ValueError, which says what is wrong with it."""
    steps: list[Step] = []
    at = 0
    while True:
        step = _STEP.match(text, at)
        if step is None:
            raise ValueError(_no_step(text, at))
        quoted: str | None = step[1]
        bare: str = step[2] or ""
        if bare != bare.strip():
            raise ValueError(f'"{text}": blanks around a name; write it in double quotes if a key really has them')
        if quoted is None:
            steps.append(Step(re.sub(r"\*+", "*", bare)))
        else:
            steps.append(Step(_ESCAPED.sub(r"\1", quoted), quoted=True))
        at = step.end()
        if at == len(text):
            break
        if text[at] != ".":
            raise ValueError(f'"{text}": a dot is expected after {text[:at]}')
        at += 1
    if len(steps) > MOST_STEPS:
        raise ValueError(f"a path has at most {MOST_STEPS} steps")
    return tuple(steps)


def _no_step(text: str, at: int) -> str:
    if text[at : at + 1] == '"':
        return f'"{text}": the quoted name at character {at + 1} does not end, or has a backslash before another letter'
    where = "at its end" if at == len(text) else f"at character {at + 1}"
    return f'"{text}": a name is missing {where}'


def written(path: Path) -> str:
    """The path as text that `parse_path` reads."""
    return ".".join(map(str, path))
