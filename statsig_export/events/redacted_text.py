"""JSON text without what a rule drops, and with digests in place of what it hashes. Pure.

An object in which a path names a key (of the keys as they are decoded) is written anew: without blanks, of duplicate
keys the last in the first place, each value that no path names byte for byte as it was. Any other object stays as it
is. A text that holds JSON is looked into only where a path goes on below it; where it begins like JSON and is none, as
text that was cut off, nobody can tell what it holds: it is dropped as a whole.
"""

import re
from typing import Final

import msgspec

from statsig_export.events.faults import BadValueError, Fault
from statsig_export.events.json_text import quote
from statsig_export.events.json_values import number_text
from statsig_export.layouts.reasons import Reason
from statsig_export.privacy.rule import Fate, Node, Rule

MOST_LEVELS: Final = 100
"""So many objects, lists and texts inside each other are gone into; what lies deeper makes the row a failed one."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_STRING: Final = msgspec.json.Decoder(str)
_ANY: Final = msgspec.json.Decoder(msgspec.Raw)
_VALUE: Final = re.compile(
    r'(?P<key>"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t\r\n]*:)|"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9][0-9.eE+-]*|true|false',
    re.DOTALL,
)
"""A key with its colon, or a value that can be hashed."""
_BLANKS: Final = "\ufeff \t\r\n"


def redacted(text: str, node: Node, rule: Rule, name: str) -> str:
    """A JSON object that is valid, under what the rule says of its members. Raises BadValueError where it is nested too
    deeply; `name` says in the detail where it stood.
    """
    looked_into = node.goes_on or node.spared
    return _Redactor(rule, name).object(text, node, 0) if looked_into else _leaves_hashed(text, node, rule)


def redacted_string(text: str, node: Node, rule: Rule, name: str) -> str | None:
    """The same of a text; None where nothing of it stays."""
    return _Redactor(rule, name).string(text, node, 0)


class _Redactor:
    def __init__(self, rule: Rule, name: str) -> None:
        self._rule = rule
        self._name = name

    def object(self, text: str, node: Node, level: int) -> str:
        self._check(level)
        members = _MEMBERS.decode(text)
        fates = [node.of(key) for key in members]
        if all(fate is Fate.STAYS for fate in fates):
            return text
        parts = []
        for (key, raw), fate in zip(members.items(), fates, strict=True):
            value = self._value(str(raw, "utf-8"), fate, level)
            if value is not None:
                parts.append(f"{quote(key)}:{value}")
        return "{" + ",".join(parts) + "}"

    def string(self, text: str, node: Node, level: int) -> str | None:
        """A text that may hold JSON, decoded."""
        if node.hashing is not None:
            return self._rule.hash_value(text, node.hashing[1])
        inner = text.strip(_BLANKS)
        if inner[:1] in ("{", "[", '"') and _is_json(inner):
            changed = self._value(inner, node, level)
            return text if changed == inner else changed
        return None if node.allow or inner[:1] in ("{", "[") else text

    def _value(self, raw: str, fate: Node | Fate, level: int) -> str | None:
        """The JSON text of a value; None where it is dropped."""
        if isinstance(fate, Fate):
            return raw if fate is Fate.STAYS else None
        match raw[0]:
            case '"':
                return self._quoted(raw, fate, level + 1)
            case "{" if fate.goes_on:
                return self.object(raw, fate, level + 1)
            case "[" if fate.goes_on:
                return self._list(raw, fate, level + 1)
            case _ if fate.hashing is not None:
                return _leaves_hashed(raw, fate, self._rule)
            case _:
                return None if fate.allow else raw

    def _quoted(self, raw: str, node: Node, level: int) -> str | None:
        text = _STRING.decode(raw)
        result = self.string(text, node, level)
        return None if result is None else raw if result == text else quote(result)

    def _list(self, raw: str, node: Node, level: int) -> str:
        self._check(level)
        before = [str(element, "utf-8") for element in _ELEMENTS.decode(raw)]
        after = [self._value(element, node, level) for element in before]
        return raw if after == before else f"[{','.join(value for value in after if value is not None)}]"

    def _check(self, level: int) -> None:
        if level > MOST_LEVELS:
            raise BadValueError(Fault(Reason.MALFORMED_JSON, f"{self._name} is nested too deeply"))


def _is_json(text: str) -> bool:
    """By the rules for the JSON of rows: no half of a surrogate pair, no constant that is no number."""
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _leaves_hashed(text: str, node: Node, rule: Rule) -> str:
    """JSON text with a digest in place of each of its strings, numbers and booleans; null says nothing, and stays."""
    assert node.hashing is not None  # noqa: S101  the callers'
    normalize = node.hashing[1]

    def replace(token: re.Match[str]) -> str:
        return token[0] if token["key"] else f'"{rule.hash_value(_text_of(token[0]), normalize)}"'

    return _VALUE.sub(replace, text)


def _text_of(value: str) -> str:
    """What is hashed of a value: a string's text; a number as events write it, so that 7, 7.0 and "7" are one ID."""
    if value[0] == '"':
        return _STRING.decode(value)
    if value in ("true", "false"):
        return value
    try:
        return number_text(value, "")
    except BadValueError:
        return value
