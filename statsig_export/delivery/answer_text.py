"""What may be kept of a text that others wrote: the webhook's answer, an exception's message.

Such a text can quote the URL, the key or an event in any spelling, so nothing is looked for and taken out. Instead only
words of a fixed list (answer_words.py) are kept, each in the list's own spelling (the first one may begin with a
capital), and integers that say a place in the request. Everything else becomes an ellipsis, several in a row one:

    user us_000001 is blocked                    user … is blocked
    Cannot POST /hooks/5f2a9c7e1b3d              Cannot POST …
    missing field statsigMetadata in row 3       missing field statsigMetadata in row 3

A secret or a value of an event can be made of such words too (`/user/event`, "payment failed"). So of these words are
left out as well: those that stand in a secret, those that are a whole value of the request, and several in a row that
stand so in the request.

The text that comes out has at most MOST_CHARACTERS, is one printable line, and comes out of here unchanged again: what
an older version stored is passed through when it is read.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from statsig_export.delivery.answer_words import FIELDS, POSITIONS, SPELLINGS, STATUS_LINES, WORDS

MOST_CHARACTERS: Final = 200
LEFT_OUT: Final = "…"

_TELLING = 4
"""So many letters and digits in a row are never shown of a secret, whatever stands between them."""
_MARKUP: Final = re.compile(
    r"<(script|style|template|svg)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)|<[a-z/!?][^<>]*>", re.IGNORECASE | re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_BLANKS: Final = dict.fromkeys("bfnrt", " ")
_PLACE: Final = re.compile(r"(?<!\w)(?:\$|[A-Za-z]+)\[([0-9]+)\]\.?|(?<![\w\]])\[([0-9]+)\]\.(?=[A-Za-z])")
"""An index as validators write it: `events[3]`, `$[3]`, `[3].timestamp`."""
_TOKEN: Final = re.compile(r"""(?:[^\s"'`(){}\[\]<>«»“”„]|(?<=[A-Za-z])'(?=[A-Za-z]))+""")
"""Cut at whitespace, quotes and brackets only: `a-b`, `a/b` and `a.b` are one token, and no word."""
_MARKS: Final = ".,:;!?"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,6}")
_OPAQUE: Final = re.compile(r"[^a-z0-9]")
_BETWEEN: Final = rb'(?:[^a-z0-9"\\]|\\[^u]|\\u[0-9a-f]{4}){1,8}'
"""What may stand between two words of one JSON string, in lower case."""
_BEFORE_NUMBER: Final = rb"[^a-z0-9]{1,8}"
"""The same before a number, which may also be the value of a key."""
_POSITIONS: Final = frozenset(word.lower() for word in POSITIONS)
_FIELDS: Final = frozenset(word.lower() for word in FIELDS)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word as it is shown, a number, or what is left out."""

    shown: str
    mark: str = ""
    """The punctuation behind it."""

    @property
    def key(self) -> str:
        return self.shown.lower()

    @property
    def is_number(self) -> bool:
        return self.shown.isdigit()

    @property
    def letters(self) -> str:
        """Its letters and digits, in lower case; none of what is left out."""
        return _OPAQUE.sub("", self.key)


_GAP: Final = _Piece(LEFT_OUT)


def excerpt(answer: bytes, body: bytes, secrets: Sequence[str]) -> str:
    """What may be kept of an answer to a request with this body; `secrets` are the texts that make a secret."""
    pieces = list(_read(answer.decode("utf-8", "replace")))
    out = _in_secrets(pieces, secrets)
    if any(piece is not _GAP for piece in pieces):
        out |= _in_request(pieces, body.lower())
    return _shown([_GAP if at in out else piece for at, piece in enumerate(pieces)])


def readable(text: str) -> str:
    """What may be kept of a text, where no request and no secret is known to compare it with."""
    return _shown(list(_read(text)))


def stored_reason(reason: str) -> str:
    """A reason as `delivery.explain` makes it: our own words as they are, the answer in it as `readable` leaves it."""
    status, colon, said = reason.partition(": ")
    if not colon or not re.fullmatch(r"HTTP [0-9]{1,3}", status):
        return reason
    kept = readable(said)
    return f"{status}: {kept}" if kept else status


def _read(text: str) -> Iterator[_Piece]:
    """The pieces of a text, as many as are shown at most. Of several left out in a row there is one."""
    text = html.unescape(_MARKUP.sub(" ", text)).replace("\u2019", "'")
    text = _PLACE.sub(_as_index, _ESCAPE.sub(_unescaped, text))
    tokens = list(_TOKEN.finditer(text))
    before, characters = None, 0
    for at, token in enumerate(tokens):
        bare = token[0].strip(_MARKS + "#")
        if not bare or not (LEFT_OUT in bare or any(character.isalnum() for character in bare)):
            continue  # nothing but punctuation
        end = tokens[at + 1].end() if at + 1 < len(tokens) else len(text)
        behind = text[token.start() + token[0].index(bare) + len(bare) : end]
        piece = _piece(bare, _mark_in(behind))
        if before is None and bare[0].isupper() and piece.shown.islower():
            piece = replace(piece, shown=piece.shown.capitalize())
        if piece is _GAP and before is _GAP:
            continue
        characters += len(piece.shown) + len(piece.mark) + 1
        if characters > MOST_CHARACTERS - 1:
            if before is not _GAP:
                yield _GAP
            return
        yield piece
        before = piece


def _piece(bare: str, mark: str) -> _Piece:
    if bare in WORDS:
        return _Piece(bare, mark)
    if bare.isascii() and bare.lower() in SPELLINGS:
        return _Piece(SPELLINGS[bare.lower()], mark)
    return _Piece(bare, mark) if _NUMBER.fullmatch(bare) else _GAP


def _mark_in(behind: str) -> str:
    """The first punctuation between a token and the next one's first letter."""
    for character in behind:
        if character in _MARKS:
            return character
        if character.isalnum() or character == LEFT_OUT:
            return ""
    return ""


def _as_index(place: re.Match[str]) -> str:
    root = place[0].partition("[")[0]
    return f"{root.replace('$', ' ')} index {place[1] or place[2]} "


def _unescaped(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return _BLANKS.get(escape[2], escape[2])


def _shown(pieces: Sequence[_Piece]) -> str:
    """The text; of numbers those behind a word of place, and those that begin a status line."""
    kept: list[_Piece] = []
    for at, piece in enumerate(pieces):
        following = pieces[at + 1].key if at + 1 < len(pieces) else ""
        keep = not piece.is_number or (kept and kept[-1].key in _POSITIONS) or _is_status_line(piece, following)
        if keep and piece is not _GAP:
            kept.append(piece)
        elif not kept or kept[-1] is not _GAP:
            kept.append(_GAP)
    return " ".join(piece.shown + piece.mark for piece in kept)


def _is_status_line(number: _Piece, following: str) -> bool:
    return STATUS_LINES.get(int(number.shown), "").lower() == following != ""


def _in_secrets(pieces: Sequence[_Piece], secrets: Sequence[str]) -> set[int]:
    """The pieces that are a whole part of a secret, and those that show as much of one as tells, over several too."""
    signs = [(at, sign) for at, piece in enumerate(pieces) for sign in (piece.letters or " ")]
    line = "".join(sign for _, sign in signs)
    out: set[int] = set()
    for secret in secrets:
        parts = set(_OPAQUE.split(secret.lower()))
        out.update(at for at, piece in enumerate(pieces) if len(piece.key) > 1 and piece.key in parts)
        whole = _OPAQUE.sub("", secret.lower())
        for start in range(len(line) - _TELLING + 1):
            if line[start : start + _TELLING] in whole:
                out.update(at for at, _ in signs[start : start + _TELLING])
    return out


def _in_request(pieces: Sequence[_Piece], body: bytes) -> set[int]:
    """The pieces that are a whole value of the request (its body in lower case), and pairs that stand so in a value."""
    out: set[int] = set()
    stands = cache(lambda pattern: re.search(pattern, body) is not None)  # an answer may say one thing many times
    keys = [b"" if piece is _GAP else piece.key.encode() for piece in pieces]
    found = [bool(key) and key in body for key in keys]
    for at, piece in enumerate(pieces):
        if not found[at]:
            continue
        if piece.is_number:
            if len(keys[at]) >= _TELLING and stands(rb"(?<![0-9])" + keys[at]):
                out.add(at)
        elif piece.key not in _FIELDS and stands(rb'"' + re.escape(keys[at]) + rb'"(?!\s*:)'):
            out.add(at)
        if at + 1 < len(pieces) and found[at + 1]:
            between = _BEFORE_NUMBER if pieces[at + 1].is_number else _BETWEEN
            pair = re.escape(keys[at]) + between + re.escape(keys[at + 1]) + rb"(?![a-z0-9])"
            if stands(pair):
                out |= {at, at + 1}
    return out
