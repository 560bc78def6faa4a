"""Answers that quote the request, over a real socket, and whatever is stored and shown of them."""

import http.client
import json
import logging
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest
from answer_spellings import SENTENCES, SPELLINGS
from click.testing import CliRunner
from home import ExportHome
from rows import custom_event
from verbs import run_python, run_verbs

from statsig_export.cli.options import cli
from statsig_export.cli.tracebacks import traceback_of
from statsig_export.delivery.rules import Failure, Reply
from statsig_export.errors import DestinationError, LedgerError
from statsig_export.lineage.frames import failed_rows
from statsig_export.settings import AuthSettings
from statsig_export.shipping.destination import Destination
from statsig_export.shipping.http_records import quiet_records
from statsig_export.shipping.status import halted_reason, status
from statsig_export.shipping.webhook import Webhook
from statsig_export.testing.webhook.faults import Rule, answer
from statsig_export.testing.webhook.receiver import Receiver

PATH = "/hooks/zqvxw%2fkjwqz-missing-xvqk"
QUERY = "k=qzj7x&sig=vwxqkz93"
KEY = "Bearer qkxzv/wjq+vxkz=="
EMAIL = "zquentin.xvkaz@example.org"
SAID = "zxqvk jwqkz vzkxq"
IP = "203.0.113.77"
SECRETS = (PATH, QUERY, KEY)
DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]


@pytest.fixture
def quoted_home(tmp_path: Path) -> Iterator[ExportHome]:
    """A home whose URL and key are as people have them, and events with personal data."""
    with Receiver(path=PATH) as receiver:
        urls = (f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/ledger.db")
        home = ExportHome(tmp_path, receiver, *urls, environ={"KEY": KEY})
        home.environ["HOOK"] = f"{receiver.url}?{QUERY}"
        home.set("webhook", auth={"method": "token", "secret": "env:KEY", "header": "Authorization"}, max_events=1)
        home.write()
        yield home


def event(key: int) -> dict[str, object]:
    return custom_event(key, "page_view", user={"email": EMAIL, "ip": IP}, metadata={"said": SAID}, user_id=EMAIL)


def quotations() -> list[tuple[str, str]]:
    """A quoted text in some spelling, and the answer it stands in."""
    random = Random(11)  # noqa: S311  chance that repeats
    texts = (PATH, f"{PATH}?{QUERY}", "qzj7x", KEY, KEY.removeprefix("Bearer "), EMAIL, SAID, IP)
    found = []
    for number, (text, spell) in enumerate((text, spell) for spell in SPELLINGS.values() for text in texts):
        said = spell(text, random)
        found.append((said, SENTENCES[number % len(SENTENCES)](said).decode("utf-8", "replace")))
    return [found[0], *random.sample(found[1:], 149)]


QUOTABLE = (
    *("zqvxw%2fkjwqz", "kjwqz-missing-xvqk", "k=qzj7x", "sig=vwxqkz93", "qkxzv/wjq+vxkz=="),
    *(EMAIL, SAID, IP),
)


def traces_of(text: str) -> list[str]:
    """What shows of the secrets and of the payload: five characters in a row are enough, but not those of a word."""
    lower = text.lower()
    parts = {whole[at : at + 5] for whole in QUOTABLE for at in range(len(whole) - 4)}
    return sorted(part for part in parts if part in lower and part not in "missing@example.org")


def all_files_of_the_ledger(folder: Path) -> bytes:
    files = sorted(folder.glob("ledger.db*"))
    return b"".join(file.read_bytes() for file in files if file.is_file())


@pytest.mark.fault("F85", "F86")
def test_of_answers_that_quote_the_request_in_any_spelling_nothing_is_stored_or_shown(quoted_home: ExportHome):
    home, quoted = quoted_home, quotations()
    home.add(event(key) for key in range(1, len(quoted) + 1))
    statuses = [200, 400, 201, 422]
    home.receiver.play(
        [
            Rule(requests=[number], actions=[answer(statuses[number % 4], said)])
            for number, (_, said) in enumerate(quoted, 1)
        ]
    )
    options = ["--debug", "--config", str(home.folder / "export.toml")]
    home.export()
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger:
        ledger.execute("SELECT * FROM meta").fetchall()  # an open connection keeps the WAL
        printed = run_verbs([[*options, "ship"]], home.environ)
        assert (home.folder / "ledger.db-wal").stat().st_size > 0
        reasons = [reason for (reason,) in ledger.execute("SELECT reason FROM attempts ORDER BY id")]
        stored = all_files_of_the_ledger(home.folder).decode("latin-1")
    ids = [str(uuid) for uuid in failed_rows(home.config)["time_uuid"][:3]]
    verbs = [["status", "--failed"], ["status", "--json", "--failed"], ["verify"], *(["trace", uuid] for uuid in ids)]
    printed += run_verbs([[*options, *verb] for verb in verbs], home.environ)

    assert len(reasons) >= len(quoted)  # those that are rejected alone are tried once more
    for name, text in {
        "the ledger": stored,
        "what is printed": without_events(printed),
        "reasons": repr(reasons),
    }.items():
        assert not traces_of(text), name
        for said, _ in quoted:
            assert len(said) < 8 or said.isascii() is False or said not in text, name
    assert any(reason == "HTTP 400: the value … is not allowed in row 3" for reason in reasons)
    assert "HTTP 422: Cannot POST …" in reasons


def without_events(printed: str) -> str:
    """`trace` shows the event it was asked for, as its last line: that is what it is for."""
    return "\n".join(line for line in printed.splitlines() if not line.startswith('{"eventName"'))


@pytest.mark.fault("F85")
def test_the_refusal_of_a_set_up_is_told_without_the_url_that_the_server_repeats(quoted_home: ExportHome):
    home = quoted_home
    wire_path = PATH.replace("%2f", "%2F")
    page = f"<html><body><pre>Cannot POST {wire_path}?{QUERY}</pre> {KEY} {json.dumps(PATH)[1:-1]}</body></html>"
    home.receiver.play([Rule(actions=[answer(404, page)])])
    home.add([event(1)])
    home.export()
    options = ["--debug", "--config", str(home.folder / "export.toml")]
    verbs = [["ship"], ["ship", "--json"], ["status"], ["status", "--json"], ["resume"], ["test-event"]]
    printed = run_verbs([[*options, *verb] for verb in [*verbs, ["test-event", "--json"]]], home.environ)

    assert not traces_of(printed)
    assert "HTTP 404: Cannot POST …" in printed
    assert "Traceback" in printed


@pytest.mark.fault("F87")
def test_what_an_older_version_stored_of_an_answer_is_shown_without_the_secret(quoted_home: ExportHome):
    home = quoted_home
    home.receiver.play([Rule(actions=[answer(401, "no")]), Rule(actions=[answer(400, "no")])])
    home.add([event(1), event(2)])
    home.export()
    options = ["--config", str(home.folder / "export.toml")]
    with pytest.raises(DestinationError):
        home.ship()
    old = f"HTTP 401: Cannot POST {PATH.replace('%2f', '%2F')} for {EMAIL}"
    with closing(sqlite3.connect(home.folder / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE attempts SET reason = ?", [old])
        ledger.execute("UPDATE batches SET reason = ?", [old])
        ledger.execute("UPDATE batches SET state = 'failed', outcome = 'rejected' WHERE id = 1")
        ledger.execute("UPDATE destinations SET halted_reason = ?", [old])
    (uuid,) = failed_rows(home.config)["time_uuid"]
    verbs = [["ship"], ["status", "--failed"], ["status", "--json", "--failed"], ["trace", str(uuid)]]
    outputs = [CliRunner().invoke(cli, [*options, *verb], env=home.environ).output for verb in verbs]
    printed = without_events("".join(outputs))
    told = [printed, repr(halted_reason(home.config)), repr(status(home.config)), failed_rows(home.config).to_csv()]

    for text in told:
        assert not traces_of(text)
        assert "HTTP 401: Cannot POST … for …" in re.sub(r"[\s│]+", " ", text)


@contextmanager
def a_server_that_says(reply: bytes) -> Iterator[str]:
    """A URL where each connection gets these bytes for its first request."""

    def serve(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}{PATH}?{QUERY}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def post(url: str, **options: object) -> Reply | Failure:
    auth = AuthSettings(method="token", secret="env:KEY", header="Authorization")
    plain = {"auth": auth, "secret": KEY, "timeout": 2.0, "compression": "none"}
    webhook = Webhook(
        Destination(url=url, **{**plain, **options}),  # type: ignore[arg-type]
        clock=time.time,
        monotonic=time.monotonic,
    )
    try:
        return webhook.post(json.dumps([{"value": EMAIL}]).encode(), "ab" * 32, 1)
    finally:
        webhook.close()


@pytest.mark.fault("F88")
def test_a_header_that_cannot_be_parsed_is_not_logged_with_the_url_and_what_follows_it(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # which clickhouse-connect turns down where it is imported
    header = f"bad line\r\nLocation: {PATH}\r\nSet-Cookie: {EMAIL}\r\n\r\n"
    with a_server_that_says(b"HTTP/1.1 400 Bad Request\r\n" + header.encode() + b"not found") as url:
        said = post(url)

    assert isinstance(said, Reply)
    assert not traces_of(caplog.text + repr(said))
    assert 'POST [secret] HTTP/1.1" 400' in caplog.text
    assert "Failed to parse" not in caplog.text


@pytest.mark.fault("F88")
def test_the_debugging_print_of_the_standard_library_shows_no_request(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with a_server_that_says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as url:
        post(url)

    out, err = capfd.readouterr()
    assert not traces_of(out + err)
    assert "send:" not in out


@pytest.mark.fault("F88")
def test_of_the_libraries_records_none_passes_but_a_status_while_a_webhook_is_in_use(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # which clickhouse-connect turns down where it is imported
    connections, late = logging.getLogger("urllib3.connectionpool"), logging.getLogger("urllib3.util.retry")
    ends = [quiet_records(), quiet_records()]  # two webhooks at once
    connections.debug('%s://%s:%s "%s %s %s" %s %s', "https", "host", 443, "POST", PATH, "HTTP/1.1", 503, 12)
    connections.warning("Connection pool is full, discarding connection: %s", PATH)
    connections.debug(f"an f-string of {PATH}")
    late.debug("Converted retries value: %r", PATH)
    logging.getLogger("requests").error(PATH)
    logging.getLogger("elsewhere").info("this is none of ours")
    ends.pop(0)()
    connections.warning("%s", PATH)
    ends.pop(0)()
    connections.warning("after the end")

    assert [record.getMessage() for record in caplog.records] == [
        'POST [secret] HTTP/1.1" 503',
        "this is none of ours",
        "after the end",
    ]


@pytest.mark.fault("F89")
def test_a_traceback_shows_every_frame_and_of_the_messages_of_others_no_secret():
    def broken() -> None:
        try:
            try:
                raise OSError(f"no route to {PATH}, connection refused")  # noqa: TRY301  it is the frame that counts
            except OSError as error:
                raise ValueError(f"bad {KEY} {EMAIL}") from error
        except ValueError:
            raise LedgerError("the ledger cannot be used (ValueError)", hint="check it") from None

    with pytest.raises(LedgerError) as caught:
        broken()
    text = traceback_of(caught.value)

    assert not traces_of(text)
    assert text.count("Traceback (most recent call last)") == 3
    assert text.count("in broken") == 3
    assert "OSError: no route to … connection refused" in text
    assert "ValueError: bad bearer …" in text
    assert "LedgerError: the ledger cannot be used (ValueError). check it" in text


@pytest.mark.fault("F89")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:zqv/kjwqz@127.0.0.1:1/ledger",
        "postgresql://ada:zqv@kjwqz@127.0.0.1:1/ledger",
        "postgresql://ada:zqvkjwqz@127.0.0.1:1/ledger?kjwqz=zqvkjwqz",
        "postgresql://127.0.0.1:1/ledger?user=ada&password=zqvkjwqz",
        "postgresql://ada:zqv#kjwqz@127.0.0.1:1/ledger",
        "postgresql://ada:zqvkjwqz@127.0.0.1:port/ledger",
    ],
)
def test_no_part_of_a_ledgers_password_shows_even_where_the_url_is_cut_at_the_wrong_place(
    quoted_home: ExportHome, url: str
):
    options = ["--debug", "--config", str(quoted_home.folder / "export.toml")]
    environ = {**quoted_home.environ, "LEDGER": url}
    printed = "".join(CliRunner().invoke(cli, [*options, verb], env=environ).output for verb in ("ship", "status"))

    assert printed.count("\nstatsig-export: ") == 2
    assert "Traceback" in printed
    assert "zqv" not in printed
    assert "kjwqz" not in printed


@pytest.mark.fault("F89")
def test_an_error_that_nobody_caught_is_told_without_what_others_say_in_it(quoted_home: ExportHome):
    broken = """
import sys, statsig_export.cli, statsig_export.cli.verb_options as options
def explode(_): raise RuntimeError("no route to " + said)
options.load_config = explode
said, sys.argv = sys.argv[1], ["statsig-export", "--debug", "status"]
statsig_export.cli.main()
"""
    printed = run_python(broken, quoted_home.environ, PATH).stderr

    assert "RuntimeError: no route to …" in printed
    assert not traces_of(printed)
