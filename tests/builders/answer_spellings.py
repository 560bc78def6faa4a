"""The spellings in which a server can quote a text, and the sentences around it; all from a seed."""

import base64
import codecs
import html
import json
import quopri
import unicodedata
from collections.abc import Callable, Iterator
from random import Random
from urllib.parse import quote

Spelling = Callable[[str, Random], str]

_HOMOGLYPHS = str.maketrans(
    "aceiopxyABEHKMOPT",
    "\u0430\u0441\u0435\u0456\u043e\u0440\u0445\u0443\u0410\u0412\u0415\u041d\u041a\u041c\u041e\u0420\u0422",
)
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _percent(form: str, share: float) -> Spelling:
    return lambda text, random: "".join(form % byte if random.random() < share else chr(byte) for byte in text.encode())


def _entity(form: str, share: float) -> Spelling:
    return lambda text, random: "".join(form % ord(sign) if random.random() < share else sign for sign in text)


def _joined(between: str) -> Spelling:
    def spell(text: str, random: Random) -> str:
        at, parts = 0, []
        while at < len(text):
            step = random.randint(1, 6)
            parts.append(text[at : at + step])
            at += step
        return between.join(parts)

    return spell


def _cut(text: str, random: Random) -> str:
    length = random.randint(4, max(4, len(text)))
    start = random.randint(0, max(0, len(text) - length))
    return text[start : start + length]


def _double(text: str, _: Random) -> str:
    return quote(quote(text, safe=""), safe="")


def _mixed_case(text: str, random: Random) -> str:
    return "".join(random.choice((sign.upper(), sign.lower())) for sign in text)


SPELLINGS: dict[str, Spelling] = {
    "as it is": lambda text, _: text,
    "percent, lower": _percent("%%%02x", 1),
    "percent, upper": _percent("%%%02X", 1),
    "percent, some": _percent("%%%02x", 0.3),
    "percent, as a path": lambda text, _: quote(text),
    "percent, twice": _double,
    "entities, decimal": _entity("&#%d;", 1),
    "entities, hexadecimal": _entity("&#x%x;", 0.5),
    "entities, without an end": _entity("&#%d", 0.4),
    "entities, named": lambda text, _: html.escape(text).replace("/", "&sol;").replace("@", "&commat;"),
    "JSON escapes": _entity("\\u%04x", 1),
    "JSON escapes, some": _entity("\\u%04X", 0.3),
    "escaped slashes": lambda text, _: text.replace("/", "\\/"),
    "backslashes before all": lambda text, _: "".join(f"\\{sign}" for sign in text),
    "upper case": lambda text, _: text.upper(),
    "other case": lambda text, _: text.swapcase(),
    "mixed case": _mixed_case,
    "titles": lambda text, _: text.title(),
    "dot segments": lambda text, _: "/./x/.." + text.replace("/", "/./"),
    "double slashes": lambda text, _: text.replace("/", "//"),
    "cut": _cut,
    "first 18": lambda text, _: text[:18],
    "without what stands before a space": lambda text, _: text.rpartition(" ")[2],
    "base64": lambda text, _: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text, _: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text, _: base64.b32encode(text.encode()).decode(),
    "hexadecimal": lambda text, _: text.encode().hex(),
    "hexadecimal, apart": lambda text, _: text.encode().hex(" "),
    "decimal codes": lambda text, _: " ".join(str(code) for code in text.encode()),
    "rot13": lambda text, _: codecs.encode(text, "rot13"),
    "backwards": lambda text, _: text[::-1],
    "apart by spaces": _joined(" "),
    "letter by letter": lambda text, _: " ".join(text),
    "apart by zero-width spaces": _joined("\u200b"),
    "apart by zero-width joiners": _joined("\u200d"),
    "apart by soft hyphens": _joined("\u00ad"),
    "apart by newlines": _joined("\r\n"),
    "apart by tags": _joined("<b></b>"),
    "apart by comments": _joined("<!-- -->"),
    "apart by quotes": _joined('"'),
    "apart by NULs": _joined("\0"),
    "apart by escapes of a terminal": _joined("\x1b[31m"),
    "full width": lambda text, _: text.translate(_FULL_WIDTH),
    "taken apart": lambda text, _: unicodedata.normalize("NFKD", text),
    "look-alikes": lambda text, _: text.translate(_HOMOGLYPHS),
    "with accents": lambda text, _: "".join(f"{sign}\u0301" for sign in text),
    "quoted-printable": lambda text, _: quopri.encodestring(text.encode(), quotetabs=True).decode(),
    "escapes of Python": lambda text, _: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal escapes": lambda text, _: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "hyphens as underscores": lambda text, _: text.replace("-", "_").replace("/", "_"),
    "without hyphens and slashes": lambda text, _: text.replace("-", "").replace("/", ""),
    "hyphens as spaces": lambda text, _: text.replace("-", " ").replace("/", " ").replace("_", " "),
}

SENTENCES: tuple[Callable[[str], bytes], ...] = (
    lambda said: said.encode("utf-8", "surrogatepass"),
    lambda said: f"Cannot POST {said}".encode(),
    lambda said: f"the value {said} is not allowed in row 3".encode(),
    lambda said: f"unexpected {said}: invalid token at position 12".encode(),
    lambda said: f"row {said} index {said} limit {said}".encode(),
    lambda said: f"https://example.org/a?b={said}&c=1#{said}".encode(),
    lambda said: f"<html><head><title>400 Bad Request</title></head><body><h1>{said}</h1><p {said}></body>".encode(),
    lambda said: f"<script>var x = '{said}'</script><a href='{said}'>link</a> not found".encode(),
    lambda said: json.dumps({"error": {"message": f"bad {said}", "code": 400, said: said}}).encode(),
    lambda said: f'{{"detail":[{{"loc":["body",3,"{said}"],"msg":"{said}"}}]}}'.encode(),
    lambda said: b"\xff\xfe\x00\x01" + said.encode() + b"\xc3\x28 missing \x80",
    lambda said: f"bad {said} not found".encode("utf-16"),
    lambda said: f"bad {said} not found".encode("utf-16-be"),
    lambda said: f"forbidden: {said}".encode("latin-1", "replace"),
    lambda said: f"--- {said}\r\n+++ {said}\r\n".encode("utf-7", "replace"),
)


def answers_that_quote(text: str, random: Random) -> Iterator[tuple[str, int, bytes]]:
    """Every spelling in every sentence: its name, the number of the sentence, and the answer."""
    for name, spell in SPELLINGS.items():
        said = spell(text, random)
        for number, sentence in enumerate(SENTENCES):
            yield name, number, sentence(said)
