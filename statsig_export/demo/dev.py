"""The Dagster UI on a demo's home, with the stand-in webhook listening so that shipments arrive: `make dev`, or

python -m statsig_export.demo.dev .statsig_export/demo
"""

import os
import subprocess
import sys
from pathlib import Path
from shlex import quote
from urllib.parse import urlsplit

from statsig_export.demo.code_location import TARGET
from statsig_export.demo.home import read_environment
from statsig_export.testing.webhook.endpoint import Authentication
from statsig_export.testing.webhook.receiver import Receiver

COMMAND = ("dagster", "dev", "--host", "127.0.0.1", *TARGET)


def main(home: Path) -> int:
    """Run until `dagster dev` ends (Ctrl-C). Returns its exit code, 2 where no demo has made the home."""
    try:
        environ = read_environment(home / "environment")
    except OSError as error:
        said = f"no demo in {home} ({error.strerror}): `statsig-export demo --home {quote(str(home))}` makes one"
        sys.stderr.write(f"{said}\n")
        return 2
    url = urlsplit(environ["FIVETRAN_WEBHOOK_URL"])
    receiver = Receiver(
        url.port or 0,
        url.path,
        auth=Authentication("hmac", environ["FIVETRAN_WEBHOOK_SECRET"]),
        transcript=home / "received.jsonl",
        tables=home / "received.db",
        keep_events=False,
    )
    with receiver:
        process = subprocess.Popen(  # noqa: S603  our own program, with our own arguments
            [sys.executable, "-m", *COMMAND], env={**os.environ, **environ}
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            return process.wait()  # the terminal told it, too


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".statsig_export/demo")))
