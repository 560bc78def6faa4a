"""An S3 that is slow, answers errors and cuts connections: what the ledger names is whole, and nothing is lost."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from home import ExportHome
from rows import custom_event
from s3_server import S3Server, s3_server
from unreliable_s3 import (
    BROKEN,
    CUT_DOWNLOAD,
    CUT_UPLOAD,
    EMPTY_LISTING,
    NO_ANSWER,
    NONE,
    SLOW_DOWN,
    Asked,
    Fault,
    UnreliableS3,
    sometimes,
    unreliable,
)

from statsig_export.storage import opening
from statsig_export.testing.webhook.receiver import Receiver

DAY = ["--from", "2026-11-20", "--to", "2026-11-21"]


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnreliableS3]:
    """An empty bucket behind a proxy that passes everything on."""
    server.reset()
    server.client().create_bucket(Bucket="events")
    monkeypatch.setitem(opening._BOUNDED, "retries", {"max_attempts": 1})  # else botocore sleeps before the second
    with unreliable(server.url) as proxy:
        for name, value in server.environ(AWS_ENDPOINT_URL=proxy.url).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def home(s3: UnreliableS3, tmp_path: Path) -> Iterator[ExportHome]:  # noqa: ARG001  its variables are set
    with Receiver(strict_delivery=True) as receiver:
        made = ExportHome(tmp_path, receiver)
        made.environ["STORAGE"] = "s3://events/statsig"
        made.set("windows", lookback="1h")
        made.set("webhook", max_events=5)
        made.set("storage", url="env:STORAGE")
        made.write()
        made.add(custom_event(key) for key in range(1, 41))
        yield made


def run(home: ExportHome, *words: str) -> int:
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    result = home.verb(*words)
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


def first(kind: str, count: int, method: str = "") -> Fault:
    """The first requests of a method fare so."""
    left = [count]

    def fault(asked: Asked) -> str:
        wanted = asked.method == method if method != "LIST" else asked.lists
        if wanted and left[0] > 0 and (method == "LIST" or not asked.lists):
            left[0] -= 1
            return kind
        return NONE

    return fault


def stored(server: S3Server) -> dict[str, int]:
    listed = server.client().list_objects_v2(Bucket="events").get("Contents", [])
    return {each["Key"]: each["Size"] for each in listed if "/events/" in each["Key"]}


@pytest.mark.fault("F588")
@pytest.mark.parametrize(
    ("kind", "method"),
    [(SLOW_DOWN, "PUT"), (CUT_UPLOAD, "PUT"), (CUT_DOWNLOAD, "GET")],
)
def test_a_request_that_fails_once_is_asked_again_within_the_run(
    home: ExportHome, s3: UnreliableS3, server: S3Server, kind: str, method: str
):
    s3.fault = first(kind, 1, method)
    assert run(home, "run", *DAY) == 0
    assert s3.happened[kind] == 1
    assert len(home.receiver.events()) == 40 == home.account().forwarded
    assert run(home, "verify") == 0
    assert len(stored(server)) == 1


@pytest.mark.fault("F588")
@pytest.mark.parametrize("kind", [BROKEN, CUT_UPLOAD, NO_ANSWER])
def test_an_upload_that_never_succeeds_plans_nothing_and_the_next_run_does_all(
    home: ExportHome, s3: UnreliableS3, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    s3.fault = first(kind, 1_000, "PUT")
    assert run(home, "run", *DAY) == 5
    assert (home.account().events, home.receiver.events()) == (0, [])

    s3.fault = lambda _: NONE
    assert run(home, "run", *DAY) == 0
    assert len(home.receiver.events()) == 40
    assert run(home, "verify") == 0


@pytest.mark.fault("F588")
@pytest.mark.parametrize("kind", [BROKEN, CUT_DOWNLOAD])
def test_a_download_that_never_succeeds_leaves_its_partition_pending(
    home: ExportHome, s3: UnreliableS3, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    s3.fault = first(kind, 1_000, "GET")
    assert run(home, "run", *DAY) == 5
    assert (home.account().pending, home.receiver.events()) == (40, [])

    s3.fault = lambda _: NONE
    assert run(home, "ship") == 0
    assert len(home.receiver.events()) == 40


@pytest.mark.fault("F589")
def test_half_an_object_under_a_files_name_is_never_read_as_the_file(home: ExportHome, server: S3Server):
    """A store that keeps what it got of an upload that broke, or whose object was cut later."""
    home.environ["HOOK"] = "http://127.0.0.1:1/"
    run(home, "run", *DAY)
    ((key, size),) = stored(server).items()
    whole = server.client().get_object(Bucket="events", Key=key)["Body"].read()
    for half in (whole[: size // 2], whole[: size // 2] + bytes(size - size // 2)):
        server.client().put_object(Bucket="events", Key=key, Body=half)
        home.environ["HOOK"] = home.receiver.url
        assert run(home, "ship", "--now") == 5
        assert home.receiver.events() == []
    server.client().put_object(Bucket="events", Key=key, Body=whole)
    assert run(home, "ship", "--now") == 0
    assert len(home.receiver.events()) == 40


@pytest.mark.fault("F589")
def test_no_listing_is_believed_for_what_is_exported_sent_or_verified(home: ExportHome, s3: UnreliableS3):
    """A store whose listings lag behind: they name nothing."""
    s3.fault = first(EMPTY_LISTING, 1_000, "LIST")
    assert run(home, "run", *DAY) == 0
    home.add([custom_event(41)])
    assert run(home, "run", *DAY) == 0
    assert len(home.receiver.events()) == 41
    result = home.verb("verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)["differences"]) == (0, [])


@pytest.mark.acceptance
@pytest.mark.fault("F588")
def test_of_a_storage_that_fails_in_a_third_of_all_requests_nothing_is_lost(home: ExportHome, s3: UnreliableS3):
    s3.fault = sometimes(0.33, seed=7)
    for begin in range(100, 160, 20):
        home.add(custom_event(begin + key) for key in range(20))
        run(home, "run", *DAY)
        run(home, "ship", "--now")
    s3.fault = lambda _: NONE
    run(home, "run", *DAY)
    run(home, "ship", "--now")

    assert len({event["timeUUID"] for event in home.receiver.events()}) == 100 == home.account().forwarded
    assert len(home.receiver.events()) == 100  # each once: no request to the webhook was in doubt
    assert run(home, "verify") == 0
    assert s3.happened.total() - s3.happened[NONE] > 8
