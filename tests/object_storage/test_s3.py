"""Partition files in an S3 over HTTP: the whole way of an event, and every way in which the storage refuses."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import fsspec
import pytest
from click.testing import Result
from home import ExportHome
from rows import custom_event
from s3_server import S3Server, answering_errors, credentials, s3_server
from sqlalchemy import create_engine

import statsig_export
from statsig_export.errors import StorageError
from statsig_export.shipping.status import ledger_id
from statsig_export.storage import opening as storage_opening
from statsig_export.storage.storage import Storage
from statsig_export.testing.webhook.faults import Action, Rule
from statsig_export.testing.webhook.receiver import Receiver

DAY, NEXT = "2026-11-20", "2026-11-21"
DAYS = ["--from", DAY, "--to", "2026-11-22"]
SECRET = "wJalrXUtnFEMI-K7MDENG"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(server: S3Server) -> S3Server:
    """The server with an empty bucket `events`, open to all."""
    server.reset()
    server.client().create_bucket(Bucket="events")
    return server


class OnS3(ExportHome):
    """A source of two days, and a storage that the environment names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.environ["STORAGE"] = "s3://events/statsig"
        self.set("windows", lookback="1h")
        self.set("webhook", max_events=5)
        self.set("storage", url="env:STORAGE")
        self.write()
        self.add(_row(key, 20 + key % 2) for key in range(1, 41))

    def say(self, *words: str, code: int | None = None, **environ: str) -> Result:
        """A verb; with its exit code as it should be, which is told in one line where it is an error."""
        fsspec.get_filesystem_class("s3").clear_instance_cache()  # it keeps the credentials that it has found
        result = self.verb(*words, **environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert SECRET not in result.output
        if code is not None:
            assert (result.exit_code, len(result.stderr.splitlines())) == (code, 1 if code > 1 else 0), result.output
        return result

    def pending(self) -> int:
        return int(json.loads(self.say("status", "--json").stdout)["account"]["pending"])


def _row(key: int, day: int) -> dict[str, object]:
    moment = datetime(2026, 11, day, 12, 0, key)
    return custom_event(key, timestamp=moment, ingested_at=moment)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[OnS3]:
    with Receiver(strict_delivery=True) as receiver:
        yield OnS3(tmp_path, receiver)


def keys(s3: S3Server) -> list[str]:
    """Of the partition files; the receipts are beside them."""
    found = s3.client().list_objects_v2(Bucket="events").get("Contents", [])
    return [item["Key"] for item in found if "/receipts/" not in item["Key"]]


@pytest.mark.fault("F105", "F184")
def test_run_ship_verify_replay_read_and_prune_work_on_a_bucket(
    home: OnS3, s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    aws = s3.environ(AWS_SESSION_TOKEN=SECRET)  # a client of S3 logs it with every request that it signs
    assert json.loads(home.say("run", *DAYS, "--json", code=0, **aws).stdout)["sent"] == 40
    assert home.say("verify", "--debug", code=None, **aws).exit_code == 0
    for name, value in {**home.environ, **aws}.items():
        monkeypatch.setenv(name, value)
    assert len(statsig_export.read_events(statsig_export.load_config(home.config_path))) == 40
    assert home.say("replay", *DAYS, **aws).exit_code == 0
    assert json.loads(home.say("ship", "--json", code=0, **aws).stdout)["sent"] == 0
    time_uuid = home.receiver.events()[0]["timeUUID"]
    assert home.say("trace", time_uuid, **aws).exit_code == 0
    before = set(keys(s3))
    assert len(before) == 2

    told = json.loads(home.say("forget", "--user-id", "user-3", "--json", code=0, **aws).stdout)
    assert (told["events"], told["removed_files"], told["unnamed_files"]) == (1, 1, 0)
    assert (len(keys(s3)), len(before & set(keys(s3)))) == (2, 1)
    assert home.say("verify", **aws).exit_code == 0

    pruned = json.loads(home.say("prune", "--before", "2026-11-22", "--json", code=0, **aws).stdout)
    assert (len(pruned["pruned"]), pruned["files"]) == (2, 2)
    assert keys(s3) == []
    assert len(home.receiver.events()) == 80


@pytest.mark.fault("F100", "F101", "F105")
def test_an_object_that_is_gone_sets_its_partition_aside_and_is_written_again(home: OnS3, s3: S3Server):
    aws = s3.environ()
    home.say("run", *DAYS, HOOK="http://127.0.0.1:1/", **aws)
    (lost,) = [key for key in keys(s3) if DAY in key]
    whole = s3.client().get_object(Bucket="events", Key=lost)["Body"].read()
    s3.client().delete_object(Bucket="events", Key=lost)
    for batch in (1, 2):
        make_due(home)
        said = home.say("ship", code=5, **aws).stderr
        assert "is gone" in said
        assert Path(lost).name in said, batch
    assert home.pending() == 20
    assert home.say("verify", "--repair", **aws).exit_code == 0
    assert s3.client().get_object(Bucket="events", Key=lost)["Body"].read() == whole
    make_due(home)
    home.say("ship", code=0, **aws)
    assert home.pending() == 0


@pytest.mark.fault("F147")
def test_a_prefix_that_may_not_be_written_keeps_no_other_file_from_being_written_again(home: OnS3, s3: S3Server):
    home.say("run", *DAYS, **s3.environ())
    lost = keys(s3)
    for key in lost:
        s3.client().delete_object(Bucket="events", Key=key)
    writes = [f"arn:aws:s3:::events/*window={DAY}/*"]
    allowed = [("s3:ListBucket", "*"), ("s3:GetObject", "*"), ("s3:PutObject", writes)]
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
    key, secret = s3.user({"Version": "2012-10-17", "Statement": statements})
    s3.ask_for_credentials()
    said = home.say("verify", "--repair", **s3.environ(key, secret))
    s3.let_in_all()

    assert keys(s3) == [name for name in lost if DAY in name]
    assert said.exit_code == 1
    assert "cannot be written again there (AccessDenied)" in said.stdout


def make_due(home: OnS3) -> None:
    engine = create_engine(home.environ["LEDGER"])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE batches SET due_ms = 0")
        connection.exec_driver_sql("UPDATE destinations SET breaker_openings = 0, probe_ms = NULL")
    engine.dispose()


REFUSALS = {
    "unknown key": (credentials("AKIAUNKNOWN", SECRET), "InvalidAccessKeyId", "credentials"),
    "no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "NoCredentialsError", "credentials"),
    "unknown profile": ({"AWS_PROFILE": "nobody"}, "ProfileNotFound", "AWS_PROFILE"),
    "missing bucket": ({"STORAGE": "s3://another/statsig"}, "NoSuchBucket", "create the bucket"),
}


@pytest.mark.fault("F105")
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_the_storage_refuses_is_one_line_that_names_it_and_nothing_is_taken_for_gone(
    home: OnS3, s3: S3Server, refusal: str
):
    change, said, to_do = REFUSALS[refusal]
    aws = s3.environ()
    home.say("run", *DAYS, HOOK="http://127.0.0.1:1/", **aws)
    make_due(home)
    if refusal == "unknown key":
        s3.ask_for_credentials()
    for words in (["ship"], ["run", *DAYS], ["verify"], ["prune", "--before", "2026-11-22", "--orphans"]):
        line = home.say(*words, code=5, **{**aws, **change}).stderr
        assert said in line, words
        assert to_do in line
        assert "gone" not in line
    s3.let_in_all()
    assert home.pending() == 40
    assert len(keys(s3)) == 2
    home.say("ship", code=0, **aws)


@pytest.mark.fault("F105")
def test_a_user_who_may_not_write_is_told_so_and_nothing_is_planned(home: OnS3, s3: S3Server):
    statement = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    key, secret = s3.user({"Version": "2012-10-17", "Statement": [statement]})
    s3.ask_for_credentials()
    line = home.say("run", *DAYS, code=5, **s3.environ(key, secret)).stderr

    assert "AccessDenied" in line
    assert "s3://events/statsig" in line
    assert secret not in line
    assert home.pending() == 0
    assert [path for path in home.folder.iterdir() if path.suffix == ".parquet"] == []


@pytest.mark.fault("F105")
@pytest.mark.parametrize(
    ("status", "code", "to_do"),
    [
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "SignatureDoesNotMatch", "credentials"),
        (400, "ExpiredToken", "credentials"),
        (400, "AuthorizationHeaderMalformed", "region"),
        (503, "SlowDown", "try again"),
        (500, "InternalError", "try again"),
    ],
)
def test_each_error_of_the_service_is_named_by_its_code_with_what_to_do(
    home: OnS3, monkeypatch: pytest.MonkeyPatch, status: int, code: str, to_do: str
):
    # The client below waits up to 20 s before its second try, s3fs asks for it five times; s3fs's own tries stay.
    monkeypatch.setitem(storage_opening._BOUNDED, "retries", {"max_attempts": 0})
    with answering_errors(status, code) as url:
        aws = {**credentials("AKIA", SECRET), "AWS_ENDPOINT_URL": url}
        line = home.say("run", *DAYS, code=5, **aws).stderr

    assert code in line
    assert to_do in line
    assert "of a secret" not in line


@pytest.mark.fault("F105")
def test_a_dead_endpoint_is_named_by_host_and_port_alone_and_given_up_in_time(home: OnS3):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    aws = {**credentials("AKIA", SECRET), "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    line = home.say("run", *DAYS, code=5, **aws).stderr

    assert f"EndpointConnectionError, endpoint 127.0.0.1:{port}" in line
    assert "AWS_ENDPOINT_URL" in line


@pytest.mark.fault("F105")
@pytest.mark.parametrize("url", [f"http://user:{SECRET}@127.0.0.1:1/?key={SECRET}", f"no url {SECRET}"])
def test_an_endpoint_that_is_none_is_one_line_without_what_it_holds(home: OnS3, url: str):
    home.say("run", *DAYS, code=5, **{**credentials("AKIA", SECRET), "AWS_ENDPOINT_URL": url})


@pytest.mark.fault("F106")
def test_a_server_that_dies_while_its_files_are_shipped_loses_nothing(home: OnS3):
    with s3_server() as mortal:
        mortal.client().create_bucket(Bucket="events")
        aws = mortal.environ()
        home.say("run", *DAYS, HOOK="http://127.0.0.1:1/", **aws)
        make_due(home)
        home.receiver.play([Rule(actions=[Action(delay=0.3)])])
        command = [sys.executable, "-m", "statsig_export", "--config", str(home.config_path), "ship", "--json"]
        with subprocess.Popen(
            command,
            env={**os.environ, **home.environ, **aws},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as shipper:
            while not home.receiver.connections:
                assert shipper.poll() is None
            mortal.stop()
            out, err = shipper.communicate(timeout=100)

    assert shipper.returncode in {0, 5}  # 0 where all was read before it died
    assert "Traceback" not in err
    sent = json.loads(out)["sent"]
    assert sent == len(home.receiver.events()) > 0
    assert home.pending() == 40 - sent


@pytest.mark.fault("F105")
@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [("s3://b/x", "s3fs", "s3"), ("gs://b/x", "gcsfs", "gcs"), ("abfs://c@a.dfs.core.windows.net/x", "adlfs", "azure")],
)
def test_without_its_package_a_storage_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str, extra: str
):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, url.partition(":")[0], raising=False)
    with pytest.raises(StorageError, match=rf"pip install 'statsig-export\[{extra}\]'"):
        Storage(url)


@pytest.mark.fault("F105")
def test_google_without_credentials_is_one_line(home: OnS3):
    with answering_errors(401, "Unauthorized") as url:
        nowhere = {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json", "NO_GCE_CHECK": "true"}
        line = home.say("run", *DAYS, code=5, STORAGE="gs://b/x", STORAGE_EMULATOR_HOST=url, **nowhere).stderr

    assert "gs://b/x" in line
    assert "docs/storage.md" in line


@pytest.mark.fault("F105")
def test_azure_without_an_account_or_with_a_wrong_key_is_one_line(home: OnS3):
    missing = home.say("run", *DAYS, code=5, STORAGE="abfs://container/x").stderr
    with answering_errors(403, "AuthenticationFailed") as url:
        account = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint={url}/a;"
        aws = {"AZURE_STORAGE_CONNECTION_STRING": account}
        refused = home.say("run", *DAYS, code=5, STORAGE="abfs://container/x", **aws).stderr

    assert "AZURE_STORAGE_ACCOUNT_NAME" in missing
    assert "docs/storage.md" in refused
    assert "c2VjcmV0" not in refused


def remove_ledger(home: OnS3) -> None:
    for file in home.folder.glob("ledger.db*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()


@pytest.mark.fault("F540", "F546", "F639")
def test_a_bucket_is_backed_up_to_a_bucket_and_comes_back_after_all_of_it_was_lost(
    home: OnS3, s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    for name, value in s3.environ().items():
        monkeypatch.setenv(name, value)
    home.say("run", *DAYS, code=0)
    lost, requests = ledger_id(home.config), len(home.receiver.requests)
    remove_ledger(home)
    home.say("restore", "--lost", lost, code=0)
    home.say("run", *DAYS, code=0)
    assert len(home.receiver.requests) == requests

    home.say("backup", "s3://nowhere/backup", code=5)
    s3.client().create_bucket(Bucket="backups")
    made = json.loads(home.say("backup", "s3://backups/statsig", "--json", code=0).stdout)
    again = json.loads(home.say("backup", "s3://backups/statsig", "--json", code=0).stdout)
    for item in s3.client().list_objects_v2(Bucket="events")["Contents"]:
        s3.client().delete_object(Bucket="events", Key=item["Key"])
    remove_ledger(home)
    home.say("restore", "s3://nowhere/backup", code=5)
    restored = home.say("restore", "s3://backups/statsig", "--json")
    home.say("run", *DAYS, code=0)

    assert (made["files"], made["copied_files"], again["copied_files"]) == (2, 2, 0)
    assert json.loads(restored.stdout)["copied_files"] == 2
    assert "No difference" in home.say("verify").stderr
    assert len(home.receiver.requests) == requests
