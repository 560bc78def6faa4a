"""A real S3 over HTTP, in a process of its own that a test may end; and a server whose every answer is an error."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config as BotoConfig

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
sys.stdin.read()
"""


@dataclass
class S3Server:
    """The process, its URL, and keys that it knows."""

    process: subprocess.Popen[str]
    url: str

    def environ(self, key: str = "anyone", secret: str = "anything", **more: str) -> dict[str, str]:  # noqa: S107  of no one
        """What tells a client where the server is and who it is."""
        return {**credentials(key, secret), "AWS_ENDPOINT_URL": self.url, **more}

    def client(self, service: str = "s3") -> Any:  # noqa: ANN401  boto3 ships no types
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="anyone",
            aws_secret_access_key="anything",
            config=BotoConfig(retries={"max_attempts": 1}),
        )

    def reset(self) -> None:
        """No bucket, no user, and everybody is let in."""
        self._post("reset", b"")
        self.let_in_all()

    def let_in_all(self) -> None:
        self._post("reset-auth", b"1000000000")

    def ask_for_credentials(self) -> None:
        """From now on only users that it knows are let in, to what their policies say."""
        self._post("reset-auth", b"0")

    def user(self, policy: Mapping[str, object]) -> tuple[str, str]:
        """A new user's key and secret, while everybody is let in still."""
        iam = self.client("iam")
        iam.create_user(UserName="export")
        iam.put_user_policy(UserName="export", PolicyName="files", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName="export")["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _post(self, path: str, body: bytes) -> None:
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/{path}", body, headers)  # noqa: S310  loopback
        urllib.request.urlopen(request, timeout=20).close()  # noqa: S310  likewise


def credentials(key: str, secret: str) -> dict[str, str]:
    """Nothing of the machine's own configuration is looked at."""
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
    }


@contextmanager
def s3_server() -> Iterator[S3Server]:
    command = [sys.executable, "-c", _SERVER]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        words = ""
        while not words.startswith("127.0.0.1 "):
            words = process.stdout.readline()
            assert words, "the server did not start"
        host, port = words.split()
        try:
            yield S3Server(process, f"http://{host}:{port}")
        finally:
            process.kill()


@contextmanager
def answering_errors(status: int, code: str) -> Iterator[str]:
    """The URL of a server that answers every request with this error of S3."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>of a secret</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  as the base class calls them

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
