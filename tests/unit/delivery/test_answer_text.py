"""What is kept of an answer: enough to understand it, and nothing of a secret or of an event in any spelling."""

import itertools
import json
import re
from random import Random

import pytest
from answer_spellings import SENTENCES, answers_that_quote
from hypothesis import example, given
from hypothesis import strategies as st

from statsig_export.delivery.answer_text import LEFT_OUT, MOST_CHARACTERS, excerpt, readable, stored_reason
from statsig_export.delivery.answer_words import SPELLINGS, STATUS_LINES, WORDS

EVENT = {
    "eventName": "page_view",
    "user": {"userID": "us_000001", "email": "ada.lovelace@example.org", "ip": "203.0.113.77"},
    "userID": "us_000001",
    "timestamp": 1_795_000_000_000,
    "statsigMetadata": {},
    "value": "payment failed for my account",
    "metadata": {
        "phone": "5551234567",
        "said": "I cannot access the server",
        "state": "blocked",
        "row": "7",
        "size": 42,
    },
    "timeUUID": "0b1f6f0e-3c6b-4b53-9c1a-2f0b6f6b0c55",
}
BODY = json.dumps([EVENT], separators=(",", ":")).encode()
NGINX = (
    "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n<body>\r\n<center><h1>400 Bad"
    " Request</h1></center>\r\n<center>No required SSL certificate was sent</center>\r\n<hr><center>nginx/1.25</center>"
)
CLOUDFLARE = (
    "<!DOCTYPE html><!--[if lt IE 7]> <html class='no-js ie6'> <![endif]--><head><title>Attention Required! |"
    " Cloudflare</title><style>body{margin:0;padding:0}</style><script>window._cf = {opt: 'x'}</script></head><body><h1"
    " data-translate='block_headline'>Sorry, you have been blocked</h1><h2>You are unable to access</h2>"
    "<span>Ray ID: <strong>8f1a2b3c</strong></span> <span>Your IP: 198.51.100.7</span>"
)


@pytest.mark.fault("F85")
@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("user us_000001 is locked", "user … is locked"),
        ("Cannot POST /hooks/tok%2f5f2a9c7e1b3d", "Cannot POST …"),
        ("missing field statsigMetadata in row 3", "missing field statsigMetadata in row 3"),
        (NGINX, "… no required SSL certificate was sent 400 bad request no required SSL certificate was sent …"),
        (CLOUDFLARE, "… required! Cloudflare sorry, you have been … you are unable to access … ID: … your IP: …"),
        ("<html><body><pre>Cannot POST /hooks/5f2a</pre></body></html>", "Cannot POST …"),
        (
            '{"detail":[{"loc":["body",3,"timestamp"],"msg":"value is not an integer","type":"type_error.integer"}]}',
            "detail: loc: body, 3, timestamp, msg: value is not an integer, type: type_error.integer",
        ),
        ('{"message":"Missing Authentication Token"}', "message: missing authentication token"),
        ('{"message":"Forbidden"}', "message: forbidden"),
        (
            '{"code":"InvalidSignature","message":"Signature does not match, check the secret"}',
            "code: InvalidSignature, message: signature does not match, check the secret",
        ),
        ("invalid character 'x' looking for beginning of value", "invalid character … looking for beginning of value"),
        (
            "json: cannot unmarshal string into Go value of type int64",
            "JSON: cannot unmarshal string into go value of type int64",
        ),
        ("Expecting ',' delimiter: line 1 column 5 (char 4)", "Expecting, delimiter: line 1 column 5 char 4"),
        ("Unexpected token } in JSON at position 123", "Unexpected token in JSON at position 123"),
        ("[3].timestamp: must be number", "index 3 timestamp: must be number"),
        ("$[3].user is required", "index 3 user is required"),
        ("events[3].value should be string", "events index 3 value should be string"),
        ('{"status":400,"error":"Bad Request","path":"/hooks/5f"}', "status: 400, error: bad request, path: …"),
        ("upstream request timeout", "upstream request timeout"),
        ("no healthy upstream", "no healthy upstream"),
        ("more than 1000 events, limit 1000", "more than 1000 events, limit 1000"),
        ("the &#64; isn&#39;t allowed", "the isn't allowed"),
        ("ok", "ok"),
        ("", ""),
        ("\r\n \t", ""),
    ],
)
def test_of_an_answer_the_words_are_kept_that_say_what_is_wrong(answer: str, kept: str):
    said = excerpt(answer.encode(), BODY, ("/hooks/tok%2f5f2a9c7e1b3d", "s3cr3t"))

    assert said.lower() == kept.lower()


@pytest.mark.fault("F85")
@pytest.mark.parametrize(
    "answer",
    ["42", "user 42", "pin 1234", "call 5551234567", "row 12345678", "row 007", "row 1.5", "row -3", "row ٣", "40 row"],
)
def test_a_number_is_kept_only_where_it_says_a_place(answer: str):
    assert not re.search(r"\d", excerpt(answer.encode(), BODY, ()))


@pytest.mark.fault("F86")
@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("user is blocked", "user is …"),
        ("state: BLOCKED", "State: …"),
        ("cannot read payment failed here", "cannot read … here"),
        ("Payment\r\n<b>Failed</b> at row 3", "… at row 3"),
        ("I cannot access the server", "…"),
        ("size: 42, size: 43", "… size: 43"),
        ("row 5551, row 5552", "row … row 5552"),
        ("row 7, row 8", "… row 8"),
        ("userID and statsigMetadata", "userID and statsigMetadata"),
    ],
)
def test_words_that_stand_so_in_the_request_are_left_out(answer: str, kept: str):
    said = excerpt(answer.encode(), BODY, ())

    assert said.lower().replace(",", "") == kept.lower().replace(",", "")


@pytest.mark.fault("F86")
def test_a_value_that_a_json_text_spells_with_escapes_is_left_out_as_any_other():
    body = json.dumps([{"value": 'so:\npayment\tfailed "account locked"', "metadata": {"said": "gr\u00fcn and red"}}])

    for quoted in ("payment failed", "account locked", "failed account"):
        assert excerpt(quoted.encode(), body.encode(), ()) == LEFT_OUT


@pytest.mark.fault("F85")
@pytest.mark.parametrize(
    "secret",
    ["missing-field-value", "/user/event", "Bearer invalid_token", "refused", "a token is not a secret"],
)
def test_words_that_a_secret_is_made_of_are_left_out(secret: str):
    answer = "refused: a missing field value, user event, invalid token: is not a secret, invalid_token"
    kept = excerpt(answer.encode(), b"[]", (secret,))

    words = [word for word in re.split("[^a-z]+", secret.lower()) if len(word) >= 4]
    assert not set(words) & set(re.split("[^a-z]+", kept.lower()))
    assert len(kept.replace(LEFT_OUT, "").split()) >= 3


def random_secrets(random: Random) -> list[str]:
    """Paths, tokens and keys as vendors make them, and as people do."""
    hexadecimal = "".join(random.choices("0123456789abcdef", k=32))
    letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=40))
    words = random.sample(sorted(word for word in WORDS if word.isalpha() and len(word) > 3), 4)
    digits = "".join(random.choices("0123456789", k=24))
    return [
        f"/hooks/{hexadecimal[:16]}/{letters[:12]}",
        f"{hexadecimal[:8]}-{hexadecimal[8:12]}-{hexadecimal[12:16]}-{hexadecimal[16:]}",
        letters,
        f"Bearer {letters[20:]}",
        "-".join(words),
        f"/{words[0]}/{words[1]}?key={words[2]}&sig={letters[:9]}",
        f"{letters[:6]}@#!{letters[6:12]}",
        digits,
    ]


@pytest.mark.fault("F85")
@pytest.mark.parametrize("seed", range(3))
def test_no_spelling_of_a_secret_shows_four_characters_of_it(seed: int):
    random = Random(seed)  # noqa: S311  chance that repeats
    for secret in random_secrets(random):
        opaque = re.sub("[^a-z0-9]", "", secret.lower())
        for name, _, answer in answers_that_quote(secret, random):
            for run in excerpt(answer, b"[]", (secret,)).split(LEFT_OUT):
                shown = re.sub("[^a-z0-9]", "", run.lower())
                assert not [at for at in range(len(shown) - 3) if shown[at : at + 4] in opaque], (secret, name, run)


@pytest.mark.fault("F86")
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    "value", [value for value in json.dumps(EVENT).split('"') if len(value) > 6 and ":" not in value]
)
def test_no_spelling_of_a_value_shows_anything_but_words_of_the_list(value: str, seed: int):
    random = Random(seed)  # noqa: S311  chance that repeats
    pairs = {tuple(pair) for pair in zip(value.lower().split(), value.lower().split()[1:], strict=False)}
    for name, number, answer in answers_that_quote(value, random):
        kept = excerpt(answer, BODY, ())
        shown = [word.strip(".,:;!?") for word in kept.split()]
        assert all(word == LEFT_OUT or word.lower() in SPELLINGS or is_a_number(word) for word in shown), (name, kept)
        if value not in EVENT:  # the name of a field is no value
            ours = excerpt(SENTENCES[number](""), BODY, ()).lower().split()
            told = pairs & set(zip(kept.lower().split(), kept.lower().split()[1:], strict=False))
            assert not told - set(itertools.pairwise(ours)), (name, kept)


def is_a_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 7


ODD = ["row", "3", "1234567", "x_y", "\u2026", "400", "Bad", "\n", ". ,", "[3].user", "&amp;"]
ANSWERS = st.one_of(
    st.text(max_size=300), st.lists(st.one_of(st.sampled_from(ODD), st.sampled_from(sorted(WORDS)))).map(" ".join)
)


@given(ANSWERS)
@example("400")
@example("row 3 4")
@example("…row … 3")
@example("&lt;b&gt; \\u003cscript\\u003e row 3")
@example("a" * 300)
@example("limit " * 80)
def test_what_is_kept_is_one_printable_short_line_and_is_kept_whole_when_it_is_read_again(text: str):
    kept = readable(text)

    assert readable(kept) == kept
    assert len(kept) <= MOST_CHARACTERS
    assert kept.isprintable()
    assert kept.strip() == kept


@given(st.binary(max_size=400), st.binary(max_size=60))
def test_any_bytes_can_be_an_answer(answer: bytes, body: bytes):
    kept = excerpt(answer, body, ("/hooks/5f2a9c7e1b3d",))

    assert readable(kept) == kept


@pytest.mark.fault("F87")
@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("HTTP 503", "HTTP 503"),
        ("HTTP 404: Cannot POST /hooks/tok%2f5f2a9c7e1b3d", "HTTP 404: Cannot POST …"),
        ("HTTP 400: user us_000001 is locked", "HTTP 400: user … is locked"),
        ('HTTP 400: {"error":   [31m"no"}', "HTTP 400: error: … no"),
        ("HTTP 200: (an answer that repeats the request)", "HTTP 200: an answer that repeats the request"),
        ("HTTP 200: \n", "HTTP 200"),
        ("no connection (ConnectionRefusedError)", "no connection (ConnectionRefusedError)"),
        ("no whole answer within 30 s", "no whole answer within 30 s"),
        ("the shipper died while the request was under way", "the shipper died while the request was under way"),
        ("only an interim answer, HTTP 103", "only an interim answer, HTTP 103"),
    ],
)
def test_of_a_stored_reason_our_own_words_stay_and_the_answer_in_it_is_read_again(stored: str, shown: str):
    assert stored_reason(stored) == shown
    assert stored_reason(stored_reason(stored)) == stored_reason(stored)


@pytest.mark.parametrize("hostile", ["<script", "<a", "<!--", "&#", "\\u", "a[", "'a", "$[1", "a ", "\u2026"])
def test_an_answer_of_nothing_but_beginnings_is_read_to_its_end(hostile: str):
    """A scan from each of them to the end would take minutes."""
    body = b"5f2a9c7e is not a " * 60_000
    kept = excerpt(b"forbidden: " + (hostile * 9_000).encode()[:16_384], body, ("/hooks/5f2a9c7e1b3d",))

    assert kept.startswith("forbidden:")
    assert readable(kept) == kept


def test_every_word_of_the_list_is_kept_as_the_list_spells_it():
    assert all(excerpt(f"- {word}".encode(), b"[]", ()).lower() == word.lower() for word in WORDS)
    assert all(word.isascii() and word.isprintable() and not word.isdigit() and " " not in word for word in WORDS)
    assert {word.lower() for word in STATUS_LINES.values()} <= set(SPELLINGS)
    assert not {word for word in WORDS if len(word) == 1} - {"a"}
