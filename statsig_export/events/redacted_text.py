"""JSON text without what a rule drops, and with digests in place of what it hashes. Pure.

An object in which a path names a key (of the keys as they are decoded) is written anew: without blanks, of duplicate
keys the last in the first place, each value that no path names byte for byte as it was. Any other object stays as it
is. A text that holds JSON is looked into only where a path goes on below it; where it begins like JSON and is none, as
text that was cut off, nobody can tell what it holds: it is dropped as a whole.
"""

import re
from functools import lru_cache
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
_QUOTE, _OBJECT, _LIST = b'"{['


def redacted(text: str, node: Node, rule: Rule, name: str) -> str:
    """A JSON object that is valid, under what the rule says of its members. Raises BadValueError where it is nested too
    deeply; `name` says in the detail where it stood.
    """
    if not node.goes_on and not node.spared:
        return _leaves_hashed(text, node, rule)
    redactor = _Redactor(rule, name)
    try:
        result = redactor.object(text.encode(), node, 0)
    except RecursionError:  # msgspec's, of what lies deeper still
        raise redactor.too_deep() from None
    return text if result is None else result.decode()


def redacted_string(text: str, node: Node, rule: Rule, name: str) -> str | None:
    """The same of a text; None where nothing of it stays."""
    redactor = _Redactor(rule, name)
    try:
        return redactor.string(text, node, 0)
    except RecursionError:
        raise redactor.too_deep() from None


class _Redactor:
    """JSON as bytes, since what stays is only moved."""

    def __init__(self, rule: Rule, name: str) -> None:
        self._rule = rule
        self._name = name

    def object(self, data: bytes, node: Node, level: int) -> bytes | None:
        """None where no path names a key of it: then it stays as it is."""
        self._check(level)
        named = False
        parts: list[bytes | msgspec.Raw] = []
        decided = node.decided
        for key, raw in _MEMBERS.decode(data).items():
            fate = decided.get(key) or node.of(key)
            if fate is Fate.STAYS:
                parts += (b",", _written(key), raw)
                continue
            named = True
            if isinstance(fate, Node):
                value = self._value(bytes(raw), fate, level)
                if value is not None:
                    parts += (b",", _written(key), value)
        if not named:
            return None
        return b"{" + b"".join(parts)[1:] + b"}"

    def string(self, text: str, node: Node, level: int) -> str | None:
        """A text that may hold JSON, decoded."""
        if node.hashing is not None:
            return self._rule.hash_value(text, node.hashing[1])
        inner = text.strip(_BLANKS)
        if inner[:1] in ("{", "[", '"'):
            data = inner.encode()
            if _is_json(data):
                changed = self._value(data, node, level)
                return text if changed == data else None if changed is None else changed.decode()
        return None if node.allow or inner[:1] in ("{", "[") else self._rule.applied(node.in_place, text)

    def _value(self, raw: bytes, node: Node, level: int) -> bytes | None:
        """The JSON of a value; None where it is dropped."""
        first = raw[0]
        if first == _QUOTE:
            return self._quoted(raw, node, level + 1)
        if first == _OBJECT and node.goes_on:
            changed = self.object(raw, node, level + 1)
            return raw if changed is None else changed
        if first == _LIST and node.goes_on:
            return self._list(raw, node, level + 1)
        if node.hashing is not None:
            return _leaves_hashed(raw.decode(), node, self._rule).encode()
        if node.allow:
            return None
        return raw if raw == b"null" else self._in_place(raw, node.in_place)

    def _in_place(self, raw: bytes, fate: Node | Fate) -> bytes | None:
        """The JSON of a number or a boolean that stands where an object should."""
        if isinstance(fate, Node):
            return _leaves_hashed(raw.decode(), fate, self._rule).encode()
        return None if fate is Fate.DROPPED else raw

    def _quoted(self, raw: bytes, node: Node, level: int) -> bytes | None:
        text = _STRING.decode(raw)
        result = self.string(text, node, level)
        return None if result is None else raw if result == text else quote(result).encode()

    def _list(self, raw: bytes, node: Node, level: int) -> bytes:
        self._check(level)
        before = [bytes(element) for element in _ELEMENTS.decode(raw)]
        after = [self._value(element, node, level) for element in before]
        return raw if after == before else b"[" + b",".join(value for value in after if value is not None) + b"]"

    def _check(self, level: int) -> None:
        if level > MOST_LEVELS:
            raise self.too_deep()

    def too_deep(self) -> BadValueError:
        return BadValueError(Fault(Reason.MALFORMED_JSON, f"{self._name} is nested too deeply"))


@lru_cache(maxsize=4_096)
def _written(key: str) -> bytes:
    """A key as it stands before its value."""
    return f"{quote(key)}:".encode()


def _is_json(data: bytes) -> bool:
    """By the rules for the JSON of rows: no half of a surrogate pair, no constant that is no number."""
    try:
        _ANY.decode(data)
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
